"""The metrics, as the database counts them (migrations/versions/v0001_metrics.sql)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Interval, Row, bindparam, text

from selfheal.model.rate import DayOfHeals, Estimate, Rates, SuccessRate
from selfheal.store.engine import transaction

_RATES = text(
    "SELECT * FROM healing_rates(:within) ORDER BY attempts DESC, action_type NULLS FIRST, component NULLS FIRST"
).bindparams(bindparam("within", type_=Interval))
_BY_ACTION = text("SELECT * FROM seen_success_rates ORDER BY total_attempts DESC, action_type")
_BY_DAY = text(
    """SELECT (f.verified_at AT TIME ZONE 'UTC')::date AS day, count(*) AS heals,
              avg(extract(epoch FROM f.verified_at - f.detected_at))::float8 AS mttr_s
       FROM faults f
       WHERE f.detected_at > now() - make_interval(days => :days) AND f.resolution = 'HEALED'
         AND f.prediction_id IS NULL
       GROUP BY 1 ORDER BY 1"""
)
_REFRESH = text("SELECT refresh_success_rates()")


class RateReports:
    """Reads the metrics.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rates(self, *, within: timedelta | None) -> Sequence[Rates]:
        """For all, each action, each component, and both; of what ended within this time, None: ever."""
        with transaction(self._engine) as connection:
            return [_rates(row) for row in connection.execute(_RATES, {"within": within})]

    def by_action(self) -> Sequence[SuccessRate]:
        """The client's view, of what the caller may see of everything that ever finished; the most tried first."""
        with transaction(self._engine) as connection:
            return [
                SuccessRate(
                    action_type=row.action_type,
                    attempts=row.total_attempts,
                    successful=row.successful,
                    failed=row.failed,
                    rolled_back=row.rolled_back,
                    rate_pct=float(row.success_rate_pct),
                    execution_ms=row.avg_execution_time_ms,
                    last_attempted=row.last_attempted,
                )
                for row in connection.execute(_BY_ACTION)
            ]

    def by_day(self, *, days: int) -> Sequence[DayOfHeals]:
        """The heals of faults that were detected in these last days, in order; a day without one is missing."""
        with transaction(self._engine) as connection:
            return [DayOfHeals(**row._asdict()) for row in connection.execute(_BY_DAY, {"days": days})]

    def refresh(self) -> None:
        """Bring the client's view `healing_action_success_rates` up to date."""
        with transaction(self._engine) as connection:
            connection.execute(_REFRESH)


def _rates(row: Row[Any]) -> Rates:
    return Rates(
        action_type=row.action_type,
        component=row.component,
        attempts=row.attempts,
        healed=row.healed,
        recurred=row.recurred,
        prevented=row.prevented,
        success=Estimate(value=row.success_rate, low=row.success_low, high=row.success_high),
        mttr_s=Estimate(value=row.mttr_s, low=row.mttr_low_s, high=row.mttr_high_s),
        recurrence=Estimate(value=row.recurrence_rate, low=row.recurrence_low, high=row.recurrence_high),
        saved=Estimate(value=float(row.saved), low=row.saved_low, high=row.saved_high),
    )
