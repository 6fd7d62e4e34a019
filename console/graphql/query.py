"""Everything that can be asked. Each resolver reads as the person who asks: row security decides what there is."""

from datetime import datetime, timedelta

import strawberry
from strawberry import UNSET

from console.graphql.alert_types import AlertConnection, AlertDeliveryConnection, AlertSilence
from console.graphql.client_types import HealingAction, HealingSuccessRate, WorkflowRecoveryEvent
from console.graphql.context import Info, length, part, row_id
from console.graphql.decision_types import Approval, Breaker, Person
from console.graphql.estate_types import ComponentHealth, Host, Metrics, Rollup, Workflow
from console.graphql.incident_types import Attempt, FaultConnection, FaultStory
from console.graphql.log_query import LogQuery
from console.graphql.own_types import Mechanism
from console.graphql.prediction_query import PredictionQuery
from console.graphql.workflow_types import WorkflowConnection, WorkflowDisagreement, WorkflowStory
from console.web.given import WrongInput
from selfheal.model.alert import DeliveryState
from selfheal.model.attempt import Status
from selfheal.model.health import RESPONSE
from selfheal.model.page import Slice
from selfheal.model.report import AttemptFilter, FaultFilter, FaultState
from selfheal.model.workflow_report import WorkflowFilter
from selfheal.policy.names import nearest

LONGEST_HOURS = 366 * 24


