"""The kinds of trace that the constants of the forecast were chosen with."""

from collections.abc import Mapping

import numpy as np

from benchmarks.simulator.parts import bursts, clock, daily, noise, onset, ramp, rise_hours, teeth
from benchmarks.simulator.trace import DAY, WEEK, Array, Family


def leak(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001  the shape of a Family
    """Memory under a collector: teeth of 20 min to 4 h; one that leaks rises below its teeth too."""
    base, height = rng.uniform(0.2, 0.5), rng.uniform(0.03, 0.2)
    found = base + teeth(rng, rng.uniform(4, 48), height) + noise(rng, rng.uniform(0.002, 0.01))
    if failing:
        hours = rise_hours(rng)
        found += ramp(onset(rng), (1 - base - height) / (12 * hours))
    return found


def disk(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001
    """Logs that are rotated once or a few times a day; the rotation of a failing one stops."""
    period = float(rng.choice([DAY, DAY / 2, DAY / 4]))
    base, height = rng.uniform(0.2, 0.5), rng.uniform(0.1, 0.35)
    place = clock() + rng.uniform(0, period)
    since = place % period
    if failing:
        stops = (onset(rng) + 2 * DAY) % WEEK
        last = place - since
        since = np.where(place - place[0] >= stops, place - last[min(stops, WEEK - 1)], since)
    return base + height * since / period + noise(rng, rng.uniform(0.001, 0.006))


def latency(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001
    """Response times: noise in proportion, peaks that mean nothing, and a creep that grows with itself."""
    base = rng.uniform(0.25, 0.6)
    level = base + daily(rng, rng.uniform(0.0, 0.15), weekend=0.6)
    if failing:
        hours = rise_hours(rng, 3, 30)
        level = level * np.exp(ramp(onset(rng), np.log(1 / base) / (12 * hours)))
    wander = noise(rng, rng.uniform(0.02, 0.06), memory=rng.uniform(0.0, 0.6))
    return level * np.exp(wander) + bursts(rng, a_day=1.0, height=0.1, longest=1)


def load(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001
    """A day of work and quiet weekends; what fails rises over all of it."""
    base, height = rng.uniform(0.1, 0.3), rng.uniform(0.2, 0.55)
    found = base + daily(rng, height, weekend=rng.uniform(0.5, 1.0)) + noise(rng, rng.uniform(0.01, 0.03), memory=0.5)
    if failing:
        found += ramp(onset(rng), (1 - base - height * 0.5) / (12 * rise_hours(rng, 3, 40)))
    return found


def shift(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001
    """Levels that change at once, after deployments; a failing one begins to rise after one of them."""
    found = rng.uniform(0.3, 0.5) + noise(rng, rng.uniform(0.005, 0.02), memory=0.4)
    for begins in rng.integers(DAY, WEEK, int(rng.integers(2, 6))):
        found[begins:] += rng.uniform(-0.12, 0.15)
    if failing:
        begins = onset(rng)
        found += ramp(begins, (1 - found[begins]) / (12 * rise_hours(rng)))
    return found


def recurrent(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001
    """A leak that is restarted at about the same level every time, until one time it is not."""
    base, top = rng.uniform(0.2, 0.4), rng.uniform(0.8, 0.96)
    per_bucket = (top - base) / (12 * rng.uniform(5, 30))
    stops = onset(rng) if failing else WEEK
    found, level = np.empty(WEEK), base + rng.uniform(0, top - base)
    for place in range(WEEK):
        level += per_bucket
        if level >= top * rng.uniform(0.98, 1.02) and place < stops:
            level = base * rng.uniform(0.95, 1.05)
        found[place] = level
    return found + noise(rng, rng.uniform(0.002, 0.008))


def near(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001
    """Lives close to its limit and wanders there; a failing one leaves for good."""
    found = rng.uniform(0.8, 0.9) + noise(rng, rng.uniform(0.005, 0.025), memory=rng.uniform(0.6, 0.97))
    if failing:
        begins = onset(rng)
        found += ramp(begins, (1 - found[begins]) / (12 * rise_hours(rng, 3, 30)))
    return found


def surge(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001
    """Work that piles up for a while and is done again; what fails begins so and grows faster the longer it lasts."""
    found = rng.uniform(0.05, 0.3) + bursts(rng, a_day=1.5, height=0.3, longest=12)
    found += noise(rng, rng.uniform(0.005, 0.02), memory=0.6)
    if failing:
        begins = onset(rng)
        found[begins:] += rng.uniform(0.0, 0.2)
        found += ramp(begins, 1 / (12 * rise_hours(rng, 3, 30))) ** rng.uniform(1.3, 3)
    return found


def missing(rng: np.random.Generator, failing: bool) -> Array:  # noqa: FBT001
    """Any of the others with a third of its values away, and hours without any."""
    found = _any(rng)(rng, failing)
    found[(rng.random(WEEK) < rng.uniform(0.05, 0.35)) & (found < 1)] = np.nan
    for begins in rng.integers(0, WEEK, int(rng.integers(1, 5))):
        gap = slice(begins, begins + int(rng.integers(6, 60)))
        found[gap] = np.where(found[gap] >= 1, found[gap], np.nan)
    return found


def _any(rng: np.random.Generator) -> Family:
    kinds: tuple[Family, ...] = (leak, disk, latency, load, shift, near)
    return kinds[int(rng.integers(len(kinds)))]


FAMILIES: Mapping[str, Family] = {
    "leak": leak,
    "disk": disk,
    "latency": latency,
    "load": load,
    "shift": shift,
    "recurrent": recurrent,
    "near": near,
    "surge": surge,
    "missing": missing,
    "clock": missing,
}
"""By name; `clock` draws as `missing` does and then has its times disturbed."""
