"""`python -m benchmarks NAME [--json] [--quick]`: runs one benchmark; exit 2 for a name that does not exist.

`chaos` also takes `--faults N --seed S`, `--folder FOLDER` to keep what it wrote, and `--resume FOLDER` to go on there.
`idle --worker prefork|process|both` says which worker our stack has.
`forecast --traces DIR --out FILE` looks at recorded series instead of made-up ones; `anomalies DIR --out DIR` scores
some.
"""

import argparse
import functools
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from benchmarks.admission import admission
from benchmarks.anomalies import anomalies
from benchmarks.breaker import breaker
from benchmarks.case import Case, line, table
from benchmarks.chaos.run import FAULTS, Asked, chaos
from benchmarks.evidence import evidence
from benchmarks.forecast import forecast
from benchmarks.forecast_folder import forecast_folder
from benchmarks.idle import BOTH, PREFORK, PROCESS, idle
from benchmarks.ingest import ingest
from benchmarks.logs import logs
from benchmarks.reaction import reaction
from benchmarks.runstart import runstart
from benchmarks.trends import trends
from benchmarks.web import web
from selfheal.model.errors import Permanent, SelfhealError
from selfheal.policy.names import nearest

BENCHMARKS: Mapping[str, Callable[..., list[Case]]] = {
    "admission": admission,
    "breaker": breaker,
    "chaos": chaos,
    "evidence": evidence,
    "forecast": forecast,
    "idle": idle,
    "logs": logs,
    "ingest": ingest,
    "reaction": reaction,
    "runstart": runstart,
    "trends": trends,
    "web": web,
}
FOLDERS = "anomalies"
"""The name of what only reads and writes folders."""
FINE, FAILED, WRONG_USAGE, TERMINATED = 0, 1, 2, 143


def main(words: Sequence[str] | None = None) -> int:
    """Run one benchmark and print what it found; gives the exit code."""
    options = _parsed(words)
    names = [*BENCHMARKS, FOLDERS]
    if options.name not in names:
        sys.stderr.write(f"benchmarks: no benchmark is named {options.name!r}{nearest(options.name, names)}\n")
        return WRONG_USAGE
    if (options.name == FOLDERS or options.traces) and not options.out:
        sys.stderr.write(f"benchmarks: {options.name}: say where to write with --out\n")
        return WRONG_USAGE
    try:
        cases = _chosen(options)(quick=options.quick)
    except (SelfhealError, TimeoutError) as error:
        sys.stderr.write(f"benchmarks: {options.name}: {error}\n")
        return FAILED
    if cases:
        sys.stdout.write(f"{table(cases)}\n")
    if options.json and cases:
        sys.stdout.write(f"{line(options.name, cases)}\n")
    return FAILED if any(case.must_be_zero and any(case.ours) for case in cases) else FINE


def _chosen(options: argparse.Namespace) -> Callable[..., list[Case]]:
    """The benchmark, with what only some of them ask for."""
    if options.name == FOLDERS:
        return lambda *, quick: anomalies(_folder(options.where), options.out)  # noqa: ARG005  there is no quick way
    if options.name == "forecast" and options.traces:
        return lambda *, quick: forecast_folder(_folder(options.traces), options.out)  # noqa: ARG005
    if options.name == "idle":
        return functools.partial(idle, worker=options.worker)
    if options.name != "chaos":
        return BENCHMARKS[options.name]
    asked = Asked(
        faults=options.faults, seed=options.seed, folder=options.resume or options.folder, resume=bool(options.resume)
    )
    return functools.partial(BENCHMARKS["chaos"], asked=asked)


def _folder(path: Path | None) -> Path:
    if path is None or not path.is_dir():
        raise Permanent(f"{path or 'nothing'} is no folder; name one that holds NAME.csv files")
    return path


def _parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", help=f"one of {', '.join([*BENCHMARKS, FOLDERS])}")
    parser.add_argument("where", nargs="?", type=Path, help="of anomalies: the folder to read")
    parser.add_argument("--traces", type=Path, help="of forecast: a folder of NAME.csv and limits.json")
    parser.add_argument("--out", type=Path, help="of forecast --traces: the file, of anomalies: the folder to write")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: shows that it runs, not a figure")
    parser.add_argument("--faults", type=int, default=FAULTS, help="of chaos: how many are made")
    parser.add_argument("--seed", type=int, default=1, help="of chaos: of every draw")
    workers = (PREFORK, PROCESS, BOTH)
    parser.add_argument("--worker", choices=workers, default=BOTH, help="of idle: which starts our flow runs")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--folder", type=Path, help="of chaos: an empty folder that is kept; else one that is taken away"
    )
    where.add_argument("--resume", type=Path, help="of chaos: the folder of a campaign that was broken off")
    return parser.parse_args(words)


def _leave(_number: int, _frame: object) -> NoReturn:
    """A stop from outside unwinds like Ctrl-C, so that servers and folders are taken away."""
    sys.exit(TERMINATED)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    sys.exit(main())
