"""Kinds of trace that are held out: no constant was chosen by looking at how these come out."""

from collections.abc import Mapping

import numpy as np

from benchmarks.simulator.parts import bursts, clock, noise, onset, ramp, rise_hours
from benchmarks.simulator.trace import DAY, Array, Family


def queue(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001  the shape of a Family
    """A backlog that grows by itself: each retry makes more; a healthy one drains again."""
    found = rng.uniform(0.1, 0.3) + bursts(rng, a_day=2, height=0.3, longest=8) + noise(rng, 0.01, memory=0.7)
    if failing:
        doubling = 12 * rng.uniform(1, 5)
        found += 0.02 * (np.exp2(np.minimum(ramp(onset(rng), 1 / doubling), 7)) - 1)
    return found


def cache(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001
    """A cache that fills and is full below the limit; without a bound it goes on."""
    begins, hours = onset(rng), rise_hours(rng, 4, 30)
    base, room = rng.uniform(0.2, 0.4), rng.uniform(0.3, 0.5)
    filled = room * (1 - np.exp(-ramp(begins, 1 / (12 * hours))))
    if failing:
        filled = ramp(begins, (1 - base) / (12 * hours))
    return base + filled + noise(rng, rng.uniform(0.003, 0.015), memory=0.3)


def stairs(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001
    """Grows by batches: a step, a rest, a step; the healthy one is emptied at night."""
    every = int(rng.integers(4, 18))
    steps = np.floor(clock() / every) * every
    begins = onset(rng)
    base = rng.uniform(0.2, 0.5)
    rise = 0.35 * (steps % DAY) / DAY
    if failing:
        rise = rise + np.maximum(0.0, steps - begins) * (1 - base) / (12 * rise_hours(rng, 4, 30))
    return base + rise + noise(rng, 0.004)


def weekday(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001
    """Working days with steep mornings, no work at the weekend; connections that are never given back."""
    time = clock() / DAY + int(rng.integers(7))
    office = 1 / (1 + np.exp(-30 * (time % 1 - 0.33))) / (1 + np.exp(30 * (time % 1 - 0.75)))
    height = rng.uniform(0.3, 0.6)
    found: Array = 0.15 + height * office * (time % 7 < 5) + noise(rng, 0.015, memory=0.5)  # noqa: PLR2004  five working days
    if failing:
        found += ramp(onset(rng), 0.7 / (12 * rise_hours(rng, 4, 30)))
    return found


UNSEEN: Mapping[str, Family] = {"queue": queue, "cache": cache, "stairs": stairs, "weekday": weekday}
