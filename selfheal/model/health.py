"""Health over time: statuses as people and `health_history` know them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class HealthStatus(StrEnum):
    """Of a component, or of the whole estate."""

    OPERATIONAL = "OPERATIONAL"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, kw_only=True)
class ComponentHealth:
    """One row of `health_history`.

    Attributes:
        component: its name.
        status: after strikes and hysteresis.
        response_ms: of the probe; None without an answer.
        detail: why it is not OPERATIONAL; empty if it is.
        checked_at: aware time of the observation.
    """

    component: str
    status: HealthStatus
    response_ms: int | None
    detail: str
    checked_at: datetime


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A watcher's run as the database knows it.

    Attributes:
        mechanism: e.g. `application-health`.
        run_id: the run that watches.
        began_at: since when.
        beat_at: when it last swept.
        behind_s: how long ago that was on the database's clock, in seconds.
    """

    mechanism: str
    run_id: UUID
    began_at: datetime
    beat_at: datetime
    behind_s: float
