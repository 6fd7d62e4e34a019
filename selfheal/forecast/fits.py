"""Straight lines through the newest values of all series at once."""

from dataclasses import dataclass

import numpy as np

from selfheal.forecast.rows import Flags, Row, Table


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line per series.

    Attributes:
        level: at the newest bucket.
        slope: per bucket.
        spread: standard deviation of the values around it.
        error: standard error of the slope.
        count: values it goes through.
        span: buckets between the first and the last of them.
    """

    level: Row
    slope: Row
    spread: Row
    error: Row
    count: Row
    span: Row


def least_squares(values: Table, there: Flags) -> Line:
    """The line of least squares through the rows that are `there`; the last row is now."""
    rows = values.shape[0]
    ages = np.arange(1 - rows, 1, dtype=np.float64)[:, None]
    weight = there.astype(np.float64)
    known = np.where(there, values, 0.0)
    count = weight.sum(axis=0)
    sure = np.maximum(count, 1.0)
    mean_age = (weight * ages).sum(axis=0) / sure
    mean = known.sum(axis=0) / sure
    off = np.where(there, values - mean, 0.0)
    aside = np.where(there, ages - mean_age, 0.0)
    across = (aside * aside).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(across > 0, (aside * off).sum(axis=0) / across, np.nan)
        rest = np.maximum((off * off).sum(axis=0) - slope * slope * across, 0.0) / np.maximum(count - 2, 1.0)
        error = np.sqrt(rest / across)
    return Line(
        level=mean - slope * mean_age,
        slope=slope,
        spread=np.sqrt(rest),
        error=error,
        count=count,
        span=np.where(count > 0, -np.where(there, ages, 0.0).min(axis=0), 0.0),
    )


def robust(values: Table, there: Flags) -> Line:
    """Theil and Sen's line, of pairs that lie half the history apart: half of all values may be wild."""
    rows = values.shape[0]
    known = np.where(there, values, np.nan)
    slopes = np.full(values.shape[1], np.nan)
    error = np.full(values.shape[1], np.nan)
    for lag in (rows // 2, rows // 4, rows // 8):
        pairs = ((known[lag:] - known[:-lag]) / lag).T.copy()
        pairs.sort(axis=1)  # what is missing comes last
        count = np.isfinite(pairs).sum(axis=1)
        better = np.isnan(slopes) & (count >= lag // 2 + 2)
        slopes = np.where(better, _at(pairs, count, 0.5), slopes)
        error = np.where(better, _at(pairs, count, 0.25), error)
    ages = np.arange(1 - rows, 1, dtype=np.float64)[:, None]
    rests = (known - slopes * ages).T.copy()
    rests.sort(axis=1)
    count = np.isfinite(rests).sum(axis=1)
    level = _at(rests, count, 0.5)
    spread = (_at(rests, count, 0.84) - _at(rests, count, 0.16)) / 2
    span = np.where(count > 0, -np.where(there, ages, 0.0).min(axis=0), 0.0)
    return Line(level=level, slope=slopes, spread=spread, error=error, count=count.astype(np.float64), span=span)


def _at(ordered: Table, count: np.typing.NDArray[np.int64], share: float) -> Row:
    """The value at a share of each row's ordered values."""
    place = np.clip((share * (count - 1)).round().astype(np.int64), 0, ordered.shape[1] - 1)
    found: Row = np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]
    return found
