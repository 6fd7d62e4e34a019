"""Runs the sides of a comparison alternately, so that a load of the machine meets all of them."""

import sys
import time
from collections.abc import Callable, Mapping

_POLL_S = 0.02


def alternate(sides: Mapping[str, Callable[[], float]], *, rounds: int, what: str) -> dict[str, tuple[float, ...]]:
    """Run every side once per round, every other round in reverse; gives the figures by side.

    Args:
        sides: by name; each call measures once.
        rounds: how many figures each side gets.
        what: said on stderr while it runs.
    """
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for name in order:
            figures[name].append(sides[name]())
        told = ", ".join(f"{name} {figures[name][-1]:.3f}" for name in sides)
        sys.stderr.write(f"{what}: round {number + 1} of {rounds}: {told}\n")
    return {name: tuple(found) for name, found in figures.items()}


def until(condition: Callable[[], bool], *, what: str, seconds: float = 60.0, poll_s: float = _POLL_S) -> None:
    """Wait for a condition, bounded.

    Raises:
        TimeoutError: it did not come true in time.
    """
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(poll_s)
