"""The picture of one prediction: the metric's history with its band, its limit, what was foretold, and what came.

Drawn for a wide and for a narrow window; which of the two is seen is the style's business.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from selfheal.model.prediction_report import Point, PredictionStory
from selfheal.policy.prediction_words import figure, number

WIDE, NARROW = (960, 330), (350, 290)
TOP, RIGHT, BOTTOM, LEFT = 58, 14, 24, 50
ROW = 16
"""Height of a line of words above the plot: each line belongs to one mark, so that no two run into each other."""
LATEST = timedelta(hours=12)
"""So much after the alarm is shown at most of what is only foretold."""
_STEPS = [timedelta(minutes=n) for n in (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 43200, 525600)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_SMALLEST = 1e-290  # below it there are no round values any more


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where in the picture a time and a value are.

    Attributes:
        width: of the picture.
        height: the same.
        begin: the time at the left edge of the plot.
        end: at its right edge, later than `begin`.
        low: the value at its bottom.
        high: at its top, more than `low`.
    """

    width: int
    height: int
    begin: datetime
    end: datetime
    low: float
    high: float

    @property
    def right(self) -> int:
        """The plot's right edge."""
        return self.width - RIGHT

    @property
    def bottom(self) -> int:
        """Its bottom edge."""
        return self.height - BOTTOM

    def x(self, at: datetime) -> float:
        """Of a time, kept within the plot."""
        share = (at - self.begin) / (self.end - self.begin)
        return LEFT + (self.right - LEFT) * min(1.0, max(0.0, share))

    def y(self, value: float) -> float:
        """Of a value, kept within the plot; sizes whose difference is no number any more are taken down first."""
        size = max(abs(self.low), abs(self.high), _SMALLEST)
        share = (value / size - self.low / size) / (self.high / size - self.low / size)
        return self.bottom - (self.bottom - TOP) * min(1.0, max(0.0, share))

    def has(self, at: datetime | None) -> bool:
        """Whether the time is in the picture."""
        return at is not None and self.begin <= at <= self.end


def charts(story: PredictionStory, words: str) -> Markup:
    """Both pictures; `words` says for who does not see them what they show."""
    return Markup('<div class="for-wide">{}</div><div class="for-narrow">{}</div>').format(
        chart(story, words, WIDE, "w"), chart(story, words, NARROW, "n")
    )


def chart(story: PredictionStory, words: str, size: tuple[int, int], name: str) -> Markup:
    """One picture; `name` tells it from others on the page."""
    frame, told = frame_of(story, size), story.prediction
    title = f"{told.metric} of {told.component}"
    shapes = Markup().join(
        part
        for drawn in (
            _ground(frame, told.metric),
            _foretold(frame, story),
            _history(frame, story),
            _marks(frame, story),
        )
        for part in drawn
    )
    return Markup(
        '<svg class="forecast" role="img" aria-labelledby="{name}t {name}d" viewBox="0 0 {} {}">'
        '<title id="{name}t">{}</title><desc id="{name}d">{}</desc>{}</svg>'
    ).format(frame.width, frame.height, title, words, shapes, name=name)


