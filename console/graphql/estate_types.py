"""What is known of the estate: workflows, health, and what came of the heals."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from selfheal.model import health, rate
from selfheal.model.health import HealthStatus
from selfheal.model.workflow import WorkflowLine

strawberry.enum(HealthStatus)


@strawberry.type
class Workflow:
    """One row of `workflow_state`."""

    req_number: str
    title: str | None
    assigned_to: str | None
    current_stage: int | None
    status: str | None
    started_at: datetime | None
    completed_at: datetime | None
    stage_deliverables: JSON | None
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, line: WorkflowLine) -> "Workflow":
        """From the row."""
        return cls(
            req_number=line.req_number,
            title=line.title,
            assigned_to=line.assigned_to,
            current_stage=line.current_stage,
            status=line.status,
            started_at=line.started_at,
            completed_at=line.completed_at,
            stage_deliverables=None if line.stage_deliverables is None else JSON(line.stage_deliverables),
            created_at=line.created_at,
            updated_at=line.updated_at,
        )


@strawberry.type
class ComponentHealth:
    """How a component was when it was looked at last."""

    component: str
    status: HealthStatus
    response_ms: int | None
    detail: str
    checked_at: datetime

    @classmethod
    def of(cls, one: health.ComponentHealth) -> "ComponentHealth":
        """From the look."""
        return cls(
            component=one.component,
            status=one.status,
            response_ms=one.response_ms,
            detail=one.detail,
            checked_at=one.checked_at,
        )


@strawberry.type
class Value:
    """What was measured."""

    metric: str
    value: float


@strawberry.type
class Host:
    """A host when it was looked at last."""

    name: str
    status: HealthStatus
    detail: str
    checked_at: datetime
    values: list[Value]

    @classmethod
    def of(cls, one: health.HostNow) -> "Host":
        """From the look."""
        values = [Value(metric=metric, value=value) for metric, value in sorted(one.values.items())]
        return cls(name=one.name, status=one.status, detail=one.detail, checked_at=one.checked_at, values=values)


@strawberry.type
class Rollup:
    """What five minutes of a metric came to."""

    bucket: datetime
    n: int
    min: float | None
    max: float | None
    mean: float | None
    deviation: float | None
    operational: int
    degraded: int
    down: int
    unknown: int

    @classmethod
    def of(cls, one: health.Rollup) -> "Rollup":
        """From the row."""
        return cls(
            bucket=one.bucket,
            n=one.n,
            min=one.min,
            max=one.max,
            mean=one.mean,
            deviation=one.deviation,
            operational=one.looks[HealthStatus.OPERATIONAL],
            degraded=one.looks[HealthStatus.DEGRADED],
            down=one.looks[HealthStatus.DOWN],
            unknown=one.looks[HealthStatus.UNKNOWN],
        )


@strawberry.type
class Estimate:
    """A figure and its 95 % interval; null where too little is known."""

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, one: rate.Estimate) -> "Estimate":
        """From the figure."""
        return cls(value=one.value, low=one.low, high=one.high)


@strawberry.type
class Metrics:
    """What came of the heals of an action, of a component, of both, or (both null) of all."""

    action_type: str | None
    component: str | None
    attempts: int
    healed: int
    recurred: int
    prevented: int
    success: Estimate
    mttr_seconds: Estimate
    recurrence: Estimate
    saved_dollars: Estimate

    @classmethod
    def of(cls, one: rate.Rates) -> "Metrics":
        """From the rates."""
        return cls(
            action_type=one.action_type,
            component=one.component,
            attempts=one.attempts,
            healed=one.healed,
            recurred=one.recurred,
            prevented=one.prevented,
            success=Estimate.of(one.success),
            mttr_seconds=Estimate.of(one.mttr_s),
            recurrence=Estimate.of(one.recurrence),
            saved_dollars=Estimate.of(one.saved),
        )
