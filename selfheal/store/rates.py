"""The metrics, as the database counts them (migrations/versions/v0001_metrics.sql)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Interval, Row, bindparam, text

from selfheal.model.rate import Estimate, Rates
from selfheal.store.engine import transaction

_RATES = text(
    "SELECT * FROM healing_rates(:within) ORDER BY attempts DESC, action_type NULLS FIRST, component NULLS FIRST"
).bindparams(bindparam("within", type_=Interval))
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
