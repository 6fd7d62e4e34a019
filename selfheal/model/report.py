"""What people read: one line of history, one open fault, one counted refusal."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class HistoryLine:
    """One attempt, as `selfheal history` and the demo's closing table show it.

    Attributes:
        attempt_id: its row.
        component: what was to be healed.
        action: what was done.
        status: PENDING, RUNNING, SUCCESS, FAILED or ROLLED_BACK.
        phase: how far an unfinished one has come.
        verification: HEALED, NOT_HEALED or UNKNOWN; None while unfinished.
        rollback: what became of the rollback; None while unfinished.
        interrupted: whether another process settled it.
        why: the trigger's reason.
        message: what happened.
        detected_at: when the fault was first seen.
        created_at: when the attempt was admitted.
        act_started_at: when the act was announced; None if it never was.
        act_ended_at: when the act was over.
        completed_at: when the outcome was recorded.
    """

    attempt_id: UUID
    component: str
    action: str
    status: str
    phase: str | None
    verification: str | None
    rollback: str | None
    interrupted: bool
    why: str
    message: str
    detected_at: datetime
    created_at: datetime
    act_started_at: datetime | None
    act_ended_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class OpenFault:
    """A fault that is not closed.

    Attributes:
        component: what is sick.
        detected_at: since when.
        attempts: how many were admitted.
        needs_person: why a person must look; None if nobody must.
    """

    component: str
    detected_at: datetime
    attempts: int
    needs_person: str | None


@dataclass(frozen=True, kw_only=True)
class RefusalLine:
    """Equal refusals, counted.

    Attributes:
        component: as the trigger named it.
        decision: the refusal's name.
        reason: why.
        occurrences: how often.
        last_at: when it happened last.
    """

    component: str
    decision: str
    reason: str
    occurrences: int
    last_at: datetime


@dataclass(frozen=True, kw_only=True)
class MissedStart:
    """A heal that did not begin in time.

    Attributes:
        component: what waited for it.
        priority: of the trigger; each has a deadline of its own.
        since: from when on it waited.
        missed_at: when that was noted.
    """

    component: str
    priority: str
    since: datetime
    missed_at: datetime
