"""Measured points as they come, put into buckets of 5 minutes: any sampling, a clock that is set, late points."""

from dataclasses import dataclass

import numpy as np

from selfheal.forecast.rows import BUCKET_S, Counts, Row

_LEAP_BACK_S = BUCKET_S
"""Up to this far back a point is late; further, the clock was set."""
_STEPS = 20


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
    good = np.isfinite(times_s) & np.isfinite(values)
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
    """The same times on a clock that never goes back by more than a bucket, and how often it did."""
    found = told.copy()
    places = np.flatnonzero(np.diff(told) < -_LEAP_BACK_S) + 1
    for place in places:
        steps = np.diff(told[max(0, place - _STEPS) : place])
        forward = steps[steps > 0]
        step = float(np.median(forward)) if forward.size else 0.0
        found[place:] += found[place - 1] + step - found[place]
    return found, int(places.size)
