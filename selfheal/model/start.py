"""One start of one stage of a workflow, from the intent to what came of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from selfheal.model.breaker import Permit
from selfheal.model.ending import Ending


class StartState(StrEnum):
    """How far it has come. Whoever finds one that is not RECORDED goes on with it, under the same id."""

    CLAIMED = "CLAIMED"  # the workflow is running, and nobody has been told yet
    PUBLISHED = "PUBLISHED"  # the stage's event is in its stream
    RECORDED = "RECORDED"  # the request file says IN_PROGRESS


class Hold(StrEnum):
    """Why a workflow is not started although its turn has come."""

    PAUSED = "PAUSED"
    MAINTENANCE = "MAINTENANCE"
    FULL = "FULL"  # the others hold all places that it may have
    MOVED = "MOVED"  # it was changed since it was looked at, or somebody else has just started it


@dataclass(frozen=True, kw_only=True)
class Held:
    """It was not claimed.

    Attributes:
        hold: why.
        reason: the same for a person.
    """

    hold: Hold
    reason: str


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start.

    Attributes:
        id: of the start, of its message (`Nats-Msg-Id`) and of its breaker's permit.
        req_number: which workflow.
        stage: the index of the stage that it starts.
        agent: who works on it.
        breaker: the agent's.
        generation: of the breaker when it gave the permit.
        file_before: the request file's word when it was claimed.
        state: how far it has come.
        claimed_at: by the database's clock.
        tries: so often it could not be published, or not be recorded.
        ending: how it ended; None: it has not.
        reason: why it ended so; empty: it has not.
    """

    id: UUID
    req_number: str
    stage: int
    agent: str
    breaker: str
    generation: int
    file_before: str
    state: StartState
    claimed_at: datetime
    tries: int = 0
    ending: Ending | None = None
    reason: str = ""

    @property
    def permit(self) -> Permit:
        """Of its breaker."""
        return Permit(id=self.id, generation=self.generation)


@dataclass(frozen=True, kw_only=True)
class Places:
    """The workflows that run now.

    Attributes:
        running: all of them, whoever has started them.
        urgent: the P0 among them.
    """

    running: int
    urgent: int
