"""What the families are put together from; everything in shares of the limit, a value per 5 minutes."""

import numpy as np

from benchmarks.simulator.trace import DAY, WEEK, Array


def clock() -> Array:
    """The bucket numbers of a week."""
    return np.arange(WEEK, dtype=np.float64)


def noise(rng: np.random.Generator, deviation: float, *, memory: float = 0.0, size: int = WEEK) -> Array:
    """Gaussian, each value keeping `memory` of the one before; `deviation` is that of the values themselves."""
    draws = rng.normal(0.0, deviation * np.sqrt(1 - memory**2), size)
    found = np.empty(size)
    last = 0.0
    for place, draw in enumerate(draws):
        last = memory * last + draw
        found[place] = last
    return found


def daily(rng: np.random.Generator, height: float, *, weekend: float = 1.0) -> Array:
    """Two waves a day, lower at the weekend by the factor `weekend`; from 0 to `height`. The week begins on any day."""
    time = clock() / DAY + int(rng.integers(7))
    peak = rng.uniform(0.35, 0.7)
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * (time - peak)) + rng.uniform(0.0, 0.25) * np.cos(4 * np.pi * (time - peak))
    wave = (wave - wave.min()) / (wave.max() - wave.min())
    found: Array = np.where(time % 7 >= 5, weekend, 1.0) * height * wave  # noqa: PLR2004  Saturday is the sixth day
    return found


def onset(rng: np.random.Generator) -> int:
    """When something begins to go wrong: from the third day to the middle of the seventh."""
    return int(rng.integers(2 * DAY, WEEK - DAY // 2))


def ramp(begins: int, per_bucket: float) -> Array:
    """Nothing, then a straight rise."""
    return np.maximum(0.0, clock() - begins) * per_bucket


def rise_hours(rng: np.random.Generator, shortest: float = 2.0, longest: float = 40.0) -> float:
    """How long a rise from normal to the limit takes."""
    return float(np.exp(rng.uniform(np.log(shortest), np.log(longest))))


def teeth(rng: np.random.Generator, period: float, height: float) -> Array:
    """A rise to `height` and a fall at once, again and again; each period differs by up to a fifth."""
    found = np.empty(WEEK)
    begun, length = -rng.uniform(0, period), period
    for place in range(WEEK):
        if place - begun >= length:
            begun, length = float(place), period * rng.uniform(0.8, 1.2)
        found[place] = height * (place - begun) / length
    return found


def bursts(rng: np.random.Generator, *, a_day: float, height: float, longest: int = 3) -> Array:
    """Short peaks that mean nothing."""
    found = np.zeros(WEEK)
    for place in np.flatnonzero(rng.random(WEEK) < a_day / DAY):
        found[place : place + int(rng.integers(1, longest + 1))] = height * rng.uniform(0.4, 1.0)
    return found
