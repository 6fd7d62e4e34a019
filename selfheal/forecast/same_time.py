"""How far the level of a series is from what it was at this time of the days before."""

from collections import deque

from selfheal.forecast.ranks import Ranks

DAYS = 28
"""Days that are remembered, Sundays and holidays among them."""
KNOWN, MANY = 2, 4
"""So many days before, and the same time tells something; and the nearest of them may be a chance."""
_DAY_S, _SLOT_S = 86_400, 900
_USUAL = 0.68


class SameTime:
    """The level of each quarter of an hour, day by day."""

    def __init__(self, window: int) -> None:
        """Begin with nothing known; `window` distances tell which is usual."""
        self._slots: dict[int, deque[tuple[int, float]]] = {}
        self._rests = Ranks(window)

    def look(self, at_s: float, level: float, least: float) -> float:
        """The distance from the nearest of the days before, as a multiple of the usual one; 0 where too few are known.

        The nearest (of many the second), not the middle one: so Sundays are compared with Sundays, and nobody says
        what a Sunday is; yet one odd day does not make the next one usual.

        Args:
            at_s: seconds since the epoch.
            level: the mean of the newest values.
            least: no distance below it is unusual.
        """
        day, slot = int(at_s // _DAY_S), int(at_s % _DAY_S // _SLOT_S)
        kept = self._slots.setdefault(slot, deque(maxlen=DAYS))
        before = sorted(abs(level - then) for past, then in kept if past != day)
        if kept and kept[-1][0] == day:
            kept.pop()
        kept.append((day, level))
        if len(before) < KNOWN:
            return 0.0
        rest = before[1 if len(before) >= MANY else 0]
        usual = max(self._rests.at(_USUAL), least)
        self._rests.add(rest)
        return rest / usual
