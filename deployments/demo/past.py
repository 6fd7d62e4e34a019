"""What the demo's growing services have done in the last days, as the watchers would have written it.

A forecast looks at hours and days, and a demo lasts minutes: so the days are made up, and written through the product's
own writer; from now on the services really do what they are said to have done. `console.demo_foretold` calls this.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from deployments.demo.hoarder import LIMIT_BYTES, Figures
from selfheal.model.health import RESPONSE, HealthStatus, Measured

DAYS = 5
RISES_FOR_H = 2.5
EVERY = timedelta(minutes=5)
_MEMORY_AN_HOUR, _ANSWER_MS_AN_HOUR = 18.0, 1000.0
_SPARE_AN_HOUR = 16.0
_USUAL_MEMORY, _USUAL_ANSWER_MS = 30.0, 120.0
_NEAR = 91.0


@dataclass(frozen=True, kw_only=True)
class Past:
    """The days of one service.

    Attributes:
        figures: where it stands now, and how it goes on.
        rows: of `health_history`, the oldest first.
    """

    figures: Figures
    rows: tuple[Measured, ...]


def past_of(name: str, *, now: datetime) -> Past:
    """The last days of a service: flat, then rising for hours; of `near` always near its limit."""
    dice = random.Random(name)  # noqa: S311  noise
    moments = [now - age * EVERY for age in range(DAYS * 288, 0, -1)]
    rows = [row for at in moments for row in _rows(name, at, hours=(now - at) / timedelta(hours=1), dice=dice)]
    if name == "near":
        figures = Figures(memory=_NEAR)
    elif name == "slow":
        slower = RISES_FOR_H * _ANSWER_MS_AN_HOUR
        figures = Figures(answer_ms=_USUAL_ANSWER_MS + slower, answer_ms_an_hour=_ANSWER_MS_AN_HOUR)
    else:
        grows = _memory_an_hour(name)
        figures = Figures(memory=_USUAL_MEMORY + RISES_FOR_H * grows, memory_an_hour=grows)
    return Past(figures=figures, rows=tuple(rows))


def _rows(name: str, at: datetime, *, hours: float, dice: random.Random) -> Iterator[Measured]:
    """One look, so many hours ago."""
    risen = max(0.0, RISES_FOR_H - hours)
    answer_ms = dice.uniform(3.0, 6.0)
    if name == "slow":
        answer_ms = _USUAL_ANSWER_MS + dice.gauss(0, 6) + risen * _ANSWER_MS_AN_HOUR
    yield _row(name, RESPONSE, answer_ms, at)
    if name != "slow":
        wave = math.sin(2 * math.pi * at.timestamp() / 86_400)
        memory = _NEAR + wave + dice.gauss(0, 0.2)
        if name != "near":
            memory = _USUAL_MEMORY + wave + dice.gauss(0, 0.4) + risen * _memory_an_hour(name)
        yield _row(name, "memory_percent", memory, at)
        yield _row(name, "memory_bytes", memory / 100 * LIMIT_BYTES, at)


def _memory_an_hour(name: str) -> float:
    """By how much it grows; `spare` breaks last of all."""
    return _SPARE_AN_HOUR if name == "spare" else _MEMORY_AN_HOUR


def _row(name: str, metric: str, value: float, at: datetime) -> Measured:
    answered = round(value) if metric == RESPONSE else None
    return Measured(
        component=name,
        metric=metric,
        value=value,
        status=HealthStatus.OPERATIONAL,
        checked_at=at,
        response_ms=answered,
    )
