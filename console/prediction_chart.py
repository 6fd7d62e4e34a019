"""A small chart of one prediction in plain letters, for a terminal: history, band, limit, alarm, foretold, breach."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from selfheal.model.prediction_report import PredictionStory
from selfheal.policy.prediction_words import figure

WIDTH, HEIGHT = 72, 12
LATEST = timedelta(hours=12)
"""So much after the alarm is shown at most of what is only foretold."""
KEY = (
    "* highest   : down to the lowest   - limit   H heal",
    "A alarm   F foretold   ~ with 80 % within this   X breach",
)


def chart(story: PredictionStory) -> Sequence[str]:
    """Its lines, without line ends; nothing in it is wider than 90 letters."""
    told, series = story.prediction, story.series
    values = [told.threshold, told.value, *(v for one in series.points for v in (one.min, one.max))]
    known = [one for one in values if math.isfinite(one)] or [0.0]
    low, high = min(known), max(known)
    ahead = [at for at in (told.breach_at, told.high) if at is not None and at - told.raised_at <= LATEST]
    end = max([series.until, told.raised_at, *ahead, series.since + series.stretch])
    place = _Place(begin=series.since, end=end, low=low, high=high)
    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    for column in range(WIDTH):
        grid[place.row(told.threshold)][column] = "-"
    for column, found in groupby(series.points, lambda one: place.column(one.at)):
        rows = [place.row(value) for one in found for value in (one.max, one.min)]
        for row in range(min(rows), max(rows) + 1):
            grid[row][column] = "*" if row == min(rows) else ":"
    words = [figure(high, told.metric), *[""] * (HEIGHT - 2), figure(low, told.metric)]
    edge = max(len(one) for one in words)
    lines = [f"{word:>{edge}} |{''.join(row).rstrip()}" for word, row in zip(words, grid, strict=True)]
    lines.append(f"{'':>{edge}} +{''.join(_moments(story, place))}")
    ends = f"{series.since:%d %b %H:%M}", f"{end:%d %b %H:%M} UTC"
    lines.append(f"{'':>{edge}}  {ends[0]}{ends[1]:>{WIDTH - len(ends[0])}}")
    return [*lines, *(f"{'':>{edge}}  {line}" for line in KEY)]


class _Place:
    """Where in the chart a time and a value are."""

    def __init__(self, *, begin: datetime, end: datetime, low: float, high: float) -> None:
        self._begin, self._end, self._low, self._high = begin, end, low, high

    def column(self, at: datetime) -> int:
        share = (at - self._begin) / (self._end - self._begin)
        return min(WIDTH - 1, max(0, int(share * WIDTH)))

    def row(self, value: float) -> int:
        """From the top; a value that is no number is at the bottom."""
        size = max(abs(self._low), abs(self._high))
        span = self._high / size - self._low / size if size else 0.0
        if not span or not math.isfinite(value):
            return HEIGHT - 1 if not math.isfinite(value) else HEIGHT // 2
        share = (value / size - self._low / size) / span
        return min(HEIGHT - 1, max(0, round((1 - share) * (HEIGHT - 1))))


def _moments(story: PredictionStory, place: _Place) -> Sequence[str]:
    """The line below the chart: what happened when."""
    told = story.prediction
    line = ["-"] * WIDTH
    if told.low is not None and told.high is not None and told.low <= told.high:
        for column in range(place.column(told.low), place.column(told.high) + 1):
            line[column] = "~"
    marks = [(one.created_at, "H") for one in story.heals]
    marks += [(told.breach_at, "F")] if told.breach_at is not None else []
    marks += [(told.raised_at, "A")]
    marks += [(told.breached_at, "X")] if told.breached_at is not None else []
    for at, letter in marks:
        line[place.column(at)] = letter
    return line
