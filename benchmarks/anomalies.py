"""`python -m benchmarks anomalies DIR --out DIR`: a score beside every value of a folder of recorded series.

Each file is read once from its beginning; a score depends on the lines before it and on its own only.
"""

import csv
import sys
from pathlib import Path

from benchmarks.case import Case
from benchmarks.recorded import recorded
from selfheal.forecast.anomalies import Anomalies
from selfheal.model.errors import Permanent


def anomalies(folder: Path, out: Path) -> list[Case]:
    """Write each file of the folder, those in its folders too, as `timestamp,value,score` under its name; no cases.

    Raises:
        Permanent: there is no file, one cannot be read, or nothing can be written.
    """
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.csv"))
    if not files:
        raise Permanent(f"{folder} has no file whose name ends with .csv")
    if out.resolve() == folder.resolve():
        raise Permanent(f"--out must be another folder than {folder}: its files would be overwritten")
    for file in files:
        try:
            _scored(folder / file, out / file)
        except OSError as error:
            raise Permanent(f"{out / file} cannot be written: {error}") from error
    sys.stderr.write(f"anomalies: {len(files)} files written to {out}\n")
    return []


def _scored(path: Path, out: Path) -> None:
    read = recorded(path, file=path.name)
    state = Anomalies()
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("timestamp", "value", "score"))
        for stamp, text, at_s, value in zip(read.stamps, read.texts, read.times_s, read.values, strict=True):
            writer.writerow((stamp, text, f"{state.score(float(at_s), float(value)):.6f}"))
