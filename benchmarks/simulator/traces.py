"""Draws whole sets of traces, with what goes wrong with clocks and sampling."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from benchmarks.simulator.families import FAMILIES
from benchmarks.simulator.trace import Family, Trace, drawn
from benchmarks.simulator.unseen import UNSEEN

_JUMP_S = (600.0, 7200.0)


def seen(count: int, *, seed: int) -> list[Trace]:
    """So many traces of each family that the forecast was tuned with."""
    return _of(FAMILIES, count, seed)


def unseen(count: int, *, seed: int) -> list[Trace]:
    """So many of each that it was not."""
    return _of(UNSEEN, count, seed)


def _of(families: Mapping[str, Family], count: int, seed: int) -> list[Trace]:
    traces = [
        drawn(name, shape, number=number, seed=seed) for name, shape in families.items() for number in range(count)
    ]
    return [_disturbed(trace, seed) if trace.name.startswith("clock") else trace for trace in traces]


def _disturbed(trace: Trace, seed: int) -> Trace:
    """The machine's clock is set forward and back a few times; the trace keeps the order in which it was measured."""
    rng = np.random.default_rng([seed, *trace.name.encode()])
    told = trace.told_s.copy()
    for begins in rng.integers(0, told.size, int(rng.integers(1, 4))):
        told[begins:] += rng.choice([-1.0, 1.0]) * rng.uniform(*_JUMP_S)
    return replace(trace, told_s=told)
