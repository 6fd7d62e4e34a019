"""Why little or nothing can be foretold of a series, for people: predictive-health and the benchmark say the same."""

from datetime import timedelta

from selfheal.model.forecast import Forecast, NoForecast

FIRST, DAY = timedelta(hours=3), timedelta(days=1)
"""Before the first there is no forecast, before the second only of a breach that is near."""
COARSE = timedelta(minutes=40)
"""Of values that come more rarely many breaches are missed."""
_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)
_NOTHING = frozenset({NoForecast.LIMIT, NoForecast.EMPTY, NoForecast.ONE, NoForecast.STALE})


def too_little(forecast: Forecast | None) -> str:
    """What is missing for a forecast that can be relied on; empty: nothing is.

    Args:
        forecast: what is foretold now; None: the series has no value at all.
    """
    if forecast is None:
        return NoForecast.EMPTY.value
    if forecast.why_not in _NOTHING:
        return forecast.why_not.value
    said = [_short(forecast.age)]
    if forecast.step > COARSE:
        said.append(f"a value every {forecast.step / _MINUTE:.0f} min: more than half of its breaches are missed")
    return "; ".join(filter(None, said))


def _short(age: timedelta) -> str:
    if age < FIRST:
        return f"too short to tell: {_hours(age)} h of {FIRST // _HOUR}"
    if age < DAY:
        return f"short, {_hours(age)} h of {DAY // _HOUR}: only a breach within 40 min is foretold"
    return ""


def _hours(age: timedelta) -> str:
    return f"{age / _HOUR:.1f}".removesuffix(".0")
