"""The turns of a mechanism that a schedule begins: what really ran, and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
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

    @property
    def took(self) -> timedelta | None:
        """How long the newest that has ended took; None: none has."""
        if self.done_began_at is None or self.done_ended_at is None:
            return None
        return self.done_ended_at - self.done_began_at


class TurnState(StrEnum):
    """How a mechanism stands that a schedule begins."""

    RAN = "ran"
    RUNNING = "running"
    FAILED = "failed"
    LATE = "late"
    WAITING = "waiting"  # it never ran, and had no time to


@dataclass(frozen=True, kw_only=True)
class Mechanism:
    """A mechanism that a schedule begins, and what really ran of it.

    Attributes:
        turn: what ran last.
        every: how often it is to run.
        since: from when on there is somebody to run it.
    """

    turn: Turn
    every: timedelta
    since: datetime

    @property
    def name(self) -> str:
        """Its name."""
        return self.turn.mechanism

    @property
    def due_at(self) -> datetime:
        """When its next turn is, or was, to begin."""
        return max(self.turn.began_at or self.since, self.since) + self.every

    @property
    def behind(self) -> timedelta:
        """How long its next turn is overdue; nothing where it is not."""
        return max(self.turn.at - self.due_at, timedelta(0))
