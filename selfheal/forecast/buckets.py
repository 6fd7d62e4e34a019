"""Measured points as they come, put into buckets of 5 minutes: any sampling, a clock that is set, late points.

A clock is set now and then. Where more than one point in fifty comes before the one above it, and not nearly all do,
nobody set a clock: the points stand in no order, and are sorted by their times.
"""

from collections import deque
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median

import numpy as np

from selfheal.forecast.rows import BUCKET_S, Counts, Row

_EARLIEST_S, _LATEST_S = -6e10, 1e11
"""A time before the year 100 or beyond the year 5000 is none."""
_DISORDER, _BACKWARDS, _FEWEST = 0.02, 0.9, 5
"""Shares of the points that go back, and the fewest that are no chance."""
_STEPS = 20
"""The usual step is the median of so many."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series in buckets.

    Attributes:
        buckets: their numbers on a clock that never goes back, rising; only those that have a value.
        values: the highest of each.
        places: the newest point of each, by its place in what was given.
        last_s: the time of that, as the clock of the series told it.
        left_out: points without a time or a finite value.
        set_back: how often the clock went back.
        sorted: points that stood in no order were sorted by their times.
    """

    buckets: Counts
    values: Row
    places: Counts
    last_s: Row
    left_out: int
    set_back: int
    sorted: bool = False


def in_buckets(times_s: Row, values: Row) -> Series:
    """Put the points of one series into buckets, in the order in which they were measured.

    A clock that goes back by more than a bucket was set: from there on the series goes on one usual step later (the
    median of the last 20), however the clock calls it. A clock that goes forward cannot be told from a gap. A point
    behind which the clock is where it was came late, and counts when it comes.
    """
    good = np.flatnonzero((times_s > _EARLIEST_S) & (times_s < _LATEST_S) & np.isfinite(values))
    mixed = _mixed(times_s[good])
    if mixed:
        good = good[np.argsort(times_s[good], kind="stable")]
    told, known = times_s[good], values[good]
    steady, set_back = _steady(told)
    numbers = (steady // BUCKET_S).astype(np.int64)
    buckets, place = np.unique(numbers, return_inverse=True)
    highest = np.full(buckets.size, -np.inf)
    np.maximum.at(highest, place, known)
    newest = np.zeros(buckets.size, dtype=np.int64)
    np.maximum.at(newest, place, np.arange(known.size))
    return Series(
        buckets=buckets,
        values=highest,
        places=good[newest],
        last_s=told[newest],
        left_out=int(times_s.size - known.size),
        set_back=set_back,
        sorted=mixed,
    )


def _mixed(told: Row) -> bool:
    """Whether the points stand in no order; those that run backwards have one."""
    back = int(np.count_nonzero(np.diff(told) < 0))
    return back >= _FEWEST and _DISORDER < back / told.size < _BACKWARDS


def _steady(told: Row) -> tuple[Row, int]:
    """The same times on a clock that never goes back, and how often it went back by more than a bucket."""
    found = np.empty_like(told)
    steps: deque[float] = deque(maxlen=_STEPS)
    latest, offset, set_back = -np.inf, 0.0, 0
    times = told.tolist()
    for place, (time, following) in enumerate(zip_longest(times, times[1:], fillvalue=-np.inf)):
        late = following + offset >= latest
        if time + offset < latest - BUCKET_S and not late:
            offset = latest + (median(steps) if steps else 0.0) - time
            set_back += 1
        elif np.isfinite(latest) and time + offset > latest:
            steps.append(time + offset - latest)
        latest = max(latest, time + offset)
        found[place] = latest
    return found, set_back
