"""Five lines through the newest hours of every series, each of which votes for a breach within the horizon or not.

Least squares over 1, 2 and 4 hours, Theil and Sen's over 6, and one through the upper envelope of 6 hours; all from the
last restart, heal or change of level only, and without the shape of the day where the series has one.
"""

from dataclasses import dataclass, replace

import numpy as np

from selfheal.forecast import numbers
from selfheal.forecast.fits import Line, least_squares, robust
from selfheal.forecast.history import KEPT, History
from selfheal.forecast.rows import HOUR, Counts, Flags, Row, Table
from selfheal.forecast.season import seen_before

_ROWS = numbers.WINDOW
_LEAST_SPAN = 16
_FEWEST = 3.5


@dataclass(frozen=True, kw_only=True)
class Votes:
    """A row of each.

    Attributes:
        count: lines that vote for a breach.
        fast: both short lines are so sure that they need no other.
        reach: buckets until the breach, the median of those that vote; NaN without a vote.
        spread: how far those lie apart, as the logarithm of the farthest over the nearest.
        rises: the 2-hour line rises.
        shaped: the shape of the day was taken out.
    """

    count: Counts
    fast: Flags
    reach: Row
    spread: Row
    rises: Flags
    shaped: Flags


def votes(history: History) -> Votes:
    """Draw the lines of all series and count."""
    rows = np.arange(history.bucket - _ROWS + 1, history.bucket + 1)
    values = history.raw[rows % KEPT]
    there = np.isfinite(values) & (rows[:, None] >= history.begun)
    past, future, shaped = _shape(history)
    bare = values - past
    short, two, four = (least_squares(bare[-hours * HOUR :], there[-hours * HOUR :]) for hours in (1, 2, 4))
    short, two, four = (_sampled(line, history) for line in (short, two, four))
    lines = (
        (short, _enough(short, count=_FEWEST, span=5) & _sure(short)),
        (two, _enough(two, count=_FEWEST, span=12) & _sure(two)),
        (four, _enough(four, count=_FEWEST, span=_LEAST_SPAN) & _sure(four)),
        _robust(bare, there),
        _envelope(values, there, past),
    )
    tops = [numbers.ABOVE] * 4 + [0.0]
    reaches = np.stack(
        [_vote(history, line, good, future, shaped, top) for (line, good), top in zip(lines, tops, strict=True)]
    )
    voted = np.isfinite(reaches)
    fast = voted[0] & _sure(short, numbers.VERY_SURE) & _sure(two, numbers.VERY_SURE)
    usual = _usual(history, voted.any(axis=0) & ~_falls(history) & ~shaped, two)
    reaches[:, usual] = np.nan
    return _counted(reaches, fast=fast & ~usual, two=two, shaped=shaped)


def _usual(history: History, asked: Flags, two: Line) -> Flags:
    """At this time of some day before it rose as now, and went on to where it would stay below the limit today."""
    found = np.zeros_like(asked)
    series = np.flatnonzero(asked)
    if series.size:
        risen, further = seen_before(
            history.smooth, history.bucket - 2, swing=numbers.SWING, ahead=numbers.AHEAD, series=series
        )
        now = two.slope[series] * numbers.SWING
        level = two.level[series]
        clear = now >= numbers.ALIKE_CHANGES * history.change[series]
        alike = clear & (risen >= numbers.ALIKE * now) & (level + further < history.limits[series])
        found[series] = alike.any(axis=0)
    return found


def _shape(history: History) -> tuple[Table, Table, Flags]:
    """What the shape of the day expects of the rows behind and ahead, and of which series; else zeros."""
    known = (history.shapes >= numbers.SHAPE_KNOWN) & (history.shaped < numbers.SHAPE_BETTER * history.still)
    known &= ~_falls(history)
    found = np.zeros((_ROWS + numbers.AHEAD, known.size))
    places = np.flatnonzero(known)
    if places.size:
        shapes = history.shapes_around(places)
        whole = np.isfinite(shapes).all(axis=0)
        known[places[~whole]] = False
        found[:, places[whole]] = shapes[:, whole]
    return found[:_ROWS], found[_ROWS:], known


