"""When a forecast becomes an alarm, and when the alarm ends."""

import numpy as np

from selfheal.forecast import numbers
from selfheal.forecast.history import History
from selfheal.forecast.rows import Counts, Flags, Row


class Alarms:
    """Alarms of many series between two cycles.

    One begins after three values in a row (fewer, where they come rarely) and ends after an hour without two votes;
    only then can the next begin. One that ended without a breach has taught where the series turns: up to that height
    there is no other.

    Attributes:
        active: those that have begun and not ended.
    """

    def __init__(self, count: int) -> None:
        self.active: Flags = np.zeros(count, dtype=np.bool_)
        self._yes: Counts = np.zeros(count, dtype=np.int64)
        self._no: Counts = np.zeros(count, dtype=np.int64)
        self._highest: Row = np.full(count, -np.inf)
        self._turned: Row = np.full(count, -np.inf)

    def turn(self, history: History, *, foretold: Flags, doubted: Flags) -> Flags:
        """Take in one cycle; gives the alarms that begin with it.

        Args:
            history: of the series.
            foretold: a breach within the horizon.
            doubted: hardly any line says so.
        """
        foretold = foretold & ~self.turned(history)
        new = history.newest == history.bucket
        self._yes = np.where(foretold, self._yes + new, np.where(doubted, 0, np.maximum(self._yes - 1, 0)))
        self._no = np.where(doubted & ~foretold, self._no + 1, 0)
        self._highest = np.where(self.active, np.fmax(self._highest, history.latest), self._highest)
        ended = self.active & (self._no >= numbers.CLEAR)
        self._turned = np.where(ended & (self._highest < history.limits), self._highest, self._turned)
        self.active = self.active & ~ended
        needed = np.clip(np.ceil(numbers.PERSIST_WITHIN / history.step), 1, numbers.PERSIST)
        begun = ~self.active & (self._yes >= needed)
        self.active = self.active | begun
        self._highest = np.where(begun, history.latest, self._highest)
        return begun

    def turned(self, history: History) -> Flags:
        """No higher than where an alarm of the same series once ended by itself."""
        return np.asarray(history.latest <= self._turned + numbers.KNOWN_CHANGES * history.change)

    def forget(self, series: Flags) -> None:
        """Somebody has acted, or the limit is another one: the alarm ends, and its height teaches nothing."""
        self.active = self.active & ~series
        self._yes = np.where(series, 0, self._yes)
        self._turned = np.where(series, -np.inf, self._turned)
