"""Health over time: statuses as people and `health_history` know them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from selfheal.model.observation import Health, Incarnation

RESPONSE = "response_time_ms"
"""The metric of a look at a component: each has one row of it, with an answer or without."""


class HealthStatus(StrEnum):
    """Of a component, or of the whole estate."""

    OPERATIONAL = "OPERATIONAL"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    UNKNOWN = "UNKNOWN"


TOLD = {HealthStatus.OPERATIONAL: Health.HEALTHY, HealthStatus.UNKNOWN: Health.UNKNOWN}
"""What a status alone tells of the look; of the others the look itself must be asked."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a watcher saw, beside the status that came of it: rules can be replayed over it.

    Attributes:
        health: what the look itself said, before strikes and hysteresis.
        life: the process or container behind it; None where nobody could tell.
        well: whether it was healthy before in this very life.
        first: a run of the watcher looks for the first time, and remembers nothing.
        glance: between two sweeps, and no strike.
    """

    health: Health
    life: Incarnation | None = None
    well: bool = False
    first: bool = False
    glance: bool = False


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One value: a row of `health_history`.

    Attributes:
        component: whose; `host:NAME` of a host, `estate:NAME` of the whole.
        metric: what was measured, with its unit, like `memory_percent`.
        value: None where there was no answer.
        status: of the component at that time.
        checked_at: aware time.
        response_ms: of the probe; None without an answer, and for other metrics.
        detail: why it is not OPERATIONAL; empty if it is.
        look: what was seen, of a look at a component; None where the status tells it.
    """

    component: str
    metric: str
    value: float | None
    status: HealthStatus
    checked_at: datetime
    response_ms: int | None = None
    detail: str = ""
    look: Look | None = None


@dataclass(frozen=True, kw_only=True)
class Rollup:
    """What the values of five minutes come to: a row of `health_rollup`.

    Attributes:
        component: whose.
        metric: of what.
        bucket: the first moment of the five minutes; aware, UTC.
        n: how many values; a look without an answer has none.
        min: the least, None without a value.
        max: the greatest.
        mean: their mean.
        deviation: their standard deviation (of all, not of a sample).
        looks: how often each status was seen.
    """

    component: str
    metric: str
    bucket: datetime
    n: int
    min: float | None
    max: float | None
    mean: float | None
    deviation: float | None
    looks: Mapping[HealthStatus, int]


@dataclass(frozen=True, kw_only=True)
class ComponentHealth:
    """What one look found of a component.

    Attributes:
        component: its name.
        status: after strikes and hysteresis.
        response_ms: of the probe; None without an answer.
        detail: why it is not OPERATIONAL; empty if it is.
        checked_at: aware time of the observation.
        values: what else was measured, by metric.
        look: what was seen; None where nobody keeps it.
    """

    component: str
    status: HealthStatus
    response_ms: int | None
    detail: str
    checked_at: datetime
    values: Mapping[str, float] = field(default_factory=dict)
    look: Look | None = None

    def measured(self) -> tuple[Measured, ...]:
        """One value after the other: the response time, then the others."""
        values = {RESPONSE: self.response_ms, **self.values}
        return tuple(
            Measured(
                component=self.component,
                metric=metric,
                value=value,
                status=self.status,
                checked_at=self.checked_at,
                response_ms=self.response_ms if metric == RESPONSE else None,
                detail=self.detail,
                look=self._untold if metric == RESPONSE else None,
            )
            for metric, value in values.items()
        )

    @property
    def _untold(self) -> Look | None:
        """The look, where the status alone does not tell it: most looks are told by theirs, and cost nothing."""
        look = self.look
        if look is None or look.first or look.glance:
            return look
        return None if TOLD.get(self.status) is look.health else look


@dataclass(frozen=True, kw_only=True)
class HostNow:
    """The newest look at a host.

    Attributes:
        name: of the host.
        status: DOWN: something does not work; DEGRADED: it soon may not.
        detail: what is wrong; empty: nothing.
        checked_at: aware time.
        values: what was measured, by metric.
    """

    name: str
    status: HealthStatus
    detail: str
    checked_at: datetime
    values: Mapping[str, float]


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
