"""`python -m benchmarks forecast --traces DIR --out FILE`: the alarms on any folder of recorded series."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.case import Case
from benchmarks.forecast_alarms import Alarm, alarms_of
from benchmarks.recorded import limits_of, recorded
from selfheal.forecast.buckets import in_buckets
from selfheal.model.errors import Permanent

_TOGETHER = 500
"""Series that are looked at at once: enough for speed, few enough for the memory."""


def forecast_folder(traces: Path, out: Path) -> list[Case]:
    """Write a line of JSON per file that has a limit, in the order of their names; no cases, there is nothing to judge.

    Raises:
        Permanent: the folder, its limits or a file cannot be used; then nothing is written.
    """
    limits = limits_of(traces)
    files = sorted(limits)
    missing = [name for name in files if not (traces / name).is_file()]
    if missing:
        raise Permanent(f"{traces} has no {', '.join(missing[:5])}, which its limits.json names")
    for name in sorted({path.name for path in traces.glob("*.csv")} - limits.keys()):
        sys.stderr.write(f"forecast: {name} has no limit in limits.json and is left out\n")
    lines = []
    for begins in range(0, len(files), _TOGETHER):
        names = files[begins : begins + _TOGETHER]
        lines += _lines(traces, names, [limits[name] for name in names])
    _write(out, "".join(f"{one}\n" for one in lines))
    return []


def _lines(traces: Path, names: list[str], limits: list[float]) -> list[str]:
    read = [recorded(traces / name, file=name) for name in names]
    series = [in_buckets(one.times_s, one.values) for one in read]
    for name, one in zip(names, series, strict=True):
        if one.left_out or one.set_back:
            sys.stderr.write(
                f"forecast: {name}: {one.left_out} points left out, its clock went back {one.set_back} times\n"
            )
    return [
        json.dumps({"file": name, "alarms": [_told(alarm) for alarm in alarms]})
        for name, alarms in zip(names, alarms_of(series, limits), strict=True)
    ]


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