@strawberry.type
class Query(PredictionQuery, LogQuery):
    """What people read."""

    @strawberry.field(description="The rows of healing_actions, the newest first.")
    async def healing_actions(
        self, info: Info, status: str | None = UNSET, action_type: str | None = UNSET, limit: int | None = 50
    ) -> list[HealingAction]:
        """The client's."""
        wanted = AttemptFilter(status=_status(status), action_type=action_type or "", transitions=True)
        rows, attempts = Slice(limit=length(limit)), info.context.services.attempts
        page = await info.context.read(lambda: attempts.page(rows, wanted))
        return [HealingAction.of(one) for one in page.items]

    @strawberry.field(description="How workflows were put back on track, the latest first.")
    async def workflow_recoveries(
        self, info: Info, req_number: str | None = UNSET, limit: int | None = 50
    ) -> list[WorkflowRecoveryEvent]:
        """The client's."""
        rows, workflows = length(limit), info.context.services.workflows
        found = await info.context.read(lambda: workflows.recoveries(limit=rows, req_number=req_number or ""))
        return [WorkflowRecoveryEvent.of(one) for one in found]

    @strawberry.field(description="By action type, the most tried first.")
    async def healing_success_rates(self, info: Info) -> list[HealingSuccessRate]:
        """The client's."""
        found = await info.context.read(info.context.services.estate.rates.by_action)
        return [HealingSuccessRate.of(one) for one in found]

    @strawberry.field(description="The faults, the latest detected first, by pages.")
    async def faults(  # noqa: PLR0913, PLR0917 - each is an argument of the field
        self,
        info: Info,
        first: int | None = 50,
        after: str | None = UNSET,
        state: FaultState | None = UNSET,
        component: str | None = UNSET,
        since: datetime | None = UNSET,
        until: datetime | None = UNSET,
    ) -> FaultConnection:
        """One page."""
        only = FaultFilter(state=state or None, component=component or "", since=_zoned(since), until=_zoned(until))
        wanted, faults = part(first, after or None), info.context.services.faults
        page = await info.context.read(lambda: faults.page(wanted, only))
        info.context.faults.prime_many({one.id: one for one in page.items})
        return FaultConnection.of(page)

    @strawberry.field(description="One fault with its story; null: there is no such.")
    async def fault(self, info: Info, id: strawberry.ID) -> FaultStory | None:  # noqa: A002 - the field's own argument
        """By its id."""
        wanted, faults = row_id(id), info.context.services.faults
        story = await info.context.read(lambda: faults.story(wanted))
        return None if story is None else FaultStory.of(story)

    @strawberry.field(description="One attempt; null: there is no such.")
    async def attempt(self, info: Info, id: strawberry.ID) -> Attempt | None:  # noqa: A002 - the field's own argument
        """By its id."""
        wanted, attempts = row_id(id), info.context.services.attempts
        line = await info.context.read(lambda: attempts.one(wanted))
        return None if line is None else Attempt.of(line)

    @strawberry.field(description="The circuit breakers, as an ask would find them now.")
    async def breakers(self, info: Info) -> list[Breaker]:
        """All of them."""
        book = info.context.services.estate.breakers
        found, prevented = await info.context.read(lambda: (book.present(), book.prevented()))
        return [Breaker.of(one, prevented.get(one.name, 0)) for one in found]

    @strawberry.field(description="Questions to people: the open ones first; those that ended where they are wanted.")
    async def approvals(self, info: Info, ended: bool = False, limit: int | None = 50) -> list[Approval]:  # noqa: FBT001, FBT002
        """The newest of each first."""
        rows, approvals = length(limit), info.context.services.approvals
        found = await info.context.read(lambda: approvals.newest(limit=rows, ended=ended))
        return [Approval.of(one) for one in found]

    @strawberry.field(description="Where the estate's workflows stand, those that were started last first.")
    async def workflows(
        self, info: Info, status: str | None = UNSET, req_number: str | None = UNSET, limit: int | None = 50
    ) -> list[Workflow]:
        """Some of them."""
        rows, workflows = length(limit), info.context.services.workflows
        found = await info.context.read(
            lambda: workflows.states(limit=rows, status=status or "", req_number=req_number or "")
        )
        return [Workflow.of(one) for one in found]

    @strawberry.field(description="The workflows as file and state have them, by pages, the latest changed first.")
    async def workflow_pages(  # noqa: PLR0913, PLR0917 - each is an argument of the field
        self,
        info: Info,
        first: int | None = 50,
        after: str | None = UNSET,
        status: str | None = UNSET,
        file_status: str | None = UNSET,
        text: str | None = UNSET,
        disagreeing: bool | None = False,  # noqa: FBT001, FBT002 - the same
    ) -> WorkflowConnection:
        """One page."""
        only = WorkflowFilter(
            status=status or "", word=file_status or "", text=text or "", disagreeing=bool(disagreeing)
        )
        wanted, comparisons = part(first, after or None), info.context.services.comparisons
        return WorkflowConnection.of(await info.context.read(lambda: comparisons.page(wanted, only)))

    @strawberry.field(description="One workflow with its stages and what happened to it; null: there is no such.")
    async def workflow(self, info: Info, req_number: str) -> WorkflowStory | None:
        """By its name."""
        comparisons = info.context.services.comparisons
        story = await info.context.read(lambda: comparisons.story(req_number))
        return None if story is None else WorkflowStory.of(story)

    @strawberry.field(description="Where the stores of workflows disagree: the open ones, a person's first.")
    async def workflow_disagreements(
        self,
        info: Info,
        req_number: str | None = UNSET,
        settled: bool | None = False,  # noqa: FBT001, FBT002 - the field's own argument
        limit: int | None = 50,
    ) -> list[WorkflowDisagreement]:
        """On demand also those that are settled."""
        rows, comparisons = length(limit), info.context.services.comparisons
        found = await info.context.read(
            lambda: comparisons.disagreements(limit=rows, settled=bool(settled), req_number=req_number or None)
        )
        return [WorkflowDisagreement.of(one) for one in found]

    @strawberry.field(description="How each component was when it was looked at last.")
    async def health(self, info: Info) -> list[ComponentHealth]:
        """Of the last ten minutes."""
        found = await info.context.read(info.context.services.estate.health.latest)
        return [ComponentHealth.of(one) for one in found]

    @strawberry.field(description="Our own mechanisms that schedules begin, and what really ran of each.")
    async def mechanisms(self, info: Info) -> list[Mechanism]:
        """By name."""
        found = await info.context.read(info.context.services.estate.mechanisms.all)
        return [Mechanism.of(one) for one in found]

    @strawberry.field(description="How each host was when it was looked at last.")
    async def hosts(self, info: Info) -> list[Host]:
        """Of the last ten minutes."""
        return [Host.of(one) for one in await info.context.read(info.context.services.measured.hosts)]

    @strawberry.field(description="What five minutes each of one metric came to, the newest first.")
    async def rollups(  # noqa: PLR0913, PLR0917 - each is an argument of the field
        self,
        info: Info,
        component: str,
        metric: str = RESPONSE,
        since: datetime | None = UNSET,
        until: datetime | None = UNSET,
        limit: int | None = 50,
    ) -> list[Rollup]:
        """Some of them; for more, until the oldest bucket of these."""
        rows, measured = length(limit), info.context.services.measured
        found = await info.context.read(
            lambda: measured.rollups(component, metric, limit=rows, since=_zoned(since), until=_zoned(until))
        )
        return [Rollup.of(one) for one in found]

    @strawberry.field(description="What came of the heals of these last hours, or (null) of all that ever ended.")
    async def metrics(self, info: Info, hours: int | None = 24) -> list[Metrics]:
        """For all, each action, each component, and both."""
        if hours is not None and not 1 <= hours <= LONGEST_HOURS:
            raise WrongInput(f"hours is 1 to {LONGEST_HOURS}, not {hours}")
        within = None if hours is None else timedelta(hours=hours)
        found = await info.context.read(lambda: info.context.services.estate.rates.rates(within=within))
        return [Metrics.of(one) for one in found]

    @strawberry.field(description="What people must know, by pages, the latest raised first: open, or all of it.")
    async def alerts(
        self,
        info: Info,
        first: int | None = 50,
        after: str | None = UNSET,
        ended: bool | None = False,  # noqa: FBT001, FBT002 - the field's own argument
    ) -> AlertConnection:
        """One page."""
        wanted, alerts = part(first, after or None), info.context.services.alerts
        return AlertConnection.of(await info.context.read(lambda: alerts.page(wanted, ended=bool(ended))))

    @strawberry.field(description="Each message on each channel, by pages, the newest first.")
    async def alert_deliveries(
        self,
        info: Info,
        first: int | None = 50,
        after: str | None = UNSET,
        state: DeliveryState | None = UNSET,
    ) -> AlertDeliveryConnection:
        """One page."""
        wanted, alerts = part(first, after or None), info.context.services.alerts
        page = await info.context.read(lambda: alerts.deliveries(wanted, state=state or None))
        return AlertDeliveryConnection.of(page)

    @strawberry.field(description="What nobody is told of now, the first to end first.")
    async def alert_silences(self, info: Info, limit: int | None = 50) -> list[AlertSilence]:
        """Those in force."""
        rows, silences = length(limit), info.context.services.silences
        return [AlertSilence.of(one) for one in (await info.context.read(silences.current))[:rows]]

    @strawberry.field(description="Who asks, and what they may do.")
    def me(self, info: Info) -> Person:
        """The caller."""
        return Person.of(info.context.identity)


def _status(given: str | None) -> Status | None:
    """A status as it is given; what is none is not taken for one that nothing has."""
    if not given:
        return None
    try:
        return Status(given)
    except ValueError:
        raise WrongInput(f"{given[:60]!r} is no status{nearest(given[:60], [one.value for one in Status])}") from None


def _zoned(given: datetime | None) -> datetime | None:
    """A moment as it is given, which must be one."""
    if given and given.tzinfo is None:
        raise WrongInput("a time without a zone", hint="write it like 2026-12-01T22:00:00Z")
    return given or None
