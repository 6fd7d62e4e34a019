"""What is remembered of every series between two cycles; `observe` takes one bucket of all of them at once.

A rise is only compared with itself: the history of a series begins again where its level changed at once, as a
restart, a heal, a rotation or a collector makes it fall, or a deployment makes it jump. The heights from which it
fell are kept, as `peaks`: they tell where it usually turns, and whether it turns higher each time.
"""

import numpy as np

from selfheal.forecast import numbers
from selfheal.forecast.rows import DAY, WEEK, Counts, Flags, Row, Table
from selfheal.forecast.season import daily_shape

KEPT = WEEK + DAY // 2
"""Rows that are remembered: a week, and what a look ahead from a week ago needs."""
_BEHIND = numbers.SMOOTHED // 2
_SHAPED = numbers.WINDOW + numbers.AHEAD
"""Buckets whose shape is asked for at once."""


class History:
    """The running state of many series.

    Attributes:
        limits: of each series.
        bucket: the newest one that was observed.
        raw: the values, by bucket modulo `KEPT`; NaN where none came, or one that stood alone.
        smooth: the same, each the mean of 5 around it; what shapes of days are taken from.
        begun: the bucket where the present history of each series begins.
        latest: its newest value.
        newest: the bucket of that.
        step: buckets between two of its values, usually.
        first: the bucket of its first value.
        seen: how many values it had.
        change: the usual difference between two values, without jumps.
        highest: since `begun`.
        still: the usual error of expecting no move over two hours.
        shaped: the same of expecting the move of the days before.
        shapes: how many moves that is judged by.
        peaks: the last heights that a series fell from, the newest last.
        peaked: the buckets of these.
        falls: how many of them there were.
        depth: how deep the newest fall was.
        teeth: how many of the newest falls belong together.
        stepped: the bucket of its newest jump up or steep rise; long ago where there was none.
        since: the bucket that was observed first.
    """

    def __init__(self, limits: Row, *, bucket: int) -> None:
        count = limits.size
        self.limits: Row = limits
        self.bucket = bucket - 1
        self.raw: Table = np.full((KEPT, count), np.nan)
        self.smooth: Table = np.full((KEPT, count), np.nan)
        self.begun: Counts = np.full(count, bucket)
        self.newest: Counts = np.full(count, bucket - 1)
        self.step: Row = np.ones(count)
        self.first: Counts = np.full(count, -1)
        self.seen: Counts = np.zeros(count, dtype=np.int64)
        self.latest: Row = np.full(count, np.nan)
        self.highest: Row = np.full(count, -np.inf)
        self.change: Row = np.zeros(count)
        self.still: Row = np.zeros(count)
        self.shaped: Row = np.zeros(count)
        self.shapes: Counts = np.zeros(count, dtype=np.int64)
        self.peaks: Table = np.full((numbers.PEAKS, count), np.nan)
        self.peaked: Table = np.full((numbers.PEAKS, count), np.nan)
        self.falls: Counts = np.zeros(count, dtype=np.int64)
        self.depth: Row = np.full(count, np.nan)
        self.teeth: Counts = np.zeros(count, dtype=np.int64)
        self.stepped: Counts = np.full(count, bucket - WEEK)
        self._three: Table = np.full((3, count), np.nan)
        self._upward: Flags = np.zeros(count, dtype=np.bool_)
        self._fresh: Flags = np.ones(count, dtype=np.bool_)
        self._doubt: Row = np.zeros(count)
        self._doubted: Row = np.full(count, np.nan)
        self.since = bucket
        self._shapes: Table = np.full((_SHAPED, count), np.nan)
        self._doubted_at: Counts = np.full(count, bucket - 1)
        self.limit(limits)

    def limit(self, limits: Row) -> None:
        """The limits are these from now on."""
        self.limits = limits
        self._floor: Row = numbers.JUMP_SHARE * np.abs(limits)

    def observe(self, bucket: int, values: Row) -> None:
        """Take in the values of one bucket; one that is not newer than what is known already is left out."""
        if bucket <= self.bucket:
            return
        for skipped in range(max(self.bucket + 1, bucket - KEPT), bucket):
            self.raw[skipped % KEPT] = np.nan
            self._smooth(skipped)
            self._learn_shape(skipped)
        self.bucket = bucket
        here = np.isfinite(values)
        low, middle, high = self._three
        usual = np.maximum(np.minimum(low, middle), np.minimum(np.maximum(low, middle), high))
        off = values - usual
        far = here & (np.abs(off) > np.maximum(numbers.JUMP_CHANGES * self.change, self._floor))
        again = far & (self._doubt * off > 0)
        first = self._doubted - usual
        climbing = self._upward & (bucket - self.stepped <= numbers.NEXT_STEP)
        rising = again & (off > 0) & ((off - first > numbers.STEEP * first) | climbing)
        moved = again & ~rising
        alone = far & ~again
        taken = here & ~alone
        np.copyto(self.stepped, bucket, where=again & (off > 0))
        np.copyto(self._doubt, 0.0, where=here)
        if again.any():
            self._take_back(again)
            self._begin_again(moved, values, off)
        if alone.any():
            np.copyto(self._doubt, np.sign(off), where=alone)
            np.copyto(self._doubted, values, where=alone)
            self._doubted_at[alone] = bucket
        self._changes(taken & ~moved, values)
        self.raw[bucket % KEPT] = np.where(taken, values, np.nan)
        self._fill(taken, values)
        np.copyto(self._three[:2], self._three[1:], where=taken)
        np.copyto(self._three[2], values, where=taken)
        np.copyto(self._three, values, where=again | (taken & self._fresh))
        np.copyto(self.latest, values, where=taken)
        self._fresh &= ~taken
        np.copyto(self.newest, bucket, where=taken)
        np.maximum(self.highest, values, out=self.highest, where=taken)
        np.copyto(self.first, bucket, where=taken & (self.first < 0))
        self.seen += taken
        self._smooth(bucket)
        self._learn_shape(bucket)

    def healed(self, series: Flags) -> None:
        """Somebody has put them right: what they did before says nothing about what they do from here."""
        self.begun = np.where(series, self.bucket + 1, self.begun)
        self.highest = np.where(series, -np.inf, self.highest)
        self._three = np.where(series, np.nan, self._three)
        self._fresh = self._fresh | series

    def _changes(self, taken: Flags, values: Row) -> None:
        """The usual change: a mean that forgets within hours, and in which no single one counts for more than three.

        What has never changed has no usual change yet: the first one counts in full.
        """
        size = np.abs(values - self.latest)
        known = taken & np.isfinite(size)
        usual = (self.seen > numbers.CHANGE_MEMORY // 4) & (self.change > 0)
        size = np.where(usual, np.minimum(size, 3 * self.change), size)
        weight = 1.0 / np.maximum(np.minimum(self.seen, numbers.CHANGE_MEMORY), 1)
        np.add(self.change, weight * (size - self.change), out=self.change, where=known)

    def _fill(self, taken: Flags, values: Row) -> None:
        """A straight line over a short gap, now that there is a value behind it: coarse sampling is no gap."""
        gap = self.bucket - self.newest
        known = taken & (self.seen > 0)
        np.add(self.step, (np.minimum(gap, numbers.FILLED) - self.step) / 10, out=self.step, where=known)
        for series in np.flatnonzero(taken & (gap > 1) & (gap <= numbers.FILLED) & np.isfinite(self.latest)):
            steps = np.arange(1, gap[series])
            line = self.latest[series] + (values[series] - self.latest[series]) * steps / gap[series]
            self.raw[(self.newest[series] + steps) % KEPT, series] = line

    def _take_back(self, again: Flags) -> None:
        """The value before did not stand alone after all."""
        series = np.flatnonzero(again)
        self.raw[self._doubted_at[series] % KEPT, series] = self._doubted[series]
        self.newest = np.where(again, self._doubted_at, self.newest)
        self.latest = np.where(again, self._doubted, self.latest)

    def _begin_again(self, moved: Flags, values: Row, off: Row) -> None:
        fell = moved & (off < 0)
        depth = np.maximum(self.highest - values, 0.0)
        before = self._doubted_at
        if fell.any():
            gap = before - self.peaked[-1]
            alike = (gap <= numbers.LONGEST_TOOTH) & (depth < 2 * self.depth) & (depth > 0.4 * self.depth)
            self.peaks = np.where(fell, np.vstack((self.peaks[1:], self.highest[None])), self.peaks)
            self.peaked = np.where(fell, np.vstack((self.peaked[1:], before[None])), self.peaked)
            self.falls += fell
            self.depth = np.where(fell, depth, self.depth)
            self.teeth = np.where(fell, np.where(alike, self.teeth + 1, 1), self.teeth)
        self.begun = np.where(moved, before, self.begun)
        self._upward = np.where(moved, off > 0, self._upward)
        self.highest = np.where(moved, values, self.highest)

    def _smooth(self, bucket: int) -> None:
        """The row that has its neighbours on both sides now."""
        rows = self.raw[np.arange(bucket - numbers.SMOOTHED + 1, bucket + 1) % KEPT]
        total = rows.sum(axis=0)
        mean = self.smooth[(bucket - _BEHIND) % KEPT]
        np.divide(total, numbers.SMOOTHED, out=mean)
        some = np.flatnonzero(~np.isfinite(total))  # most often none
        if some.size:
            there = np.isfinite(rows[:, some])
            count = there.sum(axis=0)
            summed = np.where(there, rows[:, some], 0.0).sum(axis=0)
            mean[some] = np.where(count > 0, summed / np.maximum(count, 1), np.nan)

    def shapes_around(self, series: Counts) -> Table:
        """What the days before tell of the `WINDOW` up to now and of the `AHEAD` behind it; a row per bucket."""
        moments = np.arange(self.bucket - numbers.WINDOW + 1, self.bucket + numbers.AHEAD + 1)
        return self._shapes[np.ix_(moments % _SHAPED, series)]

    def _learn_shape(self, newest: int) -> None:
        """Whether yesterday's moves tell today's better than no move does: both errors, over the last day.

        The shape is told ahead, once: what it is taken from changes no more.
        """
        ahead, bucket = newest + numbers.AHEAD, newest - _BEHIND
        if ahead - self.since < DAY:
            return
        self._shapes[ahead % _SHAPED] = daily_shape(self.smooth, ahead)
        if bucket - self.since < DAY:
            return
        moved = self.smooth[bucket % KEPT] - self.smooth[(bucket - numbers.SWING) % KEPT]
        expected = self._shapes[bucket % _SHAPED] - self._shapes[(bucket - numbers.SWING) % _SHAPED]
        known = np.isfinite(moved) & np.isfinite(expected)
        self.shapes += known
        weight = 1.0 / np.maximum(np.minimum(self.shapes, numbers.SWING_MEMORY), 1)
        np.add(self.still, weight * (np.abs(moved) - self.still), out=self.still, where=known)
        np.add(self.shaped, weight * (np.abs(moved - expected) - self.shaped), out=self.shaped, where=known)
