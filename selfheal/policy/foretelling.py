"""The rules that foretell: what is said of a series now, and what holds no more. Used by predictive-health.

Values in, values out; a value that is no number says nothing. Each rule begins only on what lasted, and ends on what
lasted, so that a metric that wavers at a limit is one prediction. STUCK_SOON stands in `policy.stuck`.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

from selfheal.model.forecast import Forecast, Name
from selfheal.model.prediction import Foretold, Prediction, Rules, Sign
from selfheal.model.trigger import Priority, TriggerType

MEMORY, DISK, RESPONSE, ERRORS = "memory_percent", "disk_percent", "response_time_ms", "errors_per_hour"
HOST_PREFIX = "host:"
BUCKET = timedelta(minutes=5)
CLEARLY = 1.5
"""A rise is clearly beyond what is usual from day to day when it is so many times the largest of the last days,"""
FEWEST_DAYS = 3
"""of which so many have to be known. So many days it must not have been as high either."""
_LEAST_MS = 5.0
"""A response time below this is taken for it: from 1 ms to 2 is no rise, it is rounding."""
_QUIET = 12
"""Buckets without a value after which what was said of a series holds no more."""


def limit_of(
    name: Name, rules: Rules, *, timeouts: Mapping[str, timedelta], own: Mapping[str, Mapping[str, float]]
) -> float | None:
    """What a metric must not reach; None: it has no limit, and nothing is foretold of it.

    Args:
        name: component and metric.
        rules: of the settings.
        timeouts: of the probes of the estate's components, by name: a look that takes longer has failed.
        own: limits of further metrics, or instead of these, by component and metric.
    """
    component, metric = name
    host, ours = component.startswith(HOST_PREFIX), component in timeouts
    if metric in own.get(component, {}):
        return own[component][metric]
    if metric == MEMORY and (host or ours):
        return rules.memory_limit
    if metric == DISK and host:
        return rules.disk_limit
    if metric == RESPONSE and ours:
        return timeouts[component] / timedelta(milliseconds=1)
    return None


def breach(  # noqa: PLR0913 - what is known of a series
    name: Name, *, value: float, limit: float, forecast: Forecast, begun: bool, rules: Rules
) -> Sign:
    """BREACH_FORETOLD: the alarm of the forecast, which has its own patience.

    Args:
        name: component and metric.
        value: its newest.
        limit: what it must not reach.
        forecast: with a time where the alarm begins.
        begun: whether the alarm began since the last run.
        rules: of the settings; a breach beyond the horizon is told by nobody.
    """
    component, metric = name
    foretold = None
    due = forecast.breach_at
    if begun and forecast.alarm and value < limit and due is not None and due - forecast.at <= rules.horizon + _SLACK:
        foretold = Foretold(
            rule=TriggerType.BREACH_FORETOLD,
            component=component,
            metric=metric,
            value=value,
            threshold=limit,
            well_below=min(value, rules.memory_high) if metric == MEMORY else value,
            priority=Priority.HIGH,
            why=f"{metric} is {value:.4g} and will reach {limit:.4g} in about {_words(due - forecast.at)}",
            breach_at=due,
            low=forecast.low,
            high=forecast.high,
        )
    return _sign(TriggerType.BREACH_FORETOLD, name, foretold, over=not forecast.alarm)


def gone(standing: Sequence[Prediction], said: Collection[Name]) -> Sequence[Sign]:
    """Predictions of series that are not looked at any more: they have no values for a week, or no limit."""
    return [
        Sign(rule=one.rule, component=one.component, metric=one.metric, foretold=None, over=True)
        for one in standing
        if one.rule in _OF_SERIES and (one.component, one.metric) not in said
    ]


_OF_SERIES = frozenset({TriggerType.BREACH_FORETOLD, TriggerType.MEMORY_PRESSURE, TriggerType.RESPONSE_RISING})
_SLACK = 3 * BUCKET
"""The forecast looks a little further than the horizon: an alarm takes three values."""


def memory_pressure(  # noqa: PLR0913 - what is known of a series
    name: Name,
    lows: Mapping[int, tuple[float, float]],
    rules: Rules,
    *,
    bucket: int,
    limit: float,
    before: Sequence[float] = (),
) -> Sign:
    """MEMORY_PRESSURE: every look of so long was above the mark; it ends with five minutes all below it.

    What is at its limit already is no prediction any more. What was above the mark on most days before at this hour
    lives there: that is nothing new, and only a forecast says more.

    Args:
        name: component and metric.
        lows: the lowest and highest value by bucket.
        rules: of the settings.
        bucket: the newest that is complete.
        limit: what it must not reach.
        before: the level at this hour of the days before; NaN where it is not known.
    """
    component, metric = name
    buckets = max(1, math.ceil(rules.memory_high_for / BUCKET))
    last = [lows.get(bucket - back, (math.nan, math.nan)) for back in range(buckets)]
    foretold = None
    value = last[0][1] if math.isfinite(last[0][1]) else last[0][0]
    lives = _lives_above(before, rules.memory_high)
    high = all(math.isfinite(low) and low > rules.memory_high for low, _ in last)
    if high and value < limit and not lives:
        foretold = Foretold(
            rule=TriggerType.MEMORY_PRESSURE,
            component=component,
            metric=metric,
            value=value,
            threshold=limit,
            well_below=rules.memory_high,
            priority=Priority.MEDIUM,
            why=f"{metric} was above {rules.memory_high:.4g} at every look for {_words(buckets * BUCKET)},"
            f" and is {value:.4g}",
        )
    highest = last[0][1]
    silent = all(not math.isfinite(lows.get(bucket - back, (math.nan,))[0]) for back in range(_QUIET))
    over = (math.isfinite(highest) and highest <= rules.memory_high) or silent or lives
    return _sign(TriggerType.MEMORY_PRESSURE, name, foretold, over=over)


def _lives_above(days: Sequence[float], mark: float) -> bool:
    """Whether most of the days that are known were above it, and enough are known."""
    known = [day for day in days if math.isfinite(day)]
    return len(known) >= FEWEST_DAYS and 2 * sum(day > mark for day in known) > len(known)


def response_rising(
    name: Name, levels: Sequence[Sequence[float]], rules: Rules, *, limit: float, highest: float
) -> Sign:
    """RESPONSE_RISING: slower than at this time a day ago and a week ago, than its days differ, and than it ever was.

    Args:
        name: component and metric.
        levels: for the last three buckets, the newest first: the median of the hour until then, of the same hour a day
            before, two days before, and so on.
        rules: of the settings.
        limit: what it must not reach.
        highest: the highest median of an hour of the three days that ended half a day ago; -inf: it is not known.
    """
    rises = [_rise(days, rules.response_rise) for days in levels]
    foretold = None
    if rises and all(rise is not None and rise[0] for rise in rises) and -math.inf < highest < levels[0][0] < limit:
        now, before = levels[0][0], max(levels[0][1], _LEAST_MS)
        foretold = Foretold(
            rule=TriggerType.RESPONSE_RISING,
            component=name[0],
            metric=name[1],
            value=now,
            threshold=limit,
            well_below=before * (1 + rules.response_rise),
            priority=Priority.MEDIUM,
            why=f"it takes {now:.4g} ms, {now / before - 1:.0%} more than {_words(rules.response_rise_over)} ago, and"
            f" its days usually differ by {(rises[0] or (False, 0.0))[1]:.0%} at most; no hour of the days before was"
            f" above {highest:.4g} ms",
        )
    over = bool(rises) and all(rise is not None and not rise[0] for rise in rises)
    return _sign(TriggerType.RESPONSE_RISING, name, foretold, over=over)


def _rise(days: Sequence[float], least: float) -> tuple[bool, float] | None:
    """Whether it rises, and by what share its days usually differ at most; None: it cannot be told now."""
    known = [math.log(max(one, _LEAST_MS)) if math.isfinite(one) else math.nan for one in days]
    pairs = [abs(one - two) for one, two in pairwise(known[1:])]
    usual = [one for one in pairs if math.isfinite(one)]
    if len(known) < 2 or not math.isfinite(known[0]) or not math.isfinite(known[1]):  # noqa: PLR2004 - now and before
        return None
    if len(usual) < FEWEST_DAYS:
        return False, 0.0
    enough = max(math.log1p(least), CLEARLY * max(usual))
    earlier = [known[1], known[7] if len(known) > 7 and math.isfinite(known[7]) else known[1]]  # noqa: PLR2004 - a week
    return known[0] - max(earlier) >= enough, math.expm1(max(usual))


def errors_sustained(component: str, hours: Sequence[int], rules: Rules, *, limit: float | None = None) -> Sign:
    """ERRORS_SUSTAINED: more than so many errors in each of the last hours; it ends with an hour that has no more.

    Args:
        component: whose log it is.
        hours: errors of each hour, the newest first.
        rules: of the settings.
        limit: instead of that of the settings.
    """
    most = rules.errors_per_hour if limit is None else limit
    wanted = max(1, math.ceil(rules.errors_for / timedelta(hours=1)))
    last = list(hours[:wanted])
    foretold = None
    if len(last) == wanted and all(count > most for count in last):
        foretold = Foretold(
            rule=TriggerType.ERRORS_SUSTAINED,
            component=component,
            metric=ERRORS,
            value=last[0],
            threshold=most,
            well_below=most,
            priority=Priority.MEDIUM,
            why=f"its log had {', '.join(map(str, reversed(last)))} errors in the last {wanted} hours, more than"
            f" {most:.4g} in each",
        )
    return _sign(TriggerType.ERRORS_SUSTAINED, (component, ERRORS), foretold, over=not last or last[0] <= most)


def _sign(rule: TriggerType, name: Name, foretold: Foretold | None, *, over: bool) -> Sign:
    return Sign(rule=rule, component=name[0], metric=name[1], foretold=foretold, over=over and foretold is None)


def _words(time: timedelta) -> str:
    minutes = round(time / timedelta(minutes=1))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.3g} h"  # noqa: PLR2004 - two hours
