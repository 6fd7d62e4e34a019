"""One run of an action: a `healing_actions` row, its phases and its one outcome."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from selfheal.model.observation import Incarnation
from selfheal.model.trigger import ForetoldMetric


class Status(StrEnum):
    """The client's statuses of an attempt."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    ROLLED_BACK = "ROLLED_BACK"


class Phase(StrEnum):
    """How far a running attempt has come; committed before what it announces."""

    PREPARED = "prepared"
    ACTING = "acting"
    VERIFYING = "verifying"
    ROLLING_BACK = "rolling_back"


class Verification(StrEnum):
    """What the observations after the act say. UNKNOWN is never a success and never retried by itself."""

    HEALED = "HEALED"
    NOT_HEALED = "NOT_HEALED"
    UNKNOWN = "UNKNOWN"


class RollbackOutcome(StrEnum):
    """What became of the rollback plan."""

    DONE = "DONE"
    FAILED = "FAILED"
    NOT_PLANNED = "NOT_PLANNED"
    NOT_NEEDED = "NOT_NEEDED"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The process that runs an attempt, so that a taker-over on the same host can end it first.

    Attributes:
        host: identity of the machine and its boot; another value means "not from here".
        pid: process id.
        started: clock ticks of the process's start, so that a reused pid is not taken for it.
    """

    host: str
    pid: int
    started: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `prepare` learned before the act.

    Attributes:
        before: the incarnation to be replaced; the act is off when it has changed meanwhile.
        rollback: how to go back, e.g. `{"restore": "running"}`; None where nothing can be undone.
        evidence: what a restart would destroy (state, last log lines), at most 64 KiB.
        steps: what the act will do, for a person and for a dry run.
        parameters: what the act depends on besides its target; a person's approval is bound to them.
        timeout_s: the act is over by then; None: as the action says for all.
        found: what was measured before the act, by metric, where that tells whether it has changed anything; empty: the
            incarnation does.
        wanted: what must be measured after it for it to have done what it was to do; empty: anything.
    """

    before: Incarnation | None = None
    rollback: dict[str, Any] | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    timeout_s: float | None = None
    found: dict[str, float] = field(default_factory=dict)
    wanted: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The one result of an attempt.

    Attributes:
        status: SUCCESS, FAILED or ROLLED_BACK.
        verification: what the observations said; None when there was no act to verify.
        message: what happened, for a person.
        rollback: what became of the rollback.
        interrupted: whether the attempt's first holder died and somebody else settled it.
        escalate: whether a person must look at the fault.
    """

    status: Status
    verification: Verification | None
    message: str
    rollback: RollbackOutcome = RollbackOutcome.NOT_PLANNED
    interrupted: bool = False
    escalate: bool = False

    @property
    def name(self) -> str:
        """Healed, NotHealed, RolledBack or Unknown: how people see it ended."""
        if self.status is Status.SUCCESS:
            return "Healed"
        if self.status is Status.ROLLED_BACK:
            return "RolledBack"
        return "Unknown" if self.verification is Verification.UNKNOWN else "NotHealed"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An attempt as stored.

    Attributes:
        id: its row.
        fault_id: the fault that it is to mend.
        component: name of the component.
        target: canonical name of the physical thing that it was admitted for; settings may give the component another.
        action: name of the action, e.g. `restart-service`.
        trigger_type: why.
        status: where it stands.
        fence: rises with each claim; a write with an older fence changes nothing.
        phase: how far it has come; None before the first claim prepared it.
        holder: who runs it; None before the first claim.
        act_deadline: until when the announced act may still be under way; None before the act.
        runs: how often it was claimed.
        plan: what `prepare` stored; None before.
        created_at: when the intent was written.
        flow_runs: the runs of the workflow engine that carried it out, the first one first; empty where none did.
        outcome: its one result; None while it is unfinished.
        foretold: the prediction for which it is done, while nothing is sick; None: something is, or was.
        approved: fingerprint of what a person approved, and of nothing else; empty: nobody had to be asked.
        displaced: earlier holders that did not let go of it by themselves, the first one first.
    """

    id: UUID
    fault_id: UUID
    component: str
    target: str
    action: str
    trigger_type: str
    status: Status
    fence: int
    phase: Phase | None
    holder: Holder | None
    act_deadline: datetime | None
    runs: int
    plan: Plan | None
    created_at: datetime
    flow_runs: tuple[UUID, ...] = ()
    outcome: Outcome | None = None
    foretold: ForetoldMetric | None = None
    approved: str = ""
    displaced: tuple[Holder, ...] = ()
