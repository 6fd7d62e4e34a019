"""What a probe saw: a fact with a time, of three possible values."""

from dataclasses import dataclass
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
    """Which life of a process this is: it changes with every start.

    Attributes:
        pid: process id, 0 when it does not run.
        started_at: start as the supervisor tells it, seconds since the epoch, 0 if it never started.
        state: the supervisor's word: RUNNING, STARTING, STOPPED (asked for), EXITED, FATAL, ...
    """

    pid: int
    started_at: int
    state: str

    @property
    def running(self) -> bool:
        """Whether a process exists."""
        return self.pid > 0

    def same_life(self, other: "Incarnation | None") -> bool:
        """Whether no start and no end lies between the two."""
        return other is not None and (self.pid, self.started_at) == (other.pid, other.started_at)


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One look at one component.

    Attributes:
        component: its name.
        health: the verdict.
        detail: why, in a few words for a person.
        observed_at: aware UTC time.
        response_ms: how long the probe took; None when there was no answer.
        incarnation: the process behind it; None when nobody could tell.
    """

    component: str
    health: Health
    detail: str
    observed_at: datetime
    response_ms: int | None = None
    incarnation: Incarnation | None = None

    @property
    def stopped_on_request(self) -> bool:
        """Whether somebody asked the supervisor to stop it."""
        return self.incarnation is not None and self.incarnation.state == "STOPPED"

    def as_json(self) -> dict[str, Any]:
        """The observation as it is stored with an attempt."""
        life = self.incarnation
        return {
            "health": self.health.value,
            "detail": self.detail,
            "observed_at": self.observed_at.isoformat(),
            "response_ms": self.response_ms,
            "incarnation": None
            if life is None
            else {"pid": life.pid, "started_at": life.started_at, "state": life.state},
        }