def _falls(history: History) -> Flags:
    """It fell at once more than once within three days: such a series has turns, not hours."""
    return np.asarray(history.peaked[-2] > history.bucket - numbers.SHAPE_FALLS)


def _robust(bare: Table, there: Flags) -> tuple[Line, Flags]:
    line = robust(bare, there)
    return line, _enough(line, count=8, span=_LEAST_SPAN) & (line.slope > 0) & (line.error > 0)


def _envelope(values: Table, there: Flags, past: Table) -> tuple[Line, Flags]:
    """The line through the highest values of each hour, every half hour."""
    blocks = (_ROWS // numbers.BLOCK, numbers.BLOCK, values.shape[1])
    highest = np.where(there, values - past, -np.inf).reshape(blocks).max(axis=1)
    upper = np.maximum(highest[1:], highest[:-1])
    known = np.isfinite(upper)
    drawn = least_squares(np.where(known, upper, 0.0), known)
    line = Line(
        level=drawn.level,
        slope=drawn.slope / numbers.BLOCK,
        spread=drawn.spread,
        error=drawn.error / numbers.BLOCK,
        count=drawn.count,
        span=drawn.span * numbers.BLOCK,
    )
    return line, _enough(line, count=6, span=_LEAST_SPAN) & _sure(line)


def _sampled(line: Line, history: History) -> Line:
    """The same line of as many values as were really measured: what a gap was filled with makes nobody surer."""
    step = np.maximum(history.step, 1.0)
    return replace(line, count=line.count / step, error=line.error * np.sqrt(step))


def _enough(line: Line, *, count: float, span: int) -> Flags:
    enough: Flags = (line.count >= count) & (line.span >= span) & np.isfinite(line.slope)
    return enough


def _sure(line: Line, errors: float = numbers.SURE) -> Flags:
    return np.asarray(line.slope > errors * line.error)


def _vote(history: History, line: Line, good: Flags, future: Table, shaped: Flags, above: float) -> Row:  # noqa: PLR0913, PLR0917
    """Buckets until the line reaches the limit, within the horizon; else NaN.

    A series with a shape of the day also votes where the shape alone leads it there: then the line need not rise.
    """
    top = line.level + above * line.spread
    with np.errstate(divide="ignore", invalid="ignore"):
        straight = np.where(line.slope > 0, np.maximum((history.limits - top) / line.slope, 0.0), np.inf)
    reach = np.where(good, straight, np.inf)
    places = np.flatnonzero(shaped)
    if places.size:
        steps = np.arange(1, numbers.AHEAD + 1)[:, None]
        limits = history.limits[places]
        rising = _first(top[places] + line.slope[places] * steps + future[:, places] >= limits)
        level = _first(line.level[places] + future[:, places] >= limits)
        enough = _enough(line, count=5, span=7)[places]
        reach[places] = np.where(good[places] & (rising <= numbers.HORIZON), rising, np.where(enough, level, np.inf))
    return np.where(reach <= numbers.HORIZON, reach, np.nan)


def _first(reached: Flags) -> Row:
    """The first row that is reached, counted from 1."""
    found: Row = np.where(reached.any(axis=0), reached.argmax(axis=0) + 1.0, np.inf)
    return found


def _counted(reaches: Table, *, fast: Flags, two: Line, shaped: Flags) -> Votes:
    count = np.isfinite(reaches).sum(axis=0)
    ordered = np.sort(reaches, axis=0)  # NaN comes last
    series = np.arange(count.size)
    last = np.maximum(count - 1, 0)
    middle = (ordered[last // 2, series] + ordered[(last + 1) // 2, series]) / 2
    return Votes(
        count=count,
        fast=fast,
        reach=middle,
        spread=np.log((ordered[last, series] + 3) / (ordered[0] + 3)),
        rises=np.asarray(two.slope > 0),
        shaped=shaped,
    )
