"""The forecaster let loose on recorded series, bucket by bucket, and the alarms that it raises."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfheal.forecast.buckets import Series
from selfheal.forecast.forecaster import Forecaster
from selfheal.forecast.rows import BUCKET_S, WEEK
from selfheal.model.forecast import Forecast

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A breach that was foretold.

    Attributes:
        place: of the newest point that it rests on, in the order in which they were measured.
        at_s: when it was raised, in seconds, as the clock of the series told it.
        reach_s: from then until the breach.
        low_s: with 80 % from here
        high_s: to here.
    """

    place: int
    at_s: float
    reach_s: float
    low_s: float
    high_s: float


def alarms_of(series: Sequence[Series], limits: Sequence[float]) -> list[list[Alarm]]:
    """All alarms of each series, in order. Nothing later than its bucket is known to any of them."""
    return alarms_at_ends(series, limits)[0]


def alarms_at_ends(
    series: Sequence[Series], limits: Sequence[float]
) -> tuple[list[list[Alarm]], list[Forecast | None]]:
    """The same, and what is foretold at the end of each; None of one without a value."""
    moments = [_moments(one) for one in series]
    table = aligned(series, moments)
    forecaster = Forecaster(np.array(limits, dtype=np.float64), bucket=0)
    found: list[list[Alarm]] = [[] for _ in series]
    ends: list[Forecast | None] = [None] * len(series)
    last = np.array([one[-1] if one.size else -1 for one in moments], dtype=np.int64)
    for moment in range(table.shape[0]):
        forecaster.observe(moment, table[moment])
        outlook = forecaster.judge()
        for place in np.flatnonzero(outlook.raised).tolist():
            newest = int(np.searchsorted(moments[place], moment, side="right")) - 1
            waited = float(moment - moments[place][newest]) * BUCKET_S
            found[place].append(
                Alarm(
                    place=int(series[place].places[newest]),
                    at_s=float(series[place].last_s[newest]) + waited,
                    reach_s=float(outlook.reach[place]) * BUCKET_S,
                    low_s=float(outlook.low[place]) * BUCKET_S,
                    high_s=float(outlook.high[place]) * BUCKET_S,
                )
            )
        for place in np.flatnonzero(last == moment).tolist():
            ends[place] = outlook.forecast(place)
    return found, ends


def aligned(series: Sequence[Series], moments: Sequence[npt.NDArray[np.int64]]) -> Array:
    """A row per bucket and a column per series, each from its own first bucket on; NaN where there is no value."""
    rows = max((int(one[-1]) + 1 for one in moments if one.size), default=0)
    table = np.full((rows, len(series)), np.nan)
    for place, (one, places) in enumerate(zip(series, moments, strict=True)):
        table[places, place] = one.values
    return table


def _moments(series: Series) -> npt.NDArray[np.int64]:
    """Buckets counted from the first; a gap longer than what is remembered is as long as two weeks."""
    steps = np.minimum(np.diff(series.buckets), 2 * WEEK)
    return np.concatenate((np.zeros(min(1, series.buckets.size), dtype=np.int64), np.cumsum(steps)))
