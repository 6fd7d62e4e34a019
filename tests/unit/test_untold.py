"""Why little or nothing can be foretold of a series, in words."""

from datetime import UTC, datetime, timedelta

import pytest

from selfheal.model.forecast import Forecast, NoForecast
from selfheal.policy.untold import too_little

H, M = timedelta(hours=1), timedelta(minutes=1)


def a_forecast(
    why: NoForecast | None = NoForecast.AWAY, *, age: timedelta = 30 * H, step: timedelta = 5 * M
) -> Forecast:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    return Forecast(
        at=at, breach_at=None, low=None, high=None, votes=0, alarm=False, raised=False, why_not=why, age=age, step=step
    )


@pytest.mark.parametrize(
    ("forecast", "said"),
    [
        (None, "it has no values"),
        (a_forecast(NoForecast.ONE, age=5 * M), "it has only one value"),
        (a_forecast(NoForecast.YOUNG, age=90 * M), "too short to tell: 1.5 h of 3"),
        (a_forecast(age=5 * H), "short, 5 h of 24: only a breach within 40 min is foretold"),
        (a_forecast(step=60 * M), "a value every 60 min: more than half of its breaches are missed"),
        (a_forecast(NoForecast.STALE), "it had no value for an hour"),
        (a_forecast(NoForecast.CONSTANT), ""),
        (a_forecast(), ""),
    ],
)
def test_what_is_missing_is_said(forecast: Forecast | None, said: str) -> None:
    """How much of what is needed there is; nothing of a series that only has no reason for an alarm."""
    assert too_little(forecast) == said
