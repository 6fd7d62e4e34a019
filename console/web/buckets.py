"""Token buckets in memory: how often somebody may ask. Bounded: the longest unused one is forgotten first."""

from collections import OrderedDict
from collections.abc import Callable

MOST = 10_000


class Buckets:
    """One bucket per key; each is full at first.

    Args:
        a_minute: what flows into each, and what it holds; a reload may change it.
        clock: monotonic seconds.
    """

    def __init__(self, a_minute: Callable[[], int], *, clock: Callable[[], float]) -> None:
        self._a_minute = a_minute
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one. 0: taken; else the seconds until there is one."""
        level = self._level(key)
        if level < 1:
            return (1 - level) * 60 / self._a_minute()
        self._keep(key, level - 1)
        return 0.0

    def empty(self, key: str) -> float:
        """The seconds until there is one, without taking it; 0 if there is."""
        level = self._level(key)
        return 0.0 if level >= 1 else (1 - level) * 60 / self._a_minute()

    def _level(self, key: str) -> float:
        now, most = self._clock(), float(self._a_minute())
        level, at = self._kept.get(key, (most, now))
        return min(level + (now - at) * most / 60, most)

    def _keep(self, key: str, level: float) -> None:
        self._kept[key] = (level, self._clock())
        self._kept.move_to_end(key)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
