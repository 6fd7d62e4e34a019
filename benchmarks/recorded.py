"""Folders of recorded series: `NAME.csv` with a heading `timestamp,value`; ISO times, UTC where no zone is told."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfheal.model.errors import Permanent

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A file of points, in its own order.

    Attributes:
        file: its name in the folder.
        stamps: the times as they are written.
        texts: the values as they are written.
        times_s: seconds since the epoch; NaN for what is no time.
        values: NaN for what is no number.
    """

    file: str
    stamps: Sequence[str]
    texts: Sequence[str]
    times_s: Array
    values: Array


def recorded(path: Path, *, file: str) -> Recorded:
    """Read one file.

    Raises:
        Permanent: it cannot be read, or has no columns `timestamp` and `value`.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Permanent(f"{path} cannot be read: {error}") from error
    heading = [name.strip().lower() for name in rows[0]] if rows else []
    if "timestamp" not in heading or "value" not in heading:
        raise Permanent(f"{path} has no heading with timestamp and value; its first line must be: timestamp,value")
    time, value = heading.index("timestamp"), heading.index("value")
    points = [row for row in rows[1:] if len(row) > max(time, value)]
    return Recorded(
        file=file,
        stamps=[row[time] for row in points],
        texts=[row[value] for row in points],
        times_s=np.array([_seconds(row[time]) for row in points], dtype=np.float64),
        values=np.array([_number(row[value]) for row in points], dtype=np.float64),
    )


def limits_of(folder: Path) -> Mapping[str, float]:
    """The limits of a folder's files, from its `limits.json`; a name may be told with or without `.csv`.

    Raises:
        Permanent: it is not there, or is no object of numbers.
    """
    path = folder / "limits.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {_file(name): float(limit) for name, limit in told.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise Permanent(f'{path} cannot be used: {error}; it must hold an object like {{"NAME.csv": 95.0}}') from error


def _file(name: str) -> str:
    return name if name.endswith(".csv") else f"{name}.csv"


def _seconds(text: str) -> float:
    try:
        told = datetime.fromisoformat(text.strip())
    except ValueError:
        return float("nan")
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
