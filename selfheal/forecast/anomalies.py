"""How odd each value of a series is, told when it comes: nothing later is known, neither how long the series will be.

Six looks at a value: how many spreads it lies outside the quartiles (IQR), from the value before, and how far the mean
of the last values is from the mean of the last days (a z-score) and from the same time of the days before; and whether
the values move more than they use to, or less. None has a fixed threshold: what counts is how rarely it gets as large
in this very series, so that a series with daily bursts is not odd every day, and scores of two series mean the same.
"""

import math
from collections import deque

from selfheal.forecast.ranks import Ranks
from selfheal.forecast.rarity import Rarity
from selfheal.forecast.same_time import SameTime

WINDOW = 288
"""Values that the usual is taken from: a day of 5 minutes, or 12 days of hours."""
PAST = 2016
"""Oddities that the present one is compared with."""
LEARNING = 100
"""Values before the first score."""
SHORT = 8
"""Values before this one whose mean, with it, is the present level."""
MOVES = 24
"""Moves from value to value whose mean is the present restlessness."""
RARE_DIGITS = 2.3
"""One of 200 values is as odd as this without meaning anything."""
LEAST = (2.0, 2.0, 1.5, 3.0, 2.0, 2.0)
"""Below these no look is odd, however quiet the series: quartiles, step, level, same time, restless, still."""
COOL_DOWN = 144
"""Records after an alarm in which only what is odder than it counts in full."""
ALARM = 0.8
"""From here a score is an alarm."""
_USUAL, _COOLED = 0.5, 3
"""In the cool-down a score is so many times less above the usual."""
_LARGEST = 1e150
"""Larger values are taken for this: its square is still a number."""
_TUKEY = 1.349
"""Quartiles of a Gaussian lie so many standard deviations apart."""


class Anomalies:
    """The running state of one series."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._values = Ranks(WINDOW)
        self._steps = Ranks(WINDOW)
        self._same_time = SameTime(WINDOW)
        self._past = tuple(Rarity(PAST, least) for least in LEAST)
        self._recent: deque[float] = deque(maxlen=SHORT)
        self._moves: deque[float] = deque(maxlen=MOVES)
        self._mean, self._square, self._move, self._count = 0.0, 0.0, 0.0, 0
        self._last: float | None = None
        self._quiet, self._alarm = 0, 0.0

    def score(self, at_s: float, value: float) -> float:
        """From 0 (as usual) to 1; a value that is no number is 0 and teaches nothing.

        Args:
            at_s: seconds since the epoch, of which the day and the time of day count; where it is no number, neither.
            value: in any unit.
        """
        if not math.isfinite(value):
            return 0.0
        value = min(max(value, -_LARGEST), _LARGEST)
        looks = self._looks(at_s, value)
        score = self._combined(looks) if self._count >= LEARNING else 0.0
        for past, look in zip(self._past, looks, strict=True):
            past.add(look)
        self._learn(value)
        return self._cooled(score)

    def _looks(self, at_s: float, value: float) -> tuple[float, ...]:
        low, middle, high = (self._values.at(share) for share in (0.25, 0.5, 0.75))
        wide = self._values.at(0.95) - self._values.at(0.05)
        spread = max((high - low) / _TUKEY, wide / 10, 1e-9 + 1e-6 * abs(middle))
        outside = max(low - value, value - high, 0.0) / spread
        step = 0.0 if self._last is None else abs(value - self._last)
        recent = (sum(self._recent) + value) / (len(self._recent) + 1)
        level = abs(recent - self._mean) / max(math.sqrt(max(self._square, 0.0)), spread / 3)
        same_time = self._same_time.look(at_s, recent, spread / 20) if math.isfinite(at_s) else 0.0
        restless, still = self._movement(step, spread / 50)
        return outside, step / max(self._steps.at(0.75), spread / 10), level, same_time, restless, still

    def _movement(self, step: float, least: float) -> tuple[float, float]:
        """How many times more the values move than they use to, and how many times less; 0 for what they do not."""
        if self._last is not None:
            self._moves.append(step)
        more = 1.0
        if len(self._moves) == MOVES:
            more = (sum(self._moves) / MOVES + least) / (self._move + least)
        self._move += (step - self._move) / min(self._count + 1, WINDOW)
        return (more, 0.0) if more > 1 else (0.0, 1 / more)

    def _combined(self, looks: tuple[float, ...]) -> float:
        """The rarest look counts: one of 200 makes a half, one of 1,800 0.8, one of 40,000 0.94."""
        digits = max(past.of(look) for past, look in zip(self._past, looks, strict=True))
        power = (digits / RARE_DIGITS) ** 4
        return power / (1 + power)

    def _learn(self, value: float) -> None:
        self._values.add(value)
        if self._last is not None:
            self._steps.add(abs(value - self._last))
        self._last = value
        self._recent.append(value)
        self._count += 1
        weight = 1 / min(self._count, WINDOW)
        off = value - self._mean
        self._mean += weight * off
        self._square = (1 - weight) * (self._square + weight * off * off)

    def _cooled(self, score: float) -> float:
        """The onset counts: what follows it within the cool-down and is no odder is no alarm, yet not usual either."""
        if self._quiet > 0:
            self._quiet -= 1
            if score <= self._alarm:
                return min(score, _USUAL + (score - _USUAL) / _COOLED)
        if score >= ALARM:
            self._quiet, self._alarm = COOL_DOWN, score
        return score
