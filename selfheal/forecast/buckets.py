"""Measured points as they come, put into buckets of 5 minutes: any sampling, a clock that is set, late points."""

from collections import deque
from dataclasses import dataclass
from statistics import median

import numpy as np

from selfheal.forecast.rows import BUCKET_S, Counts, Row

_LATEST_S = 1e11
"""A time beyond the year 5000 is none."""
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
    """

    buckets: Counts
    values: Row
    places: Counts
    last_s: Row
    left_out: int
    set_back: int


def in_buckets(times_s: Row, values: Row) -> Series:
    """Put the points of one series into buckets, in the order in which they were measured.

    A clock that goes back by more than a bucket was set: from there on the series goes on one usual step later (the
    median of the last 20), however the clock calls it. A clock that goes forward cannot be told from a gap.
    """
    good = (np.abs(times_s) < _LATEST_S) & np.isfinite(values)
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
        places=np.flatnonzero(good)[newest],
        last_s=told[newest],
        left_out=int(times_s.size - known.size),
        set_back=set_back,
    )


def _steady(told: Row) -> tuple[Row, int]:
    """The same times on a clock that never goes back, and how often it went back by more than a bucket."""
    found = np.empty_like(told)
    steps: deque[float] = deque(maxlen=_STEPS)
    latest, offset, set_back = -np.inf, 0.0, 0
    for place, time in enumerate(told.tolist()):
        if time + offset < latest - BUCKET_S:
            offset = latest + (median(steps) if steps else 0.0) - time
            set_back += 1
        elif np.isfinite(latest) and time + offset > latest:
            steps.append(time + offset - latest)
        latest = max(latest, time + offset)
        found[place] = latest
    return found, set_back
