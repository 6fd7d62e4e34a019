"""`python -m benchmarks forecast --traces DIR --out FILE`: the alarms on any folder of recorded series."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.case import Case
from benchmarks.forecast_alarms import Alarm, alarms_at_ends
from benchmarks.recorded import Recorded, limits_of, recorded
from selfheal.forecast.buckets import Series, in_buckets
from selfheal.model.errors import Permanent
from selfheal.model.forecast import Forecast, NoForecast
from selfheal.policy.untold import too_little

_TOGETHER = 500
"""Series that are looked at at once: enough for speed, few enough for the memory."""


def forecast_folder(traces: Path, out: Path) -> list[Case]:
    """Write a line of JSON per file that has a limit, in the order of their names; no cases, there is nothing to judge.

    A file that cannot be used keeps no other from its line; it is named on stderr.

    Raises:
        Permanent: the folder or its limits cannot be used, and nothing is written; or some files could not be.
    """
    limits = limits_of(traces)
    files = sorted(limits)
    for name in sorted(_names(traces) - limits.keys()):
        sys.stderr.write(f"forecast: {name} has no limit in limits.json and is left out\n")
    lines, bad = [], list[str]()
    for begins in range(0, len(files), _TOGETHER):
        read = list(_read(traces, files[begins : begins + _TOGETHER], bad))
        lines += _lines(read, [limits[one.file] for one in read])
    for why in bad:
        sys.stderr.write(f"forecast: {why}\n")
    if bad and not lines:
        raise Permanent(f"nothing in {traces} that limits.json names can be used: {bad[0]}")
    _write(out, "".join(f"{one}\n" for one in lines))
    if bad:
        raise Permanent(f"{len(bad)} of {len(files)} files have no line in {out}")
    return []


def _names(traces: Path) -> set[str]:
    """What could have a limit, those in folders of the folder too."""
    return {
        path.relative_to(traces).as_posix()
        for path in traces.rglob("*")
        if path.suffix.lower() == ".csv" and path.is_file()
    }


def _read(traces: Path, files: Sequence[str], bad: list[str]) -> Iterator[Recorded]:
    """Those that can be read; why the others cannot is added to what is `bad`."""
    for name in files:
        if not (traces / name).is_file():
            bad.append(f"{traces} has no {name}, which its limits.json names")
            continue
        try:
            yield recorded(traces / name, file=name)
        except Permanent as error:
            bad.append(error.message)


def _lines(read: Sequence[Recorded], limits: Sequence[float]) -> list[str]:
    series = [in_buckets(one.times_s, one.values) for one in read]
    alarms, ends = alarms_at_ends(series, limits)
    for one, points, found, end in zip(read, series, alarms, ends, strict=True):
        _note(one.file, points, "" if found else _why_none(end))
    return [
        json.dumps({"file": one.file, "alarms": [_told(alarm) for alarm in found]})
        for one, found in zip(read, alarms, strict=True)
    ]


def _why_none(end: Forecast | None) -> str:
    """Why a series without an alarm could have none; empty: it could, and there was no reason for one."""
    if end is not None and end.why_not in {NoForecast.CONSTANT, NoForecast.OVER}:
        return end.why_not.value
    return too_little(end)


def _note(file: str, points: Series, why: str) -> None:
    """What somebody should know of a file who wonders why there is so little in its line."""
    notes = []
    if points.left_out or points.set_back:
        notes.append(f"{points.left_out} points left out, its clock went back {points.set_back} times")
    if points.sorted:
        notes.append("its points stood in no order, and were sorted by their times")
    if why:
        notes.append(f"no alarm, and {why}")
    if notes:
        sys.stderr.write(f"forecast: {file}: {'; '.join(notes)}\n")


def _told(alarm: Alarm) -> dict[str, Any]:
    """Times in ISO 8601, UTC."""
    at = datetime.fromtimestamp(alarm.at_s, UTC)
    after = {"breach_at": alarm.reach_s, "low": alarm.low_s, "high": alarm.high_s}
    return {"at": at.isoformat(), **{name: (at + timedelta(seconds=more)).isoformat() for name, more in after.items()}}


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Permanent(f"{out} cannot be written: {error}") from error
