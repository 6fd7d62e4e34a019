"""Forecasts of many series at once, in cycles of 5 minutes: what a flow, a replay and the benchmarks call.

    forecaster = Forecaster(limits, bucket=bucket_of(first))
    forecaster.observe(bucket, values)      # every 5 minutes, or a week of them one after the other
    outlook = forecaster.judge()
    outlook.forecast(3)

`observe` keeps what a later `judge` needs, and is cheap; `judge` may be left out for buckets that nobody asks about,
but alarms count the cycles that were judged. Nothing looks ahead: a forecast depends on the values up to its bucket
only.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from selfheal.forecast import numbers
from selfheal.forecast.alarms import Alarms
from selfheal.forecast.history import KEPT, History
from selfheal.forecast.intervals import interval
from selfheal.forecast.peaks import Turns, turns
from selfheal.forecast.rows import BUCKET_S, Counts, Flags, Row, Table
from selfheal.forecast.votes import Votes, votes
from selfheal.model.forecast import Forecast, NoForecast

_REASONS = tuple(NoForecast)


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """All series at one moment; a row of each.

    Attributes:
        bucket: the newest that was looked at.
        reach: buckets from its end until the breach; NaN where none is foretold within the horizon.
        low: with 80 % from here
        high: to here.
        votes: of five.
        alarm: is on.
        raised: begins now.
        reason: place in `NoForecast` where none is foretold, else -1.
        age: buckets since the first value.
        step: buckets from value to value, usually.
    """

    bucket: int
    reach: Row
    low: Row
    high: Row
    votes: Counts
    alarm: Flags
    raised: Flags
    reason: Counts
    age: Counts
    step: Row

    def forecast(self, series: int) -> Forecast:
        """One of them as a value with times."""
        at = datetime.fromtimestamp((self.bucket + 1) * BUCKET_S, UTC)
        reason = int(self.reason[series])
        return Forecast(
            at=at,
            breach_at=_after(at, self.reach[series]),
            low=_after(at, self.low[series]),
            high=_after(at, self.high[series]),
            votes=int(self.votes[series]),
            alarm=bool(self.alarm[series]),
            raised=bool(self.raised[series]),
            why_not=None if reason < 0 else _REASONS[reason],
            age=timedelta(seconds=int(self.age[series]) * BUCKET_S),
            step=timedelta(seconds=round(float(self.step[series]) * BUCKET_S)),
        )


class Forecaster:
    """The running state of many series with their limits."""

    def __init__(self, limits: Row, *, bucket: int) -> None:
        """Begin with series of which nothing is known; `bucket` is the first that may be observed."""
        self.history = History(np.asarray(limits, dtype=np.float64), bucket=bucket)
        self.alarms = Alarms(self.history.limits.size)

    @classmethod
    def around(cls, history: History, alarms: Alarms) -> "Forecaster":
        """One that goes on where another was kept."""
        found = cls(np.empty(0), bucket=history.bucket + 1)
        found.history, found.alarms = history, alarms
        return found

    @classmethod
    def of(cls, values: Table, limits: Row, *, bucket: int) -> "Forecaster":
        """One that has observed a whole table, a row per bucket from `bucket` on."""
        found = cls(limits, bucket=bucket + max(0, values.shape[0] - KEPT))
        for place in range(max(0, values.shape[0] - KEPT), values.shape[0]):
            found.observe(bucket + place, values[place])
        return found

    def observe(self, bucket: int, values: Row) -> None:
        """Take in one bucket; NaN or infinite where a series has no value. An old bucket is left out."""
        with np.errstate(all="ignore"):
            self.history.observe(bucket, np.where(np.abs(values) < numbers.LARGEST, values, np.nan))

    def healed(self, series: Flags) -> None:
        """Those were restarted, collected or scaled: their history begins again, and their alarms end."""
        self.history.healed(series)
        self.alarms.forget(series)

    def limit(self, limits: Row) -> None:
        """The limits are these from now on; where one has changed, no alarm is on and none has taught anything."""
        changed = ~((limits == self.history.limits) | (np.isnan(limits) & np.isnan(self.history.limits)))
        self.history.limit(limits)
        self.alarms.forget(changed)

    def judge(self) -> Outlook:
        """Tell what is foretold now, and turn the alarms."""
        with np.errstate(all="ignore"):  # a series of wild values has wild lines, and no forecast
            return self._judged()

    def _judged(self) -> Outlook:
        found, peaks = votes(self.history), turns(self.history)
        reason = self._reason(found, peaks)
        foretold = reason < 0
        need = _need(self.history)
        by_lines = ((found.count >= need) | found.fast) & ~peaks.known & ~peaks.within
        reach = np.where(foretold, np.where(by_lines, found.reach, peaks.reach), np.nan)
        low, high = interval(reach, spread=found.spread, shaped=found.shaped, by_peaks=~by_lines)
        raised = self.alarms.turn(self.history, foretold=foretold, doubted=(found.count < need - 1) & ~peaks.rising)
        return Outlook(
            bucket=self.history.bucket,
            reach=reach,
            low=low,
            high=high,
            votes=np.where(peaks.rising, 5, found.count),
            alarm=self.alarms.active.copy(),
            raised=raised,
            reason=reason,
            age=np.where(self.history.seen > 0, self.history.bucket + 1 - self.history.first, 0),
            step=self.history.step.copy(),
        )

    def _reason(self, found: Votes, peaks: Turns) -> Counts:
        """The first that applies; -1 where a breach is foretold."""
        history = self.history
        age = history.bucket - history.first
        young = age < numbers.YOUNG
        lines = (found.count >= _need(history)) | found.fast
        early = young & ~((found.count >= numbers.YOUNG_NEED) & (found.reach <= numbers.YOUNG_HORIZON))
        rising = peaks.rising & ~young
        applies = {
            NoForecast.LIMIT: ~np.isfinite(history.limits),
            NoForecast.EMPTY: history.seen == 0,
            NoForecast.ONE: history.seen == 1,
            NoForecast.STALE: history.bucket - history.newest > numbers.STALE,
            NoForecast.CONSTANT: (history.change <= 0) & (history.bucket - history.stepped > numbers.WINDOW),
            NoForecast.OVER: history.latest >= history.limits,
            NoForecast.YOUNG: age < numbers.OLD_ENOUGH,
            NoForecast.FIRST_DAY: early & lines,
            NoForecast.KNOWN: (peaks.known | self.alarms.turned(history)) & lines & ~rising,
            NoForecast.TEETH: peaks.within & ~rising,
            NoForecast.AWAY: ~found.rises & ~lines & ~rising,
            NoForecast.FEW: ~lines & ~rising,
        }
        order = [_REASONS.index(reason) for reason in applies]
        return np.select(list(applies.values()), order, default=-1)


def _need(history: History) -> Counts:
    """Votes that it takes of each series."""
    return np.where(history.step > numbers.FEW_VALUES, numbers.FEW_NEED, numbers.NEED)


def _after(at: datetime, buckets: float) -> datetime | None:
    return at + timedelta(seconds=float(buckets) * BUCKET_S) if np.isfinite(buckets) else None
