"""How rarely a series gives a number as large as this one, told from all that it gave before."""

import math
from bisect import bisect_left, bisect_right

from selfheal.forecast.ranks import Ranks

TAIL = 0.02
"""The largest of all, of which the tail is told."""
USUAL_TAIL = 0.25
"""How a tail falls off that nothing is known of: a number twice as large comes 16 times as rarely."""
USUAL_COUNTS = 8
"""As much as so many numbers of its own tail does that count."""
_ALIKE = 1 - 1e-9
"""Numbers that differ by less are one: 0.3 - 0.2 and 0.2 - 0.1 are the same step."""


class Rarity:
    """The numbers that one look at a series has given."""

    def __init__(self, kept: int, least: float) -> None:
        """Begin with none; the newest `kept` are remembered, and below `least` nothing is rare."""
        self._numbers = Ranks(kept)
        self._least = least

    def add(self, number: float) -> None:
        """One more."""
        self._numbers.add(number)

    def of(self, number: float) -> float:
        """The decimal digits of the probability: 2 is one of a hundred, 0 is nothing rare.

        Below the largest two in a hundred they are counted. Beyond, where there is nothing to count, the tail goes on
        as a power, its exponent told by the largest themselves (Hill's): so what is far out in a series that never was
        is rarer than the same in one that often is.
        """
        ordered, count = self._numbers.ordered, len(self._numbers)
        if number < self._least or not count:
            return 0.0
        begins = max(self._numbers.at(1 - TAIL), self._least)
        if number * _ALIKE <= begins:
            return math.log10((count + 1) / (count - bisect_left(ordered, number * _ALIKE) + 1))
        tail = ordered[bisect_right(ordered, begins) :]
        falls = sum(math.log(min(one, number) / begins) for one in tail) + USUAL_COUNTS * USUAL_TAIL
        exponent = (len(tail) + USUAL_COUNTS) / falls
        return math.log10((count + 1) / (len(tail) + 1)) + exponent * math.log10(number / begins)
