"""How odd each value of a series is, told when it comes: nothing later is known, neither how long the series will be.

Four looks at a value: how many spreads it lies outside the quartiles (IQR), from the value before, from the same time
of the days before, and, as a z-score, the mean of the last values from the mean of the last days. None has a fixed
threshold: each is compared with how large it gets in this very series, so that a series with daily bursts is not odd
every day.
"""

import math
from collections import deque

from selfheal.forecast.ranks import Ranks

WINDOW = 576
"""Values that the usual is taken from: two days of 5 minutes, or 24 days of hours."""
PAST = 2016
"""Oddities that the present one is compared with."""
LEARNING = 100
"""Values before the first score."""
SHORT = 8
"""Values whose mean is the present level."""
RARE = 0.995
"""One of 200 values is as odd as this without meaning anything."""
LEAST = (2.0, 4.0, 3.0, 3.0)
"""Below these no look is odd, however quiet the series: quartiles, step, same time of day, level."""
COOL_DOWN = 60
"""Records after an alarm in which only what is odder than it counts."""
ALARM = 0.8
"""From here a score is an alarm."""
_DAY_S, _SLOT_S, _DAYS = 86_400, 900, 7
_ODDEST = 1e3
_TUKEY = 1.349
"""Quartiles of a Gaussian lie so many standard deviations apart."""


class Anomalies:
    """The running state of one series."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._values = Ranks(WINDOW)
        self._steps = Ranks(WINDOW)
        self._rests = Ranks(WINDOW)
        self._past = tuple(Ranks(PAST) for _ in LEAST)
        self._slots: dict[int, deque[float]] = {}
        self._recent: deque[float] = deque(maxlen=SHORT)
        self._mean, self._square, self._count = 0.0, 0.0, 0
        self._last: float | None = None
        self._quiet, self._alarm = 0, 0.0

    def score(self, at_s: float, value: float) -> float:
        """From 0 (as usual) to 1; a value that is no number is 0 and teaches nothing.

        Args:
            at_s: seconds since the epoch; only the time of day counts.
            value: in any unit.
        """
        if not (math.isfinite(value) and math.isfinite(at_s)):
            return 0.0
        looks = self._looks(at_s, value)
        score = self._combined(looks) if self._count >= LEARNING else 0.0
        for past, look in zip(self._past, looks, strict=True):
            past.add(look)
        self._learn(at_s, value)
        return self._cooled(score)

    def _looks(self, at_s: float, value: float) -> tuple[float, ...]:
        low, middle, high = (self._values.at(share) for share in (0.25, 0.5, 0.75))
        wide = self._values.at(0.95) - self._values.at(0.05)
        spread = max((high - low) / _TUKEY, wide / 10, 1e-9 + 1e-6 * abs(middle))
        outside = max(low - value, value - high, 0.0) / spread
        step = 0.0
        if self._last is not None:
            step = abs(value - self._last) / max(self._steps.at(0.75), spread / 10)
        recent = (sum(self._recent) + value) / (len(self._recent) + 1)
        deviation = math.sqrt(max(self._square, 0.0))
        level = abs(recent - self._mean) / max(deviation, spread / 3)
        return outside, step, self._off_season(at_s, value, spread), level * 2

    def _off_season(self, at_s: float, value: float, spread: float) -> float:
        """How far from the same time of the days before, where those tell more than the usual value does."""
        known = self._slots.get(int(at_s % _DAY_S // _SLOT_S))
        if known is None or len(known) <= 1:
            return 0.0
        rest = abs(value - sorted(known)[len(known) // 2])
        usual = max(self._rests.at(0.68), spread / 20)
        self._rests.add(rest)
        return rest / usual if usual < spread else 0.0

    def _combined(self, looks: tuple[float, ...]) -> float:
        """The oddest look counts: as large as one of 200 ever is makes a half, half as much again 0.84, twice 0.94."""
        odd = max(look / max(past.at(RARE), least) for past, look, least in zip(self._past, looks, LEAST, strict=True))
        power = min(odd, _ODDEST) ** 4
        return power / (1 + power)

    def _learn(self, at_s: float, value: float) -> None:
        self._values.add(value)
        if self._last is not None:
            self._steps.add(abs(value - self._last))
        self._last = value
        self._recent.append(value)
        slot = self._slots.setdefault(int(at_s % _DAY_S // _SLOT_S), deque(maxlen=_DAYS * 3))
        slot.append(value)
        self._count += 1
        weight = 1 / min(self._count, WINDOW)
        off = value - self._mean
        self._mean += weight * off
        self._square = (1 - weight) * (self._square + weight * off * off)

    def _cooled(self, score: float) -> float:
        """The onset counts: what follows it within the cool-down and is no odder tells nothing new."""
        if self._quiet > 0:
            self._quiet -= 1
            if score <= self._alarm:
                return score / 2
        if score >= ALARM:
            self._quiet, self._alarm = COOL_DOWN, score
        return score
