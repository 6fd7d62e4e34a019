"""How rare a number is: counted where there is something to count, told from the tail beyond."""

import math

import numpy as np
import pytest

from selfheal.forecast.rarity import Rarity


def rarity(numbers: np.ndarray, least: float = 0.0) -> Rarity:
    found = Rarity(max(numbers.size, 1), least)
    for number in numbers:
        found.add(float(number))
    return found


def test_what_often_was_is_counted() -> None:
    """The median is one of two, what only one of ten reached is one of ten."""
    found = rarity(np.arange(1.0, 1001.0))
    assert found.of(501) == pytest.approx(math.log10(2), abs=0.01)
    assert found.of(901) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("falls", [0.2, 0.5, 1.0])
def test_beyond_what_was_the_tail_goes_on(falls: float) -> None:
    """Of a power that falls off so fast, what comes once in 100,000 is told within a digit from 2,000."""
    numbers = (1 - np.random.default_rng(1).random(2000)) ** -falls
    assert rarity(numbers).of(1e5**falls) == pytest.approx(5, abs=1)


def test_in_a_series_that_is_often_far_out_the_same_is_less_rare() -> None:
    """Ten times the median is nothing in a heavy tail, and very rare among alike."""
    draws = np.random.default_rng(2).random(2000)
    assert rarity(1 / (1 - draws)).of(20) < 2
    assert rarity(1 + draws).of(20) > 4


def test_below_the_least_nothing_is_rare() -> None:
    """Nor is anything of which nothing is known yet."""
    assert rarity(np.zeros(500), least=2.0).of(1.9) == 0
    assert rarity(np.empty(0)).of(5) == 0
    assert rarity(np.zeros(500), least=2.0).of(3) > 2


def test_numbers_that_differ_by_a_rounding_are_one() -> None:
    """What half of all are is one of two, also where it comes out a hair larger this time."""
    steps = np.array([1.0, 0.3 - 0.2] * 250)
    assert rarity(steps).of(1 + 1e-15) == pytest.approx(math.log10(2), abs=0.01)
    assert rarity(steps).of(0.2 - 0.1) == pytest.approx(0, abs=0.01)
