"""The order of the newest values of one series, kept while they come and go."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence


class Ranks:
    """The last so many values, in order of size."""

    def __init__(self, kept: int) -> None:
        """Begin empty; `kept` values at most are remembered."""
        self._came: deque[float] = deque()
        self._ordered: list[float] = []
        self._kept = kept

    def __len__(self) -> int:
        return len(self._ordered)

    def add(self, value: float) -> None:
        """One more; the oldest is forgotten."""
        self._came.append(value)
        insort(self._ordered, value)
        if len(self._came) > self._kept:
            del self._ordered[bisect_left(self._ordered, self._came.popleft())]

    @property
    def ordered(self) -> Sequence[float]:
        """All of them, the smallest first; to be read only."""
        return self._ordered

    def at(self, share: float) -> float:
        """The value that this share of all is not above; 0 of nothing."""
        if not self._ordered:
            return 0.0
        return self._ordered[min(len(self._ordered) - 1, int(share * len(self._ordered)))]
