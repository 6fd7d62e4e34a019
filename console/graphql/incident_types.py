"""Faults and the attempts to mend them."""

from collections.abc import Awaitable
from datetime import datetime
from uuid import UUID

import strawberry

from console.graphql.context import Info, made_of
from console.graphql.page_types import PageInfo
from selfheal.model.page import Cursor, Page
from selfheal.model.report import FaultLine, FaultState, HistoryLine, RefusalLine
from selfheal.model.story import Event
from selfheal.model.story import FaultStory as Story
from selfheal.policy.timeline import events_of

strawberry.enum(FaultState)


@strawberry.type
class Attempt:
    """One attempt, with what the client's type leaves out."""

    id: strawberry.ID
    component: str
    trigger_type: str
    action: str
    action_type: str
    status: str
    success: bool | None
    execution_time_ms: int | None
    error_message: str | None
    phase: str | None
    verification: str | None
    rollback: str | None
    interrupted: bool
    why: str
    message: str
    flow_run: strawberry.ID | None
    detected_at: datetime
    created_at: datetime
    act_started_at: datetime | None
    act_ended_at: datetime | None
    completed_at: datetime | None
    fault_id: strawberry.ID | None
    preemptive: bool = strawberry.field(description="Done for a prediction, while nothing was sick.")

    @strawberry.field(
        description="What it was to mend; null: it is a transition of a breaker.", graphql_type="Fault | None"
    )
    def fault(self, info: Info) -> "Fault | Awaitable[Fault | None] | None":
        """Read together with those of the other attempts."""
        if self.fault_id is None:
            return None
        line = info.context.faults.load(UUID(self.fault_id))
        return made_of(line, lambda line: None if line is None else Fault.of(line))

    @classmethod
    def of(cls, line: HistoryLine) -> "Attempt":
        """From the line."""
        return cls(
            id=strawberry.ID(str(line.attempt_id)),
            component=line.component,
            trigger_type=line.trigger_type,
            action=line.action,
            action_type=line.action_type,
            status=line.status,
            success=line.success,
            execution_time_ms=line.execution_ms,
            error_message=line.error,
            phase=line.phase,
            verification=line.verification,
            rollback=line.rollback,
            interrupted=line.interrupted,
            why=line.why,
            message=line.message,
            flow_run=None if line.flow_run is None else strawberry.ID(str(line.flow_run)),
            detected_at=line.detected_at,
            created_at=line.created_at,
            act_started_at=line.act_started_at,
            act_ended_at=line.act_ended_at,
            completed_at=line.completed_at,
            fault_id=None if line.fault_id is None else strawberry.ID(str(line.fault_id)),
            preemptive=line.preemptive,
        )


@strawberry.type
class Fault:
    """Something that was, or is, sick."""

    id: strawberry.ID
    component: str
    group: str
    trigger_type: str
    priority: str
    state: FaultState
    detected_at: datetime
    verified_at: datetime | None
    closed_at: datetime | None
    resolution: str | None
    attempt_count: int
    needs_person: str | None
    start_missed_at: datetime | None
    preemptive: bool = strawberry.field(description="No outage: something was foretold, and nothing sick.")
    rests_until: datetime | None

    @strawberry.field(description="The attempts to mend it, the oldest first.", graphql_type=list[Attempt])
    def attempts(self, info: Info) -> list[Attempt] | Awaitable[list[Attempt]]:
        """Read together with those of the other faults."""
        return made_of(info.context.attempts.load(UUID(self.id)), lambda lines: [Attempt.of(one) for one in lines])

    @classmethod
    def of(cls, line: FaultLine) -> "Fault":
        """From the line."""
        return cls(
            id=strawberry.ID(str(line.id)),
            component=line.component,
            group=line.group,
            trigger_type=line.trigger_type,
            priority=line.priority,
            state=line.state,
            detected_at=line.detected_at,
            verified_at=line.verified_at,
            closed_at=line.closed_at,
            resolution=line.resolution,
            attempt_count=line.attempts,
            needs_person=line.needs_person,
            start_missed_at=line.start_missed_at,
            preemptive=line.preemptive,
            rests_until=line.rests_until,
        )


@strawberry.type
class FaultEdge:
    """A fault, and its place in the list."""

    cursor: str
    node: Fault


@strawberry.type
class FaultConnection:
    """One page of faults, the latest first."""

    edges: list[FaultEdge]
    nodes: list[Fault]
    page_info: PageInfo

    @classmethod
    def of(cls, page: Page[FaultLine]) -> "FaultConnection":
        """From the page."""
        edges = [FaultEdge(cursor=str(_place(one)), node=Fault.of(one)) for one in page.items]
        return cls(edges=edges, nodes=[one.node for one in edges], page_info=PageInfo.of(page, _place))


def _place(one: FaultLine) -> Cursor:
    return Cursor(at=one.detected_at, id=one.id)


@strawberry.type
class Refusal:
    """Equal refusals, counted."""

    decision: str
    reason: str
    source: str
    occurrences: int
    first_at: datetime
    last_at: datetime


@strawberry.type
class TimelineEvent:
    """One thing that happened to a fault."""

    at: datetime
    kind: str
    words: str
    attempt_id: strawberry.ID | None
    approval_id: strawberry.ID | None
    times: int
    last_at: datetime | None


@strawberry.type
class FaultStory:
    """One fault, and everything that happened to it."""

    fault: Fault
    timeline: list[TimelineEvent]
    refusals: list[Refusal]

    @classmethod
    def of(cls, story: Story) -> "FaultStory":
        """From the story."""
        return cls(
            fault=Fault.of(story.fault),
            timeline=[_event(one) for one in events_of(story)],
            refusals=[_refusal(one) for one in story.refusals],
        )


def _event(event: Event) -> TimelineEvent:
    return TimelineEvent(
        at=event.at,
        kind=event.kind.value,
        words=event.words,
        attempt_id=None if event.attempt is None else strawberry.ID(str(event.attempt)),
        approval_id=None if event.approval is None else strawberry.ID(str(event.approval)),
        times=event.times,
        last_at=event.last_at,
    )


def _refusal(line: RefusalLine) -> Refusal:
    return Refusal(
        decision=line.decision,
        reason=line.reason,
        source=line.source,
        occurrences=line.occurrences,
        first_at=line.first_at,
        last_at=line.last_at,
    )
