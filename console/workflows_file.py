"""`selfheal workflows --file PATH`: what any request file on disk says, without a stack and without settings."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, show
from console.place import Output
from selfheal.clients.whole_file import read_whole
from selfheal.model.request import Reading
from selfheal.policy.request_text import read_requests

ENTRY = ("id", "title", "status", "priority", "owner", "line")


def told_of(file: str, output: Output) -> int:
    """Read it and print what it says.

    Raises:
        WrongUsage: there is no such file.
        Transient: it cannot be read.
    """
    path = Path(file).expanduser()
    if not path.exists():
        raise WrongUsage(f"there is no file {path}", hint="name a request file with --file PATH")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise WrongUsage(f"{path} is {kind}", hint="name a request file with --file PATH")
    reading = read_requests(read_whole(path).data, read_at=datetime.now(UTC))
    if output == "json":
        sys.stdout.write(json.dumps(as_json(reading), indent=2, ensure_ascii=False) + "\n")
    else:
        show(sections(reading), output=output)
    return FINE


def as_json(reading: Reading) -> dict[str, object]:
    """For a program: exactly this, whatever the file is like."""
    return {
        "entries": [{key: getattr(one, key) for key in ENTRY} for one in reading.entries],
        "duplicates": {name: list(lines) for name, lines in reading.duplicates.items()},
        "conflicts": {name: list(said) for name, said in reading.conflicts.items()},
        "oddities": [asdict(one) for one in reading.oddities],
    }


def sections(reading: Reading) -> list[Section]:
    """For a person."""
    duplicates: list[dict[str, Cell]] = [
        {"id": name, "lines": ", ".join(map(str, lines))} for name, lines in reading.duplicates.items()
    ]
    conflicts: list[dict[str, Cell]] = [
        {"id": name, "says": ", ".join(said)} for name, said in reading.conflicts.items()
    ]
    return [
        Section(
            name="entries", columns=ENTRY, rows=[{key: getattr(one, key) for key in ENTRY} for one in reading.entries]
        ),
        Section(name="duplicates", columns=("id", "lines"), rows=duplicates),
        Section(name="conflicts", columns=("id", "says"), rows=conflicts),
        Section(name="oddities", columns=("line", "id", "what"), rows=[asdict(one) for one in reading.oddities]),
    ]
