"""Folders of recorded series: `NAME.csv` with a heading `timestamp,value`, in any order and among others.

A time is ISO 8601, UTC where no zone is told or it is called UTC or GMT, or a number of seconds, milli-, micro- or
nanoseconds since the epoch.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfheal.model.errors import Permanent

Array = npt.NDArray[np.float64]
_EPOCH, _FINER = 1e8, ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""A number from the first on is no date like 20140401; from these on it counts nano-, micro- and milliseconds."""
_UTC = re.compile(r"\s*(UTC|GMT)$", re.IGNORECASE)
_OFFSET = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")


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
    """Read one file: a point for each line that is not blank, also for one that ends before its value.

    A file without a single line is an empty series.

    Raises:
        Permanent: it cannot be read, or has lines but no columns `timestamp` and `value`.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Permanent(f"{path} cannot be read: {error}") from error
    heading = [name.strip().lower() for name in rows[0]] if rows else ["timestamp", "value"]
    if "timestamp" not in heading or "value" not in heading:
        raise Permanent(f"{path} has no heading with timestamp and value; its first line must be: timestamp,value")
    time, value = heading.index("timestamp"), heading.index("value")
    least = max(time, value) + 1
    points = [[*row, *[""] * (least - len(row))] for row in rows[1:]]
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
        told = json.loads(path.read_text(encoding="utf-8-sig"))
        return {_file(name): float(limit) for name, limit in told.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise Permanent(f'{path} cannot be used: {error}; it must hold an object like {{"NAME.csv": 95.0}}') from error


def _file(name: str) -> str:
    return name if name.lower().endswith(".csv") else f"{name}.csv"


def _seconds(text: str) -> float:
    number = _number(text)
    if number >= _EPOCH:
        return number / next((parts for least, parts in _FINER if number >= least), 1.0)
    try:
        told = datetime.fromisoformat(_OFFSET.sub("", _UTC.sub("", text.strip())))
    except ValueError:
        return number
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
