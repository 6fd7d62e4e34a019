"""A flow whose module reads its surroundings when it is imported; the worker is told to import it ahead."""

import json
import os
from pathlib import Path

from prefect import flow

STAGE = os.environ.get("LAB_STAGE", "none")
WORD = Path(__file__).with_name("lab_word.txt").read_text(encoding="utf-8").strip()


@flow
def imported(note: str) -> None:
    """Tell what was read."""
    Path(note).write_text(json.dumps({"stage": STAGE, "word": WORD}), encoding="utf-8")


@flow
def second_time(note: str) -> None:
    """Fail once; how often it is tried is told by the settings."""
    if not Path(note).exists():
        Path(note).write_text("{}", encoding="utf-8")
        raise ValueError("once")
