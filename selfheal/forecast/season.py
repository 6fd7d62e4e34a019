"""The shape of a day: what the same time of the days before tells about the next hours."""

import numpy as np

from selfheal.forecast.rows import DAY, Counts, Row, Table

_DAYS = 3
_WEEKDAYS = 7


def daily_shape(smooth: Table, bucket: int) -> Row:
    """The median of the three days before, at the same time; of fewer where there are fewer, NaN of none."""
    kept = smooth.shape[0]
    one, two, three = (smooth[(bucket - day * DAY) % kept] for day in range(1, _DAYS + 1))
    return _median(one, two, three)


def seen_before(smooth: Table, bucket: int, *, swing: int, ahead: int, series: Counts) -> tuple[Table, Table]:
    """What the same time of each of the seven days before did: how far it had risen, and how far it rose from there.

    The same weekday is among them, so a Monday is compared with a Monday too. A row per day; NaN where it is not known.
    """
    kept = smooth.shape[0]
    days = bucket - DAY * np.arange(1, _WEEKDAYS + 1)
    here = smooth[np.ix_(days % kept, series)]
    risen = here - smooth[np.ix_((days - swing) % kept, series)]
    later = np.stack([smooth[np.ix_((days + step) % kept, series)] for step in range(1, ahead + 1)])
    return risen, np.where(np.isfinite(later), later, -np.inf).max(axis=0) - here


def _median(one: Table, two: Table, three: Table) -> Table:
    one = np.where(np.isnan(one), two, one)
    two = np.where(np.isnan(two), one, two)
    three = np.where(np.isnan(three), two, three)
    return np.maximum(np.minimum(one, two), np.minimum(np.maximum(one, two), three))
