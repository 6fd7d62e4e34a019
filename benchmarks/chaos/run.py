"""`python -m benchmarks chaos`: a campaign as a benchmark. Its figures are counts, and all but the first must be 0."""

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.case import Case
from benchmarks.chaos import report
from benchmarks.chaos.campaign import Plan, campaign
from benchmarks.database import scratch
from selfheal.model.errors import Permanent

FAULTS = 2000
_QUICK = {"targets": 24, "containers": 0, "broken": 16, "plain": 3, "flows": 0, "rate": 6.0, "pause_s": 0.8}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line says.

    Attributes:
        faults: how many are made.
        seed: of every draw.
        folder: kept, and gone on with where it holds a campaign; None: one that is taken away.
        resume: it has to hold one.
    """

    faults: int = FAULTS
    seed: int = 1
    folder: Path | None = None
    resume: bool = False


def chaos(*, quick: bool, asked: Asked) -> list[Case]:
    """Run a campaign; `quick` is a smaller estate without a Prefect server."""
    with _folder(asked) as folder:
        outcome = campaign(folder, _plan(folder, asked, quick=quick))
        report.write(outcome, folder)
        sys.stdout.write(f"{report.text(outcome)}\n\n")
    return report.cases(outcome)


def _plan(folder: Path, asked: Asked, *, quick: bool) -> Plan:
    """As asked; a campaign that is resumed keeps the plan with which it began."""
    kept = folder / "plan.json"
    if kept.exists():
        return Plan(**json.loads(kept.read_text(encoding="utf-8")))
    return Plan(faults=asked.faults, seed=asked.seed, **(_QUICK if quick else {}))  # type: ignore[arg-type]


@contextlib.contextmanager
def _folder(asked: Asked) -> Iterator[Path]:
    """The folder that was named, or one of its own.

    Raises:
        Permanent: the folder holds something that is no campaign, or nothing where one is to be resumed.
    """
    if asked.folder is None:
        with scratch() as folder:
            yield folder
        return
    folder = asked.folder.absolute()
    if asked.resume and not (folder / "plan.json").exists():
        raise Permanent(f"{folder} holds no campaign to go on with", hint="begin one there with --folder")
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / "plan.json").exists():
        raise Permanent(f"{folder} is not empty and holds no campaign", hint="name another folder")
    yield folder
