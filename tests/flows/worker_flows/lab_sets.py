"""A flow whose module sets a variable when it is imported, as one that loads a `.env` does."""

import json
import os
from pathlib import Path

from prefect import flow

os.environ.setdefault("LAB_TOKEN", "of the file")


@flow
def finds(note: str) -> None:
    """Tell the variable."""
    Path(note).write_text(json.dumps({"token": os.environ.get("LAB_TOKEN")}), encoding="utf-8")