def frame_of(story: PredictionStory, size: tuple[int, int]) -> Frame:
    """From a day before to a little after the last of what is shown; from nought where values are not far from it."""
    told, series = story.prediction, story.series
    latest = min(told.raised_at, datetime.max.replace(tzinfo=UTC) - _DAY) + LATEST
    ahead = [at for at in (told.breach_at, told.high) if at is not None and at <= latest and told.breached_at is None]
    end = max([series.until, *ahead, told.raised_at, series.since + timedelta(minutes=5)])
    low, high = _range([told.threshold, told.value, *(v for one in series.points for v in (one.min, one.max))])
    width, height = size
    return Frame(
        width=width, height=height, begin=series.since, end=end + (end - series.since) / 60, low=low, high=high
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest with some air; a single value gets some around it."""
    known = [one for one in values if math.isfinite(one)] or [0.0]
    low, high = min(known), max(known)
    if low == high:
        low, high = low - (abs(low) / 10 or 1.0), high + (abs(high) / 10 or 1.0)
    air = high / 12 - low / 12
    top = high + air if math.isfinite(high + air) else high
    if 0 <= low <= high / 2:
        return 0.0, top
    return (low - air if math.isfinite(low - air) else low), top


def _ground(frame: Frame, metric: str) -> Iterator[Markup]:
    """The grid, with its values and times."""
    for value in ticks(frame.low, frame.high):
        y = frame.y(value)
        yield Markup('<path class="grid" d="M{} {:.1f}H{}"/>').format(LEFT, y, frame.right)
        yield Markup('<text class="value" x="{}" y="{:.1f}">{}</text>').format(LEFT - 6, y + 4, number(value))
    whole = frame.end - frame.begin
    step = next((one for one in _STEPS if whole / one <= frame.width / 70), whole / 4)
    at = frame.begin + (-(frame.begin - _EPOCH)) % step
    while at <= frame.end:
        x = frame.x(at)
        day = (at - _EPOCH) % _DAY == timedelta(0)
        yield Markup('<path class="{}" d="M{:.1f} {}V{}"/>').format("grid day" if day else "grid", x, TOP, frame.bottom)
        yield Markup('<text class="time" x="{:.1f}" y="{}">{}</text>').format(
            x, frame.bottom + 16, f"{at:%d %b}" if day else f"{at:%H:%M}"
        )
        at += step
    yield Markup('<text class="unit" x="{}" y="{}">{}</text>').format(0, TOP - 8, figure(0, metric).removeprefix("0"))


def ticks(low: float, high: float) -> Sequence[float]:
    """Round values, three to eight of them, between the two; the two themselves where there are none."""
    rough = high / 4 - low / 4
    if not math.isfinite(rough) or rough < _SMALLEST:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 2.5, 5, 10) if power * n >= rough * 0.999)
    first = math.ceil(low / step)
    found = [n * step for n in range(first, first + 9) if n * step <= high]
    return found if len(set(found)) > 1 else [low, high]


def _history(frame: Frame, story: PredictionStory) -> Iterator[Markup]:
    """The band from the least to the greatest, and the line of the greatest; broken where nothing was measured."""
    for run in runs(story.series.points, story.series.stretch):
        middle = story.series.stretch / 2
        tops = [(frame.x(one.at + middle), frame.y(one.max)) for one in run]
        lows = [(frame.x(one.at + middle), frame.y(one.min)) for one in reversed(run)]
        if len(run) == 1:
            (x, y), (_, low) = tops[0], lows[0]
            yield Markup('<path class="line" d="M{:.1f} {:.1f}v{:.1f}"/>').format(x, y - 1, max(2.0, low - y))
            continue
        yield Markup('<path class="range" d="M{}Z"/>').format(_path(tops + lows))
        yield Markup('<path class="line" d="M{}"/>').format(_path(tops))
    y = frame.y(story.prediction.threshold)
    yield Markup('<path class="limit" d="M{} {:.1f}H{}"/>').format(LEFT, y, frame.right)
    told = f"limit {figure(story.prediction.threshold, story.prediction.metric)}"
    yield Markup('<text class="limit-word" x="{}" y="{:.1f}">{}</text>').format(LEFT + 6, y - 5, told)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def runs(points: Sequence[Point], stretch: timedelta) -> Sequence[Sequence[Point]]:
    """The points in stretches that follow one another; one missing value in between is no gap."""
    found: list[list[Point]] = []
    for one in points:
        if found and one.at - found[-1][-1].at <= 2 * stretch:
            found[-1].append(one)
        else:
            found.append([one])
    return found


def _foretold(frame: Frame, story: PredictionStory) -> Iterator[Markup]:
    """The interval, the way to it, and its moment."""
    told = story.prediction
    if told.low is not None and told.high is not None and told.low <= told.high and told.low <= frame.end:
        left, right = frame.x(told.low), frame.x(told.high)
        yield Markup('<rect class="interval" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
            left, TOP, max(1.0, right - left), frame.bottom - TOP
        )
    if told.breach_at is not None and frame.has(told.breach_at):
        begin = (frame.x(told.raised_at), frame.y(told.value))
        yield Markup('<path class="way" d="M{}"/>').format(
            _path([begin, (frame.x(told.breach_at), frame.y(told.threshold))])
        )


def _marks(frame: Frame, story: PredictionStory) -> Iterator[Markup]:
    """The moments, the breach, and the heals."""
    told = story.prediction
    yield from _moments(frame, {"alarm": told.raised_at, "foretold": told.breach_at, "breach": told.breached_at})
    if told.breached_at is not None and frame.has(told.breached_at):
        x, y = frame.x(told.breached_at), frame.y(told.threshold)
        yield Markup('<path class="breach-mark" d="M{:.1f} {:.1f}l7 12h-14z"/>').format(x, y - 8)
    for heal in story.heals:
        if frame.has(heal.created_at):
            what = f"{heal.action}, {heal.status.lower()}, {heal.created_at:%H:%M}"
            yield Markup('<path class="heal" d="M{:.1f} {}l6 7-6 7-6-7z"><title>{}</title></path>').format(
                frame.x(heal.created_at), frame.bottom - 16, what
            )


def _moments(frame: Frame, moments: Mapping[str, datetime | None]) -> Iterator[Markup]:
    """A line across the plot for each, with its words above, on the side where there is room.

    Words go to the left behind two thirds of the way; the last of those stands highest, so that no line begins below
    another's words and goes through them.
    """
    seen = [(kind, at, frame.x(at)) for kind, at in moments.items() if at is not None and frame.has(at)]
    back = sorted((one for one in seen if one[2] > frame.width * 0.6), key=lambda one: -one[2])
    on = sorted((one for one in seen if one[2] <= frame.width * 0.6), key=lambda one: one[2])
    for row, (kind, at, x) in enumerate([*back, *on]):
        y, before = TOP - 8 - (2 - row) * ROW, row < len(back)
        yield Markup('<path class="{}" d="M{:.1f} {}V{}"/>').format(kind, x, y - 10, frame.bottom)
        yield Markup('<text class="{}-word{}" x="{:.1f}" y="{}">{} {:%H:%M}</text>').format(
            kind, " before" if before else "", x + (-5 if before else 5), y, kind, at
        )
