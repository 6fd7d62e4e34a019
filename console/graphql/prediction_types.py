"""What was foretold, the series around it, what was done for it, and the track record."""

from datetime import datetime

import strawberry

from console.graphql.estate_types import Estimate
from console.graphql.incident_types import Attempt
from console.graphql.limits import LARGEST_INT
from console.graphql.page_types import PageInfo
from selfheal.model import prediction, prediction_report
from selfheal.model.page import Cursor, Page
from selfheal.model.prediction import Outcome
from selfheal.policy.prediction_words import coverage, done, precision

strawberry.enum(Outcome, name="PredictionOutcome")


@strawberry.type
class Prediction:
    """One alarm of one rule; times are null where the rule foretells none, or where nothing has come yet."""

    id: strawberry.ID
    rule: str
    component: str
    metric: str
    value: float
    threshold: float
    why: str
    stands: bool
    outcome: Outcome | None
    raised_at: datetime
    breach_at: datetime | None
    low: datetime | None
    high: datetime | None
    ended_at: datetime | None
    breached_at: datetime | None
    settled_at: datetime | None

    @classmethod
    def of(cls, one: prediction.Prediction) -> "Prediction":
        """From the prediction."""
        return cls(
            id=strawberry.ID(str(one.id)),
            rule=one.rule.value,
            component=one.component,
            metric=one.metric,
            value=one.value,
            threshold=one.threshold,
            why=one.why,
            stands=one.stands,
            outcome=one.outcome,
            raised_at=one.raised_at,
            breach_at=one.breach_at,
            low=one.low,
            high=one.high,
            ended_at=one.ended_at,
            breached_at=one.breached_at,
            settled_at=one.settled_at,
        )


@strawberry.type
class PredictionConnection:
    """One page of predictions, the latest raised first."""

    nodes: list[Prediction]
    page_info: PageInfo

    @classmethod
    def of(cls, page: Page[prediction.Prediction]) -> "PredictionConnection":
        """From the page."""
        info = PageInfo.of(page, lambda one: Cursor(at=one.raised_at, id=one.id))
        return cls(nodes=[Prediction.of(one) for one in page.items], page_info=info)


@strawberry.type
class PredictionPoint:
    """What was measured of the metric in one stretch."""

    at: datetime
    min: float
    max: float
    mean: float


@strawberry.type
class PredictionAnswer:
    """What became of the trigger that it has raised: refused, asked, planned, or healed."""

    words: list[str]
    raised_at: datetime | None
    decision: str
    reason: str
    approval_id: strawberry.ID | None
    approval_state: str
    planned: str
    attempt: Attempt | None

    @classmethod
    def of(cls, one: prediction_report.Answer) -> "PredictionAnswer":
        """From the answer."""
        return cls(
            words=list(done(one)),
            raised_at=one.raised_at,
            decision=one.decision,
            reason=one.reason,
            approval_id=None if one.approval is None else strawberry.ID(str(one.approval)),
            approval_state=one.approval_state,
            planned=one.planned,
            attempt=None if one.attempt is None else Attempt.of(one.attempt),
        )


@strawberry.type
class PredictionStory:
    """One prediction, with its metric from a day before on; the points are `stretchSeconds` long."""

    prediction: Prediction
    series: list[PredictionPoint]
    stretch_seconds: int
    answer: PredictionAnswer
    heals: list[Attempt]

    @classmethod
    def of(cls, story: prediction_report.PredictionStory) -> "PredictionStory":
        """From the story."""
        return cls(
            prediction=Prediction.of(story.prediction),
            series=[PredictionPoint(at=one.at, min=one.min, max=one.max, mean=one.mean) for one in story.series.points],
            stretch_seconds=min(int(story.series.stretch.total_seconds()), LARGEST_INT),
            answer=PredictionAnswer.of(story.answer),
            heals=[Attempt.of(one) for one in story.heals],
        )


@strawberry.type
class PredictionRecord:
    """What came of the predictions of a rule, or (null) of all; what was prevented is not judged."""

    rule: str | None
    predictions: int
    hits: int
    late: int
    early: int
    misses: int
    prevented: int
    unknown: int
    unsettled: int
    standing: int
    precision: Estimate
    lead_seconds: float | None
    interval_coverage: Estimate

    @classmethod
    def of(cls, one: prediction_report.RuleRecord) -> "PredictionRecord":
        """From the record."""
        return cls(
            rule=None if one.rule is None else one.rule.value,
            predictions=one.predictions,
            hits=one.hits,
            late=one.late,
            early=one.early,
            misses=one.misses,
            prevented=one.prevented,
            unknown=one.unknown,
            unsettled=one.unsettled,
            standing=one.standing,
            precision=Estimate.of(precision(one)),
            lead_seconds=None if one.lead is None else one.lead.total_seconds(),
            interval_coverage=Estimate.of(coverage(one)),
        )
