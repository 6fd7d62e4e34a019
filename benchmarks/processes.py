"""The cases of `reaction` with supervised processes: killed, beside supervisord's own autorestart, and hung."""

import itertools
import signal

from benchmarks.case import Case
from benchmarks.database import own_database, scratch
from benchmarks.faults import broken
from benchmarks.healed import Healed, healed
from benchmarks.rounds import alternate
from benchmarks.supervised import PROGRAM, running_estate
from deployments.demo.configuration import STOP_WAIT_SECONDS
from deployments.demo.estate import Estate

_AUTORESTART = "supervisord's autorestart=true of the same program, another supervisord, the same run"
_HUNG = "none: supervisord does not see that a process hangs; the time holds its stop grace (see hung-stop-grace)"
_GRACE = f"none: configured are {STOP_WAIT_SECONDS} s (stopwaitsecs) before the KILL"


def process_cases(*, quick: bool) -> list[Case]:
    """`process-serving`, `hung-serving` and `hung-stop-grace`."""
    killed_rounds, hung_rounds = (3, 1) if quick else (21, 5)
    with (
        scratch() as folder,
        own_database(folder) as database,
        running_estate(folder / "autorestart", autorestart=True) as restarted,
        running_estate(folder / "healed", autorestart=False) as estate,
        healed(folder, database, PROGRAM, estate.settings()) as watched,
    ):
        attempts = itertools.count(1)
        watched.await_settled(attempts=0)
        killed = alternate(
            {
                "ours": lambda: _healed_kill(watched, estate, next(attempts)),
                "autorestart": lambda: _restarted_kill(restarted),
            },
            rounds=killed_rounds,
            what="process-serving",
        )
        hung = [_hung(watched, estate, next(attempts)) for _ in range(hung_rounds)]
    return [
        _case("process-serving", killed["ours"], _AUTORESTART, killed["autorestart"]),
        _case("hung-serving", tuple(seconds for seconds, _ in hung), _HUNG),
        _case("hung-stop-grace", tuple(grace for _, grace in hung), _GRACE),
    ]


def _case(name: str, ours: tuple[float, ...], what_other: str, other: tuple[float, ...] = ()) -> Case:
    return Case(name=name, unit="s", ours=ours, other=other, what_other=what_other)


def _healed_kill(watched: Healed, estate: Estate, attempt: int) -> float:
    """Kill the program; the heal is settled before anything else happens."""
    found = broken(estate, signal.SIGKILL)
    watched.await_settled(attempts=attempt)
    return found.seconds


def _restarted_kill(estate: Estate) -> float:
    return broken(estate, signal.SIGKILL).seconds


def _hung(watched: Healed, estate: Estate, attempt: int) -> tuple[float, float]:
    """Let the program hang; seconds until it serves again, and how long it was given to stop by itself."""
    found = broken(estate, signal.SIGSTOP)
    line = watched.await_settled(attempts=attempt)
    begun = None if line is None else line.act_started_at
    if begun is None:
        raise ValueError("the attempt has no beginning of its act")
    return found.seconds, found.died_at - begun.timestamp()
