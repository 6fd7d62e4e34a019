"""What others foretell a breach with: Prometheus' `predict_linear`, and a straight line through a week.

`predict_linear(x[1h], 7200)` is the line of least squares through the samples of the range, read two hours ahead;
here an alert while it is at or above the limit. It gets the discipline of our own alarms: 3 cycles in a row, cleared
after 12.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.forecast_alarms import Alarm
from selfheal.forecast import numbers
from selfheal.forecast.buckets import Series
from selfheal.forecast.rows import BUCKET_S, HOUR, WEEK

Array = npt.NDArray[np.float64]
WINDOWS: Mapping[str, int] = {"predict-linear-1h": HOUR, "predict-linear-4h": 4 * HOUR, "regression-7d": WEEK}
"""By the name of the other side, in buckets."""
_AHEAD = 2 * HOUR


def rival_alarms(series: Series, limit: float, window: int) -> list[Alarm]:
    """The alarms of one series, judged when a sample has come."""
    values, buckets = series.values / limit, series.buckets - series.buckets[0]
    slopes, levels = _lines(buckets.astype(np.float64), values, window)
    ahead = levels + slopes * _AHEAD
    found, yes, no, active = [], 0, 0, False
    for place in range(values.size):
        foretold = bool(ahead[place] >= 1.0)
        yes, no = (yes + 1, 0) if foretold else (0, no + 1)
        active = active and no < numbers.CLEAR
        if not active and yes >= numbers.PERSIST:
            active = True
            slope = slopes[place]
            reach = max(0.0, (1.0 - levels[place]) / slope) if slope > 0 else 0.0
            found.append(_alarm(series, place, reach * BUCKET_S))
    return found


def _alarm(series: Series, place: int, reach_s: float) -> Alarm:
    """A line of least squares has no interval of a time: NaN."""
    nothing = float("nan")
    newest = int(series.places[place])
    return Alarm(place=newest, at_s=float(series.last_s[place]), reach_s=reach_s, low_s=nothing, high_s=nothing)


def _lines(times: Array, values: Array, window: int) -> tuple[Array, Array]:
    """Slope and level now of the line through the last `window` buckets, at every sample, from running sums."""
    begins = np.searchsorted(times, times - window, side="right")
    sums = [np.concatenate(([0.0], np.cumsum(one))) for one in (times, values, times * times, times * values)]
    ends = np.arange(1, times.size + 1)
    count = (ends - begins).astype(np.float64)
    age, height, square, mixed = (one[ends] - one[begins] for one in sums)
    across = square - age * age / count
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.where(count > 1, (mixed - age * height / count) / across, 0.0)
    return slopes, height / count + slopes * (times - age / count)


def all_rivals(series: Sequence[Series], limits: Sequence[float]) -> dict[str, list[list[Alarm]]]:
    """The alarms of each series, by the name of the other side."""
    return {
        name: [rival_alarms(one, limit, window) for one, limit in zip(series, limits, strict=True)]
        for name, window in WINDOWS.items()
    }
