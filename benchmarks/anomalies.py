"""`python -m benchmarks anomalies DIR --out DIR`: a score beside every value of a folder of recorded series.

Each file is read once from its beginning; a score depends on the lines before it and on its own only.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.case import Case
from benchmarks.recorded import Recorded, recorded
from selfheal.forecast.anomalies import Anomalies
from selfheal.model.errors import Permanent


def anomalies(folder: Path, out: Path) -> list[Case]:
    """Write each file of the folder, those in its folders too, as `timestamp,value,score` under its name; no cases.

    What lies in `out` already is no file to read. A file that cannot be read or written keeps no other from its scores.

    Raises:
        Permanent: there is no file, one would be overwritten, or some could not be scored: those are named.
    """
    files = _files(folder, out)
    bad = []
    for file in files:
        try:
            _write(out / file, _scored(recorded(folder / file, file=file.name)))
        except Permanent as error:
            bad.append(error)
            sys.stderr.write(f"anomalies: {error}\n")
    sys.stderr.write(f"anomalies: {len(files) - len(bad)} files written to {out}\n")
    if bad:
        raise Permanent(f"{len(bad)} of {len(files)} files have no scores")
    return []


def _files(folder: Path, out: Path) -> Sequence[Path]:
    """The names of what is to be scored, in order."""
    read = [path for path in folder.rglob("*") if path.suffix.lower() == ".csv" and path.is_file()]
    if folder.resolve() in out.resolve().parents:
        read = [path for path in read if not path.resolve().is_relative_to(out.resolve())]
    files = sorted(path.relative_to(folder) for path in read)
    if not files:
        raise Permanent(f"{folder} has no file whose name ends with .csv")
    over = {path.resolve() for path in read} & {(out / file).resolve() for file in files}
    if over:
        raise Permanent(f"--out must be another folder than {out}: {min(over)} would be overwritten")
    return files


def _scored(read: Recorded) -> list[tuple[str, str, str]]:
    state = Anomalies()
    if timeless := int(np.isnan(read.times_s).sum()):
        sys.stderr.write(f"anomalies: {read.file}: {timeless} of {len(read.stamps)} timestamps tell no time\n")
    return [
        (stamp, text, f"{state.score(float(at_s), float(value)):.6f}")
        for stamp, text, at_s, value in zip(read.stamps, read.texts, read.times_s, read.values, strict=True)
    ]


def _write(path: Path, lines: Sequence[tuple[str, str, str]]) -> None:
    """The whole file or none: it gets its name when its last line is written."""
    new = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with new.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(("timestamp", "value", "score"))
                writer.writerows(lines)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise Permanent(f"{path} cannot be written: {error}") from error
