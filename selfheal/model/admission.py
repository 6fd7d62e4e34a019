"""What admission answers to a trigger."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Decision(StrEnum):
    """ADMITTED, or the name of a refusal."""

    ADMITTED = "ADMITTED"
    PAUSED = "PAUSED"
    ALREADY_HEALING = "ALREADY_HEALING"
    COOLDOWN = "COOLDOWN"
    NOT_ALLOWED = "NOT_ALLOWED"
    NO_ACTION = "NO_ACTION"
    ALREADY_HEALTHY = "ALREADY_HEALTHY"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A refusal that needs no database: decided at the door, recorded all the same."""

    decision: Decision
    reason: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The recorded answer to a trigger.

    Attributes:
        decision: ADMITTED or a named refusal.
        reason: why, for a person.
        attempt_id: the attempt that was admitted, or that stands in the way; None where there is none.
        fault_id: the fault that the trigger joined or opened; None where there is none.
        repeated: whether this trigger id was answered before: this is the first answer again.
        retry_at: when a refused trigger is worth raising again; None where time does not help.
    """

    decision: Decision
    reason: str
    attempt_id: UUID | None = None
    fault_id: UUID | None = None
    repeated: bool = False
    retry_at: datetime | None = None

    @property
    def admitted(self) -> bool:
        """Whether a heal may begin."""
        return self.decision is Decision.ADMITTED
