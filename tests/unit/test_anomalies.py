"""Scores of anomalies: high where something begins, low elsewhere, and nothing of the future in them."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfheal.forecast.anomalies import ALARM, LEARNING, Anomalies
from selfheal.forecast.ranks import Ranks

RNG = np.random.default_rng(3)
DAY = 288


def scores(values: Sequence[float], step_s: float = 300) -> np.ndarray:
    state = Anomalies()
    return np.array([state.score(place * step_s, float(value)) for place, value in enumerate(values)])


def noise(size: int = 6 * DAY) -> np.ndarray:
    return 50 + RNG.normal(0, 1, size)


def test_a_peak_is_odd_and_noise_is_not() -> None:
    """The one value far outside stands out; hardly any other does."""
    values = noise()
    values[1000] = 70
    found = scores(values)
    assert found[1000] == found.max() > ALARM
    assert np.count_nonzero(found > ALARM) <= 8


def test_a_new_level_is_odd_once() -> None:
    """The onset of a shift scores high, and within the cool-down nothing scores as high again; later it is usual."""
    values = noise()
    values[1000:] += 12
    found = scores(values)
    assert found[1000:1006].max() > ALARM
    assert np.median(found[1000 + DAY :]) < 0.1


def test_a_day_without_its_wave_is_odd() -> None:
    """Every value lies within the usual ones, only not at that time of day."""
    time = np.arange(8 * DAY)
    values = 50 + 20 * np.sin(2 * np.pi * time / DAY) + RNG.normal(0, 1, time.size)
    values[6 * DAY + 20 : 6 * DAY + 120] = 50
    found = scores(values)
    assert found[6 * DAY + 20 : 6 * DAY + 120].max() > ALARM
    assert np.median(found[4 * DAY : 6 * DAY]) < 0.1


def test_daily_bursts_are_not_odd_every_day() -> None:
    """What a series does every few hours is usual for it."""
    values = noise()
    values[::50] += 30
    found = scores(values)
    assert np.count_nonzero(found[2 * DAY :] > ALARM) <= 4


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60),
    st.lists(st.floats(-1e12, 1e12) | st.just(math.nan), min_size=60, max_size=60),
    st.integers(0, 60),
)
@settings(max_examples=30, deadline=None)
def test_a_score_needs_nothing_that_comes_later(values: list[float], times: list[float], cut: int) -> None:
    """The scores of a part are those of the whole, to the last bit, whatever the values and the times."""
    told = [*((300.0 * place, 5.0 + place % 7) for place in range(LEARNING)), *zip(times, values, strict=False)]
    part, whole = Anomalies(), Anomalies()
    expected = [whole.score(at_s, value) for at_s, value in told]
    assert [part.score(at_s, value) for at_s, value in told[: LEARNING + cut]] == expected[: LEARNING + cut]
    assert all(0 <= score <= 1 for score in expected)


def test_while_it_learns_nothing_is_odd() -> None:
    """The first values have nothing to be compared with."""
    values = noise(LEARNING)
    values[50] = 1e6
    assert scores(values).max() == 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_teaches_nothing(value: float) -> None:
    """Its score is 0, and the next value is judged as if it had not been there."""
    values = noise(300)
    state = Anomalies()
    for place, one in enumerate(values):
        state.score(place * 300, float(one))
    assert state.score(300 * 300, value) == 0.0
    expected = scores([*values, 52.0])[-1]
    assert state.score(300 * 300, 52.0) == expected


@given(st.lists(st.floats(-1e300, 1e300), max_size=150), st.sampled_from([60, 300, 3600, 0, -300]))
@settings(max_examples=20, deadline=None)
def test_a_score_is_always_from_0_to_1(values: list[float], step_s: int) -> None:
    """Whatever the values and the sampling."""
    found = scores([*([5.0] * LEARNING), *values], step_s)
    assert ((found >= 0) & (found <= 1)).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_ranks_are_those_of_the_newest_values(values: list[float], kept: int) -> None:
    """As sorting the last ones anew would tell."""
    ranks = Ranks(kept)
    for value in values:
        ranks.add(value)
    newest = sorted(values[-kept:])
    assert len(ranks) == len(newest)
    assert (ranks.at(0), ranks.at(1)) == (newest[0], newest[-1])
