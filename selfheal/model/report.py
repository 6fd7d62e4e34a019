"""What people read: one line of history, one fault, one counted refusal, and what may be asked for of each."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from selfheal.model.attempt import Status, Verification
from selfheal.model.trigger import PREEMPTIVE


@dataclass(frozen=True, kw_only=True)
class HistoryLine:
    """One attempt, or one transition of a breaker where those were asked for.

    Attributes:
        attempt_id: its row.
        fault_id: the fault that it was to mend; None: a transition.
        tenant: whose it is; None: the infrastructure's.
        component: what was to be healed; of a transition, the breaker.
        trigger_type: why, as a type.
        action: what was done.
        action_type: the same as the client names it.
        status: PENDING, RUNNING, SUCCESS, FAILED or ROLLED_BACK.
        success: None while unfinished.
        execution_ms: how long the act took; None if there was none, or it is unfinished.
        error: why it failed; None if it did not.
        phase: how far an unfinished one has come.
        verification: HEALED, NOT_HEALED or UNKNOWN; None while unfinished.
        rollback: what became of the rollback; None while unfinished.
        interrupted: whether another process settled it.
        why: the trigger's reason.
        message: what happened.
        flow_run: the Prefect flow run that carries it out; None where none does, or none was written down.
        detected_at: when the fault was first seen; of a transition, when it was made.
        created_at: when the attempt was admitted.
        act_started_at: when the act was announced; None if it never was.
        act_ended_at: when the act was over.
        completed_at: when the outcome was recorded.
    """

    attempt_id: UUID
    fault_id: UUID | None
    tenant: UUID | None
    component: str
    trigger_type: str
    action: str
    action_type: str
    status: str
    success: bool | None
    execution_ms: int | None
    error: str | None
    phase: str | None
    verification: str | None
    rollback: str | None
    interrupted: bool
    why: str
    message: str
    flow_run: UUID | None
    detected_at: datetime
    created_at: datetime
    act_started_at: datetime | None
    act_ended_at: datetime | None
    completed_at: datetime | None

    @property
    def preemptive(self) -> bool:
        """Whether nothing was sick: it was done for a prediction."""
        return self.trigger_type in PREEMPTIVE


@dataclass(frozen=True, kw_only=True)
class AttemptFilter:
    """Which attempts are wanted; what is empty does not matter.

    Attributes:
        status: where they stand.
        verification: what was seen afterwards.
        action_type: as the client names it.
        component: what was to be healed; of a transition, the breaker.
        fault: of this fault.
        since: admitted then or later.
        until: admitted before then.
        transitions: also the transitions of breakers.
    """

    status: Status | None = None
    verification: Verification | None = None
    action_type: str = ""
    component: str = ""
    fault: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    transitions: bool = False


class FaultState(StrEnum):
    """Where a fault stands, for people."""

    OPEN = "OPEN"
    NEEDS_PERSON = "NEEDS_PERSON"  # open, and a person must look
    CLOSED = "CLOSED"


@dataclass(frozen=True, kw_only=True)
class FaultLine:
    """One fault.

    Attributes:
        id: its row.
        component: what is, or was, sick.
        group: of the estate; empty for none.
        trigger_type: how it was noticed.
        priority: of the trigger.
        detected_at: since when.
        verified_at: when it was proved healthy; None: not yet.
        closed_at: None while it is open.
        resolution: HEALED by an attempt, or RECOVERED by itself; None while it is open.
        attempts: how many were admitted.
        needs_person: why a person must look; None if nobody must.
        start_missed_at: when it was noted that no heal had begun in time; None if one had.
        rests_until: it is, or was, cooling down: no heal begins by itself before; None: it never was.
    """

    id: UUID
    component: str
    group: str
    trigger_type: str
    priority: str
    detected_at: datetime
    verified_at: datetime | None
    closed_at: datetime | None
    resolution: str | None
    attempts: int
    needs_person: str | None
    start_missed_at: datetime | None
    rests_until: datetime | None

    def rests(self, now: datetime) -> datetime | None:
        """Until when it is cooling down; None: it is not, or not any more."""
        resting = self.closed_at is None and self.rests_until is not None and self.rests_until > now
        return self.rests_until if resting else None

    @property
    def preemptive(self) -> bool:
        """Whether nothing was sick: what is told here was done, asked or planned for a prediction."""
        return self.trigger_type in PREEMPTIVE

    @property
    def state(self) -> FaultState:
        """Where it stands."""
        if self.closed_at is not None:
            return FaultState.CLOSED
        return FaultState.OPEN if self.needs_person is None else FaultState.NEEDS_PERSON


@dataclass(frozen=True, kw_only=True)
class FaultFilter:
    """Which faults are wanted; what is empty does not matter.

    Attributes:
        state: OPEN means all that are not closed.
        component: what is sick.
        since: detected then or later.
        until: detected before then.
    """

    state: FaultState | None = None
    component: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RefusalLine:
    """Equal refusals, counted.

    Attributes:
        component: as the trigger named it.
        decision: the refusal's name.
        reason: why.
        source: who or what asked.
        occurrences: how often.
        first_at: when it happened first.
        last_at: when it happened last.
    """

    component: str
    decision: str
    reason: str
    source: str
    occurrences: int
    first_at: datetime
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
