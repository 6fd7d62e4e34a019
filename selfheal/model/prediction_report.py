"""Predictions as people read them: which are wanted, one with the series around it, and the track record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from selfheal.model.prediction import Outcome, Prediction
from selfheal.model.report import HistoryLine
from selfheal.model.trigger import TriggerType


@dataclass(frozen=True, kw_only=True)
class PredictionFilter:
    """Which predictions are wanted; what is empty does not matter.

    Attributes:
        component: whose metric; `host:NAME` of a host.
        rule: what was noticed.
        outcome: what became of it.
        open: True: it is not known yet what became of it; False: it is.
    """

    component: str = ""
    rule: TriggerType | None = None
    outcome: Outcome | None = None
    open: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Point:
    """What was measured of the metric in one stretch of its series.

    Attributes:
        at: the first moment of the stretch; aware, UTC.
        min: the least.
        max: the greatest: what the forecast goes by.
        mean: their mean.
    """

    at: datetime
    min: float
    max: float
    mean: float


@dataclass(frozen=True, kw_only=True)
class Series:
    """The metric around a prediction.

    Attributes:
        since: where it begins.
        until: where it ends: now, or some time after the prediction was settled.
        stretch: how long each point's stretch is; five minutes, or more where the whole is very long.
        points: the oldest first; where nothing was measured there is none.
    """

    since: datetime
    until: datetime
    stretch: timedelta
    points: Sequence[Point]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of the trigger that a prediction has raised; its id is the prediction's.

    Attributes:
        raised_at: since when the trigger waits, or waited, for its turn; None: none was raised so.
        decision: admission's; empty: there is none.
        reason: why it was decided so.
        approval: the question to a person; None: nobody was asked.
        approval_state: where that stands; empty: nobody was asked.
        planned: the action that was only planned, in mode shadow; empty: none was.
        attempt: the heal; None: there was none.
    """

    raised_at: datetime | None = None
    decision: str = ""
    reason: str = ""
    approval: UUID | None = None
    approval_state: str = ""
    planned: str = ""
    attempt: HistoryLine | None = None


@dataclass(frozen=True, kw_only=True)
class PredictionStory:
    """One prediction, and all that belongs to it.

    Attributes:
        prediction: it.
        series: its metric around it.
        answer: what was done for it.
        heals: of its component within the series' time, whatever they were for; the oldest first.
    """

    prediction: Prediction
    series: Series
    answer: Answer
    heals: Sequence[HistoryLine]


@dataclass(frozen=True, kw_only=True)
class RuleRecord:
    """What came of the predictions of one rule, or of all.

    Attributes:
        rule: None: of all rules.
        predictions: that were raised in the time that is looked at.
        hits: of these, so many breaches came as foretold.
        late: so many came less than ten minutes after the alarm.
        early: so many came, but much later than foretold.
        misses: so many did not come.
        prevented: so many a heal has prevented.
        unknown: of so many nobody can tell: nothing was measured then.
        unsettled: of so many it is not known yet.
        standing: of the unsettled, so many still speak for a heal.
        lead: from the alarm to the breach: the median of the hits; None: there is none.
        intervals: hits that told an interval.
        covered: of these, so many breaches came within it.
    """

    rule: TriggerType | None
    predictions: int
    hits: int
    late: int
    early: int
    misses: int
    prevented: int
    unknown: int
    unsettled: int
    standing: int
    lead: timedelta | None
    intervals: int
    covered: int


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """How many breaches of a limit there were, and how many of them an alarm preceded by 10 minutes to 6 hours."""

    breaches: int
    foretold: int


@dataclass(frozen=True, kw_only=True)
class Glance:
    """How predictions stand, in a line.

    Attributes:
        standing: how many speak for a heal now.
        next: the most urgent of them; None: none stands.
        hits: breaches of the last 30 days that came as foretold.
        told: hits, and those of the same time that did not come, or came much later.
    """

    standing: int
    next: Prediction | None
    hits: int
    told: int
