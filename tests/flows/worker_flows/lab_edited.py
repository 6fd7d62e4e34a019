"""A flow whose word is edited between two runs."""

from pathlib import Path

from prefect import flow

WORD = "before"


@flow
def says(note: str) -> None:
    """Tell the word of the module as it is now."""
    Path(note).write_text(WORD, encoding="utf-8")
