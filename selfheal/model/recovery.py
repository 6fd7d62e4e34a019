"""How a workflow stands, and how it is put back on track: what `policy.stuck` says of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from selfheal.model.request import RequestStatus
from selfheal.model.workflow import RecoveryType


class Standing(StrEnum):
    """How a workflow stands. Only STUCK and ESCALATED ones are ever moved by a mechanism."""

    FINE = "FINE"  # it goes on, or waits for its turn, or for a person, or has ended
    STUCK = "STUCK"
    ESCALATED = "ESCALATED"
    COULD_NOT_TELL = "COULD_NOT_TELL"  # nothing is moved, and the next look may tell
    PERSON = "PERSON"  # nothing is moved, and no further look will tell: contradictions, or words that are not clear


@dataclass(frozen=True, kw_only=True)
class RecoveryPlan:
    """What puts a workflow back on track.

    Attributes:
        type: as the client's history has it.
        status: what the request file will say.
        stage: the index of the stage that it will stand at.
        last_completed: the index of the last stage that is done before that one; None: none is.
        why: for a person.
    """

    type: RecoveryType
    status: RequestStatus
    stage: int
    last_completed: int | None
    why: str

    @property
    def blocks(self) -> bool:
        """Whether it is handed to a person instead of going on."""
        return self.type is RecoveryType.MARK_BLOCKED


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How one workflow stands.

    Attributes:
        req_number: which.
        standing: how.
        why: for a person; empty: there is nothing to say.
        plan: how it is put back on track; None: not by itself, or not yet.
        stuck_for: how long nothing has been heard of it; None: it is not stuck, or nobody knows.
        critical: whether it is a P0.
    """

    req_number: str
    standing: Standing
    why: str = ""
    plan: RecoveryPlan | None = None
    stuck_for: timedelta | None = None
    critical: bool = False

    @property
    def to_recover(self) -> bool:
        """Whether it may be put back now."""
        return self.plan is not None


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a stage usually takes, beside the start of ours that is under way.

    Attributes:
        since: when its agent was told to begin; aware.
        known: of so many latest deliveries it is known how long they took.
        slowest: so long the slowest of them took; 0 where none is known.
    """

    since: datetime
    known: int
    slowest: timedelta


@dataclass(frozen=True, kw_only=True)
class Early:
    """What puts a workflow back before it is stuck.

    Attributes:
        plan: the way.
        took: so long its stage takes by now.
        past: so much longer that is than the slowest of its latest deliveries.
    """

    plan: RecoveryPlan
    took: timedelta
    past: timedelta
