"""The forecast of a whole estate: series by name, fed with what was read of `health_rollup`, kept between two runs.

    board = Board.of(kept) or Board.new(bucket)
    board.limit({("backend", "memory_percent"): 95.0, ...})
    board.take(packed, since=bucket)        # and again, stretch by stretch
    board.step()                            # one bucket: what has reached its limit
    board.judge()                           # what is foretold, by name

Nothing of numpy leaves this package: `protocol.predicting` speaks names, floats and bytes.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfheal.forecast.forecaster import Forecaster, Outlook
from selfheal.forecast.history import KEPT
from selfheal.forecast.kept import State, joined, only, pack, unpack
from selfheal.forecast.rows import DAY, HOUR, Counts, Row, Table
from selfheal.model.forecast import Forecast, Kept, Name, Packed

RESPONSE = "response_time_ms"
DAYS = 8
"""Levels at this time of day: of today and of so many days less one before."""
_SLOW = 0.5
"""A failed look is a breach of the response time if the last answer took this share of the limit."""
_REMEMBERED = 200


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One series at the newest bucket.

    Attributes:
        name: component and metric.
        value: its newest.
        limit: its limit.
        forecast: what is foretold.
    """

    name: Name
    value: float
    limit: float
    forecast: Forecast


class Board:
    """Series by name, and their forecaster. Only one process works on one, and keeps it when it is done."""

    def __init__(self, state: State) -> None:
        self._state, self._forecaster = state, Forecaster.around(state.history, state.alarms)
        self._places = {name: place for place, name in enumerate(state.names)}
        self._highest: Table = np.empty((0, len(state.names)))
        self._down: Counts = np.empty((0, len(state.names)), dtype=np.int64)
        self._taken_from = self.bucket + 1
        self._outlook: Outlook | None = None
        self._names, self._over, self._acted = list(state.names), state.over, list(state.acted)

    @classmethod
    def new(cls, bucket: int) -> "Board":
        """One without any series; `bucket` is the first that may be observed."""
        empty = Forecaster(np.empty(0), bucket=bucket)
        none = np.empty(0, dtype=np.int64)
        sums = np.zeros(KEPT, dtype=np.int64)
        return cls(State(names=(), history=empty.history, alarms=empty.alarms, over=none, acted=(), sums=sums))

    @classmethod
    def of(cls, kept: Kept) -> "Board":
        """As it was kept.

        Raises:
            Unreadable: it cannot be read: begin anew.
        """
        return cls(unpack(kept))

    def kept(self) -> Kept:
        """What to keep of it: the head, and the rows of the ring that have changed."""
        history, alarms = self._forecaster.history, self._forecaster.alarms
        acted = self._acted[-_REMEMBERED:]
        sums = self._state.sums
        return pack(State(names=self._names, history=history, alarms=alarms, over=self._over, acted=acted, sums=sums))

    @property
    def bucket(self) -> int:
        """The newest that was observed."""
        return self._forecaster.history.bucket

    @property
    def names(self) -> Sequence[Name]:
        """The series, in their order."""
        return tuple(self._names)

    def limits(self) -> Mapping[Name, float]:
        """What each must not reach."""
        return dict(zip(self._names, self._forecaster.history.limits.tolist(), strict=True))

    def limit(self, limits: Mapping[Name, float]) -> None:
        """Series have these limits from now on; those that have none any more, or no values for a week, are forgotten.

        A series whose limit has changed has no alarm: what was foretold was of another limit.
        """
        history = self._forecaster.history
        stale = history.bucket - history.newest > KEPT
        stays = [place for name, place in self._places.items() if name in limits and not stale[place]]
        if len(stays) < len(self._names):
            self._only(np.array(sorted(stays), dtype=np.int64))
        wanted = np.array([limits[name] for name in self._names], dtype=np.float64)
        self._forecaster.limit(wanted)

    def join(self, other: "Board") -> None:
        """Put the series of another, which has observed the same buckets, behind those of this one."""
        if other.bucket != self.bucket:
            raise ValueError(f"a board at {other.bucket} cannot join one at {self.bucket}")
        mine, theirs = self._forecaster, other._forecaster  # noqa: SLF001 - of the same class
        mine.history.since = min(mine.history.since, theirs.history.since) if self._names else theirs.history.since
        joined(mine.history, theirs.history)
        joined(mine.alarms, theirs.alarms)
        self._over = np.concatenate((self._over, other._over))  # noqa: SLF001 - of the same class
        self._names += other._names  # noqa: SLF001 - of the same class
        self._places = {name: place for place, name in enumerate(self._names)}

    def begin(self, names: Sequence[Name], limits: Mapping[Name, float]) -> "Board":
        """Another board of these series, of which nothing is known, as long ago as a history goes back."""
        other = Forecaster(np.array([limits[name] for name in names], dtype=np.float64), bucket=self.bucket - KEPT + 1)
        never = np.full(len(names), -DAY, dtype=np.int64)
        sums = np.zeros(KEPT, dtype=np.int64)
        return Board(State(names=names, history=other.history, alarms=other.alarms, over=never, acted=(), sums=sums))

    def take(self, rows: Sequence[Packed], *, since: int, until: int) -> None:
        """Put what was read of the buckets from `since` until before `until` on the table; `step` observes it."""
        self._taken_from = since
        self._highest = np.full((until - since, len(self._names)), np.nan)
        self._down = np.zeros((until - since, len(self._names)), dtype=np.int64)
        for one in rows:
            place, at = self._places[one.name], np.frombuffer(one.buckets, dtype=">i4")
            self._highest[at, place] = np.frombuffer(one.highest, dtype=">f8")
            self._down[at, place] = np.frombuffer(one.down, dtype=">i4")

    def step(self) -> Sequence[tuple[Name, float]]:
        """Observe the next bucket of what was taken; gives the series that have reached their limits in it, with these.

        A series that was at its limit within the hour before is still over it.
        """
        bucket = self.bucket + 1
        values: Row = self._highest[bucket - self._taken_from]
        history = self._forecaster.history
        known = history.seen > 0
        failed = (self._down[bucket - self._taken_from] > 0) & (history.latest >= _SLOW * history.limits)
        failed &= np.array([metric == RESPONSE for _, metric in self._names], dtype=np.bool_)
        with np.errstate(invalid="ignore"):
            over = np.isfinite(history.limits) & ((np.isfinite(values) & (values >= history.limits)) | failed)
        begun = over & known & (bucket - self._over > HOUR)
        self._over = np.where(over, bucket, self._over)
        self._forecaster.observe(bucket, values)
        return [(self._names[place], float(history.limits[place])) for place in np.flatnonzero(begun).tolist()]

    def healed(self, attempt: str, components: Collection[str]) -> bool:
        """Begin the histories of these components again, once for each attempt; whether that was now."""
        if attempt in self._acted:
            return False
        self._acted.append(attempt)
        self._forecaster.healed(np.array([component in components for component, _ in self._names], dtype=np.bool_))
        return True

    def judge(self) -> None:
        """Tell what is foretold at the newest bucket; alarms count these calls."""
        self._outlook = self._forecaster.judge()

    def judged(self) -> Iterator[Judged]:
        """All series as the last `judge` found them."""
        if self._outlook is not None:
            yield from (self._one(self._outlook, place) for place in range(len(self._names)))

    def raised(self) -> Iterator[Judged]:
        """Those whose alarm began with the last `judge`."""
        if self._outlook is not None:
            yield from (self._one(self._outlook, place) for place in np.flatnonzero(self._outlook.raised).tolist())

    def _one(self, outlook: Outlook, place: int) -> Judged:
        history = self._forecaster.history
        return Judged(
            name=self._names[place],
            value=float(history.latest[place]),
            limit=float(history.limits[place]),
            forecast=outlook.forecast(place),
        )

    def levels(self, metric: str, *, back: int, over: int) -> Mapping[Name, Sequence[Sequence[float]]]:
        """Medians of an hour of each series of a metric, now and before, for the last three buckets, the newest first.

        Each has that of the hour that ended with the bucket, then that of the same hour `over` buckets before, and so
        on, `back` of them; NaN where less than half of an hour's values are known. A series whose newest value is not
        of the newest bucket has none.
        """
        history = self._forecaster.history
        fresh = history.newest == self.bucket
        series = np.array(
            [place for (_, one), place in self._places.items() if one == metric and fresh[place]], dtype=np.int64
        )
        if not series.size:
            return {}
        found = np.stack([self._medians(series, self.bucket - late, back=back, over=over) for late in range(3)])
        return {self._names[place]: found[:, :, number].tolist() for number, place in enumerate(series.tolist())}

    def highest(self, metric: str, *, days: int, ago: int) -> Mapping[Name, float]:
        """The highest median of an hour of so many days that ended `ago` buckets ago; -inf where none is known."""
        series = np.array([place for (_, one), place in self._places.items() if one == metric], dtype=np.int64)
        if not series.size:
            return {}
        ends = self.bucket - ago
        rows = self._forecaster.history.raw[np.ix_(np.arange(ends - days * DAY + 1, ends + 1) % KEPT, series)]
        hours = rows.reshape(-1, HOUR, series.size)
        enough = np.isfinite(hours).sum(axis=1) >= HOUR // 2
        middles = np.full(enough.shape, -np.inf)
        middles[enough] = np.nanmedian(hours.transpose(0, 2, 1)[enough], axis=1)
        top = middles.max(axis=0)
        return {self._names[place]: float(one) for place, one in zip(series.tolist(), top.tolist(), strict=True)}

    def _medians(self, series: Counts, bucket: int, *, back: int, over: int) -> Table:
        history, found = self._forecaster.history, []
        for times in range(back):
            ends = bucket - times * over
            hour = history.raw[np.ix_(np.arange(ends - HOUR + 1, ends + 1) % KEPT, series)]
            enough = (np.isfinite(hour).sum(axis=0) >= HOUR // 2) & (ends - HOUR > self.bucket - KEPT)
            known = np.where(np.isfinite(hour), hour, np.nan)
            middle = np.full(series.size, np.nan)
            middle[enough] = np.nanmedian(known[:, enough], axis=0)
            found.append(middle)
        return np.stack(found)

    def _only(self, series: Counts) -> None:
        only(self._forecaster.history, series)
        only(self._forecaster.alarms, series)
        self._over = self._over[series]
        self._names = [self._names[place] for place in series.tolist()]
        self._places = {name: place for place, name in enumerate(self._names)}
