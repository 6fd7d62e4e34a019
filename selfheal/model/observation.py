"""What a probe saw: a fact with a time, of three possible values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Health(StrEnum):
    """What an observation says. UNKNOWN (could not tell) never moves anything."""

    HEALTHY = "HEALTHY"
    SICK = "SICK"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, kw_only=True)
class Incarnation:
    """Which life of a process, container or database object this is: it changes with every start or creation.

    Attributes:
        pid: process id, 0 when it does not run.
        started_at: start as its keeper tells it, seconds since the epoch, 0 if it never started.
        state: its keeper's word. A supervisor's: RUNNING, STARTING, STOPPED (asked for), EXITED, FATAL, ...
            Docker's: RUNNING, PAUSED, RESTARTING (by Docker itself), CRASH_LOOP (the same, again and again),
            STOPPED (asked for), EXITED, DEAD, CREATED, REMOVING, REMOVED (none has this name).
            A database object's: PRESENT, MISSING, UNPOPULATED.
        id: of the container or database object, since a name may be given to another one; empty for a process.
        exact_start: the start as its keeper writes it, where seconds are too coarse; empty for a process. Of a
            materialized view: which contents it has.
        health: what Docker's own health check says: healthy, unhealthy, starting; `unchecked` where Docker should
            have looked again long ago, whatever it goes on saying; empty without a check.
        note: more about the state, for a person: exit code, out of memory, restarts.
    """

    pid: int
    started_at: int
    state: str
    id: str = ""
    exact_start: str = ""
    health: str = ""
    note: str = ""

    @property
    def running(self) -> bool:
        """Whether a process exists."""
        return self.pid > 0

    @property
    def can_answer(self) -> bool:
        """Whether there is anything to ask: a paused container runs, and a looping one does for a moment."""
        return self.running and self.state not in {"PAUSED", "CRASH_LOOP"}

    @property
    def words(self) -> str:
        """The state for a person, e.g. `container EXITED (exit code 137, out of memory)`."""
        note = f" ({self.note})" if self.note else ""
        return f"{'container' if self.id or self.state == 'REMOVED' else 'process'} {self.state}{note}"

    def same_life(self, other: "Incarnation | None") -> bool:
        """Whether no start and no end lies between the two, and both are the same thing."""
        if other is None:
            return False
        same_thing = (self.id, self.pid) == (other.id, other.pid)
        return same_thing and (self.started_at, self.exact_start) == (other.started_at, other.exact_start)


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One look at one component.

    Attributes:
        component: its name.
        health: the verdict.
        detail: why, in a few words for a person.
        observed_at: aware UTC time.
        response_ms: how long the probe took; None when there was no answer.
        incarnation: the process or container behind it; None when nobody could tell.
        values: what was measured besides, by metric, as `health_history` has it.
        short_of: after a pre-emptive heal: why what was foretold still holds, though the component is healthy.
    """

    component: str
    health: Health
    detail: str
    observed_at: datetime
    response_ms: int | None = None
    incarnation: Incarnation | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    short_of: str = ""

    @property
    def stopped_on_request(self) -> bool:
        """Whether somebody asked its keeper to stop it."""
        return self.incarnation is not None and self.incarnation.state == "STOPPED"

    def as_json(self) -> dict[str, Any]:
        """The observation as it is stored with an attempt."""
        life = self.incarnation
        return {
            "health": self.health.value,
            "detail": self.detail,
            "observed_at": self.observed_at.isoformat(),
            "response_ms": self.response_ms,
            "incarnation": None if life is None else asdict(life),
        }
