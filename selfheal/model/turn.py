"""The turns of a mechanism that a schedule begins: what really ran, and when."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Turn:
    """The newest turn of one mechanism, and the newest that came to its end: often the same one.

    Attributes:
        mechanism: its name.
        began_at: when the newest began; None: none ever has.
        ended_at: when it ended; None: it has not.
        done_began_at: when the newest that has ended began; None: none ever has.
        done_ended_at: when that ended.
        error: why that failed; empty: it did not.
        at: the database's clock when this was read.
    """

    mechanism: str
    began_at: datetime | None
    ended_at: datetime | None
    done_began_at: datetime | None
    done_ended_at: datetime | None
    error: str
    at: datetime


class TurnState(StrEnum):
    """How a mechanism stands that a schedule begins."""

    RAN = "ran"
    RUNNING = "running"
    FAILED = "failed"
    LATE = "late"
    WAITING = "waiting"  # it never ran, and had no time to
