"""What can be asked about predictions; a part of `Query`."""

from datetime import timedelta

import strawberry
from strawberry import UNSET

from console.graphql.context import Info, part, row_id
from console.graphql.prediction_types import PredictionConnection, PredictionRecord, PredictionStory
from console.web.given import WrongInput
from selfheal.model.prediction import Outcome
from selfheal.model.prediction_report import PredictionFilter
from selfheal.model.trigger import PREEMPTIVE, TriggerType
from selfheal.policy.names import nearest

LONGEST_DAYS = 400


@strawberry.type
class PredictionQuery:
    """What people read of predictions."""

    @strawberry.field(description="What was foretold, the latest alarm first, by pages; open: not settled yet.")
    async def predictions(  # noqa: PLR0913, PLR0917 - each is an argument of the field
        self,
        info: Info,
        component: str | None = UNSET,
        rule: str | None = UNSET,
        outcome: Outcome | None = UNSET,
        open: bool | None = UNSET,  # noqa: A002, FBT001 - the field's own argument
        first: int | None = 50,
        after: str | None = UNSET,
    ) -> PredictionConnection:
        """One page."""
        only = PredictionFilter(
            component=component or "",
            rule=_rule(rule),
            outcome=outcome or None,
            open=open if isinstance(open, bool) else None,
        )
        wanted, predictions = part(first, after or None), info.context.services.predictions
        return PredictionConnection.of(await info.context.read(lambda: predictions.page(wanted, only)))

    @strawberry.field(description="One prediction with the series around it; null: there is no such.")
    async def prediction(self, info: Info, id: strawberry.ID) -> PredictionStory | None:  # noqa: A002 - the field's own argument
        """By its id."""
        wanted, predictions = row_id(id), info.context.services.predictions
        story = await info.context.read(lambda: predictions.story(wanted))
        return None if story is None else PredictionStory.of(story)

    @strawberry.field(description="What came of the predictions of these last days: of all (rule null), and by rule.")
    async def prediction_record(self, info: Info, days: int | None = 30) -> list[PredictionRecord]:
        """Of what was raised in that time; null: ever."""
        if days is not None and not 1 <= days <= LONGEST_DAYS:
            raise WrongInput(f"days is 1 to {LONGEST_DAYS}, not {days}")
        within = None if days is None else timedelta(days=days)
        found = await info.context.read(lambda: info.context.services.predictions.record(within=within))
        return [PredictionRecord.of(one) for one in found]


def _rule(given: str | None) -> TriggerType | None:
    """A rule as it is given."""
    if not given:
        return None
    if given not in PREEMPTIVE:
        raise WrongInput(f"{given[:60]!r} is no rule{nearest(given[:60], sorted(PREEMPTIVE))}")
    return TriggerType(given)
