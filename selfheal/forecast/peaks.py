"""What the heights that a series fell from tell: where it turns by itself, and whether it turns higher each time."""

from dataclasses import dataclass

import numpy as np

from selfheal.forecast import numbers
from selfheal.forecast.history import History
from selfheal.forecast.rows import WEEK, Flags, Row, Table

_STEEP, _FEWEST, _MORE = 3, 4, 5


@dataclass(frozen=True, kw_only=True)
class Turns:
    """A row of each.

    Attributes:
        known: the newest value is no higher than where the series has turned by itself.
        within: it is in a tooth, as usual: what it does inside tells nothing.
        rising: its peaks rise towards the limit and reach it within the horizon.
        reach: buckets until then; NaN where they do not.
    """

    known: Flags
    within: Flags
    rising: Flags
    reach: Row


def turns(history: History) -> Turns:
    """Judge the peaks of the last week. One at or above the limit was a breach, not a turn."""
    own = np.isfinite(history.peaked) & (history.peaked > history.bucket - WEEK) & (history.peaks < history.limits)
    count = own.sum(axis=0)
    top = np.where(own, history.peaks, -np.inf).max(axis=0)
    usual = numbers.KNOWN_CHANGES * history.change
    known = (count >= numbers.KNOWN_PEAKS) & (history.latest <= top + usual)
    due = history.bucket - history.peaked[-1] <= numbers.LATE_TOOTH * _longest(history)
    left = history.latest > np.where(count > 0, top, np.inf) + numbers.LEFT_TEETH * history.depth
    within = (history.teeth >= _FEWEST - 1) & due & ~left
    rising, reach = _rising(history, own)
    rising &= due & (history.latest < history.limits)
    return Turns(known=known, within=within, rising=rising, reach=np.where(rising, reach, np.nan))


def _longest(history: History) -> Row:
    """The longest of the last three intervals between falls; none counts as 0."""
    between = np.diff(history.peaked[-4:], axis=0)
    found: Row = np.where(np.isfinite(between), between, 0.0).max(axis=0)
    return found


def _rising(history: History, own: Flags) -> tuple[Flags, Row]:
    """The first line, through 3, 4, 6 or 8 peaks that belong together, that is sure and reaches the limit in time."""
    place = np.arange(numbers.PEAKS)[:, None]
    rising: Flags = np.zeros(own.shape[1], dtype=np.bool_)
    found: Row = np.full(own.shape[1], np.nan)
    newest_rises: Flags | None = None
    for many, fewest in ((_STEEP, _STEEP), (_FEWEST, _FEWEST), (6, _MORE), (numbers.PEAKS, _MORE)):
        there = own & (place >= numbers.PEAKS - np.minimum(history.teeth, many))
        slope, reach, sure = _line(history, there)
        if many == _STEEP:
            sure = _climbing(history, own)
        newest_rises = slope > 0 if newest_rises is None else newest_rises
        good = (there.sum(axis=0) >= fewest) & sure & (reach <= numbers.HORIZON) & newest_rises & ~rising
        found = np.where(good, reach, found)
        rising = rising | good
    return rising, found


def _climbing(history: History, own: Flags) -> Flags:
    """The last three peaks rise alike, and well above all before: a rise too steep to wait for a fourth."""
    one, two, three = history.peaks[-3:]
    first, second = two - one, three - two
    before = np.where(own[:-3], history.peaks[:-3], -np.inf).max(axis=0)
    clear = three > np.maximum(before, one) + numbers.LEFT_TEETH * history.depth
    return np.asarray((first > second / 3) & (second > first / 3) & clear & own[-3:].all(axis=0))


def _line(history: History, there: Flags) -> tuple[Row, Row, Flags]:
    """Slope, buckets until the limit, and whether the slope is sure."""
    count = np.maximum(there.sum(axis=0), 1)
    ages: Table = np.where(there, history.peaked - history.bucket, 0.0)
    heights: Table = np.where(there, history.peaks, 0.0)
    age, height = ages.sum(axis=0) / count, heights.sum(axis=0) / count
    aside, off = np.where(there, ages - age, 0.0), np.where(there, heights - height, 0.0)
    across = (aside * aside).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(across > 0, (aside * off).sum(axis=0) / across, np.nan)
        rest = np.maximum((off * off).sum(axis=0) - slope * slope * across, 0.0) / np.maximum(count - 2, 1)
        sure = slope > numbers.PEAKS_SURE * np.sqrt(rest / across)
        reach = np.maximum((history.limits - (height - slope * age) - np.sqrt(rest)) / slope, 0.0)
    return slope, reach, sure
