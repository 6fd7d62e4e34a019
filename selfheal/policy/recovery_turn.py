"""What one turn of recovery may change: the most urgent first, never more than so many, and nothing in a storm."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from selfheal.model.recovery import Verdict
from selfheal.model.workflow_health import Level

MANY_BLOCKED = 3
_NO_TIME = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What is done in one turn.

    Attributes:
        chosen: the names of those that are recovered now, the most urgent first.
        waiting: of those that come later.
        storm: whether so many are stuck that a person must be asked.
    """

    chosen: tuple[str, ...]
    waiting: tuple[str, ...]
    storm: bool


def turn(verdicts: Sequence[Verdict], *, at_most: int, go: bool) -> Turn:
    """Which of these are recovered now.

    Args:
        verdicts: of all that have a plan.
        at_most: so many in one turn; more than that are a storm.
        go: whether a person has let the recoveries of this storm begin.
    """
    names = tuple(one.req_number for one in sorted(verdicts, key=_urgency))
    storm = len(names) > at_most
    if storm and not go:
        return Turn(chosen=(), waiting=names, storm=True)
    return Turn(chosen=names[:at_most], waiting=names[at_most:], storm=storm)


def level(*, blocked: int, orphans: int | None, many_orphans: int) -> Level:
    """How it stands with all workflows; orphans that nobody has counted make nothing worse."""
    if blocked > MANY_BLOCKED:
        return Level.CRITICAL
    return Level.DEGRADED if blocked or (orphans or 0) > many_orphans else Level.HEALTHY


def _urgency(one: Verdict) -> tuple[bool, timedelta, str]:
    """P0 first, then what is stuck for longest."""
    return not one.critical, -(one.stuck_for or _NO_TIME), one.req_number
