"""What was foretold and what became of it, as people read it."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Interval, Row, Select, bindparam, select, text

from selfheal.model.page import Page, Slice
from selfheal.model.prediction import Outcome, Prediction, Untold
from selfheal.model.prediction_report import (
    Answer,
    Foreseen,
    Glance,
    Point,
    PredictionFilter,
    PredictionStory,
    RuleRecord,
    Series,
)
from selfheal.model.report import AttemptFilter
from selfheal.model.trigger import TriggerType
from selfheal.policy.prediction_series import span_of, stretch_of
from selfheal.store.engine import transaction
from selfheal.store.reading.attempts import Attempts
from selfheal.store.reading.keyset import page_of
from selfheal.store.tables import forecast_state, predictions

GLANCED = timedelta(days=30)
HEALS = 50
_COLUMNS = predictions.c
_STANDING = select(predictions).where(_COLUMNS.ended_at.is_(None), _COLUMNS.outcome.is_(None))
_URGENT = _STANDING.order_by(_COLUMNS.breach_at.nulls_last(), _COLUMNS.raised_at, _COLUMNS.id)
_SERIES = text(
    """SELECT date_bin(:stretch, r.bucket, 'epoch') AS at, min(r.min) AS min, max(r.max) AS max,
              sum(r.sum) / nullif(sum(r.n), 0) AS mean
       FROM health_rollup r
       WHERE r.component = :component AND r.metric = :metric AND r.bucket >= :since AND r.bucket < :until AND r.n > 0
       GROUP BY 1 ORDER BY 1"""
).bindparams(bindparam("stretch", type_=Interval))
_ANSWER = text(
    """SELECT r.raised_at, d.decision, d.reason, q.id AS approval, q.state AS approval_state, s.action AS planned
       FROM (SELECT CAST(:id AS uuid) AS id) p
       LEFT JOIN raised_triggers r ON r.id = p.id
       LEFT JOIN trigger_answers a ON a.trigger_id = p.id
       LEFT JOIN healing_triggers d ON d.id = a.decision_id
       LEFT JOIN LATERAL (SELECT x.id, x.state FROM approval_states x WHERE x.trigger_id = p.id
                          ORDER BY x.asked_at DESC LIMIT 1) q ON true
       LEFT JOIN LATERAL (SELECT x.action FROM shadow_plans x WHERE x.trigger_id = p.id
                          ORDER BY x.planned_at DESC LIMIT 1) s ON true"""
)
_RECORD = text("SELECT * FROM prediction_record(:within) ORDER BY rule NULLS FIRST").bindparams(
    bindparam("within", type_=Interval)
)
_FORESEEN = text("SELECT breaches, foretold FROM breach_record(:within)").bindparams(
    bindparam("within", type_=Interval)
)
_GLANCE = text(
    """SELECT n.*, c.standing, c.hits, c.told
       FROM (SELECT count(*) FILTER (WHERE r.stands) AS standing,
                    count(*) FILTER (WHERE r.counted = 'HIT' AND r.raised_at > now() - :within) AS hits,
                    count(*) FILTER (WHERE r.counted IN ('HIT', 'LATE', 'EARLY', 'MISS')
                                       AND r.raised_at > now() - :within) AS told
             FROM prediction_results r WHERE r.counted IS NULL OR r.raised_at > now() - :within) c
       LEFT JOIN LATERAL (SELECT p.* FROM predictions p WHERE p.ended_at IS NULL AND p.outcome IS NULL
                          ORDER BY p.breach_at NULLS LAST, p.raised_at, p.id LIMIT 1) n ON true"""
).bindparams(bindparam("within", type_=Interval))


class PredictionReports:
    """Reads predictions.

    Args:
        engine: the database, as any role that may read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._attempts = Attempts(engine)

    def page(self, wanted: Slice, only: PredictionFilter = PredictionFilter()) -> Page[Prediction]:  # noqa: B008 - frozen
        """One page, the latest raised first."""
        key = (_COLUMNS.raised_at, _COLUMNS.id)
        return page_of(self._engine, _filtered(select(predictions), only), key, wanted, prediction_of)

    def standing(self, *, limit: int) -> Sequence[Prediction]:
        """Those that still speak for a heal, the most urgent first; those that foretell no time come last."""
        with transaction(self._engine) as connection:
            return [prediction_of(row) for row in connection.execute(_URGENT.limit(limit))]

    def untold(self) -> Sequence[Untold]:
        """Series of which too little is known for a forecast, as the newest run of predictive-health found them."""
        with transaction(self._engine) as connection:
            found = connection.scalar(select(forecast_state.c.untold)) or []
        return [Untold(component=one["component"], metric=one["metric"], why=one["why"]) for one in found]

    def story(self, prediction_id: UUID) -> PredictionStory | None:
        """One with the series around it, and what was done for it; None: there is no such."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(predictions).where(_COLUMNS.id == prediction_id)).first()
            if row is None:
                return None
            told = prediction_of(row)
            since, until = span_of(told, datetime.now(UTC))
            stretch = stretch_of(since, until)
            asked = {"component": told.component, "metric": told.metric, "since": since, "until": until}
            points = connection.execute(_SERIES, asked | {"stretch": stretch}).all()
            answer = connection.execute(_ANSWER, {"id": told.id}).one()
        heals = self._attempts.page(
            Slice(limit=HEALS), AttemptFilter(component=told.component, since=since, until=until)
        )
        return PredictionStory(
            prediction=told,
            series=Series(
                since=since, until=until, stretch=stretch, points=[_point(one) for one in points if _told(one)]
            ),
            answer=self._answer(told.id, answer),
            heals=list(reversed(heals.items)),
        )

    def record(self, *, within: timedelta | None) -> Sequence[RuleRecord]:
        """Of all, then of each rule, of what was raised within this time; None: ever."""
        with transaction(self._engine) as connection:
            return [_record(row) for row in connection.execute(_RECORD, {"within": within})]

    def foreseen(self, *, within: timedelta | None) -> Foreseen:
        """How many breaches of a limit there were within this time (None: ever), and how many were foretold in time."""
        with transaction(self._engine) as connection:
            row = connection.execute(_FORESEEN, {"within": within}).one()
        return Foreseen(breaches=row.breaches, foretold=row.foretold)

    def glance(self) -> Glance:
        """How they stand, in one statement."""
        with transaction(self._engine) as connection:
            row = connection.execute(_GLANCE, {"within": GLANCED}).one()
        return Glance(
            standing=row.standing,
            next=None if row.id is None else prediction_of(row),
            hits=row.hits,
            told=row.told,
        )

    def _answer(self, prediction_id: UUID, row: Row[Any]) -> Answer:
        return Answer(
            raised_at=row.raised_at,
            decision=row.decision or "",
            reason=row.reason or "",
            approval=row.approval,
            approval_state=row.approval_state or "",
            planned=row.planned or "",
            attempt=self._attempts.of_trigger(prediction_id),
        )


def _filtered(statement: Select[Any], only: PredictionFilter) -> Select[Any]:
    """With the conditions that matter."""
    if only.component:
        statement = statement.where(_COLUMNS.component == only.component)
    if only.rule is not None:
        statement = statement.where(_COLUMNS.rule == only.rule.value)
    if only.outcome is not None:
        statement = statement.where(_COLUMNS.outcome == only.outcome.value)
    if only.open is not None:
        statement = statement.where(_COLUMNS.outcome.is_(None) if only.open else _COLUMNS.outcome.is_not(None))
    return statement


def prediction_of(row: Row[Any]) -> Prediction:
    """A row of `predictions`."""
    return Prediction(
        id=row.id,
        rule=TriggerType(row.rule),
        component=row.component,
        metric=row.metric,
        value=row.value,
        threshold=row.threshold,
        well_below=row.well_below,
        raised_at=row.raised_at,
        breach_at=row.breach_at,
        low=row.low_at,
        high=row.high_at,
        why=row.why,
        ended_at=row.ended_at,
        breached_at=row.breached_at,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        settled_at=row.settled_at,
    )


def _told(row: Row[Any]) -> bool:
    """Whether its numbers are numbers: others cannot be drawn, nor told as JSON."""
    return all(one is not None and math.isfinite(one) for one in (row.min, row.max, row.mean))


def _point(row: Row[Any]) -> Point:
    return Point(at=row.at, min=row.min, max=row.max, mean=row.mean)


def _record(row: Row[Any]) -> RuleRecord:
    return RuleRecord(
        rule=None if row.rule is None else TriggerType(row.rule),
        predictions=row.predictions,
        hits=row.hits,
        late=row.late,
        early=row.early,
        misses=row.misses,
        prevented=row.prevented,
        unknown=row.unknown,
        unsettled=row.unsettled,
        standing=row.standing,
        lead=None if row.lead_s is None else timedelta(seconds=row.lead_s),
        intervals=row.intervals,
        covered=row.covered,
    )
