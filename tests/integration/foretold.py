"""Predictions as they might have been raised and settled, with the series around them; for the tests that show them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from admission_desk import HEALED, Desk
from sqlalchemy import Engine, text
from uuid6 import uuid7

from selfheal.model.health import HealthStatus, Measured
from selfheal.store.health_writing import HealthWriter

H, M = timedelta(hours=1), timedelta(minutes=1)
_COLUMNS = (
    *("id", "rule", "component", "metric", "value", "threshold", "raised_at", "breach_at", "low_at", "high_at", "why"),
    *("ended_at", "breached_at", "outcome", "settled_at"),
)
_INSERT = text(
    f"INSERT INTO predictions ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{one}' for one in _COLUMNS)})"  # noqa: S608
)
_RAISED = (
    text(
        """UPDATE healing_actions a SET trigger_id = :id FROM healing_triggers t
           WHERE t.attempt_id = a.id AND t.component = :component AND t.decision = :decision"""
    ),
    text(
        """UPDATE trigger_answers a SET trigger_id = :id FROM healing_triggers t
           WHERE t.id = a.decision_id AND t.component = :component AND t.decision = :decision"""
    ),
)


def foretell(engine: Engine, component: str = "backend", *, ago: timedelta = 30 * M, **changes: Any) -> UUID:
    """A row of `predictions` that was raised so long ago; without changes it stands, and its breach is near."""
    raised = datetime.now(UTC) - ago
    row: dict[str, Any] = {
        **dict.fromkeys(_COLUMNS),
        "id": uuid7(),
        "rule": "BREACH_FORETOLD",
        "component": component,
        "metric": "memory_percent",
        "value": leak(-0.5),
        "threshold": 95.0,
        "raised_at": raised,
        "breach_at": raised + 100 * M,
        "low_at": raised + 70 * M,
        "high_at": raised + 150 * M,
        "why": "4 of 5 lines agree on a breach within the horizon",
    }
    if changes.get("outcome"):
        row |= {"settled_at": raised + 7 * H, "ended_at": raised + 3 * H}
    row |= changes
    with engine.begin() as connection:
        connection.execute(_INSERT, row)
    found: UUID = row["id"]
    return found


def measure(
    engine: Engine,
    component: str,
    metric: str,
    value: Callable[[float], float],
    *,
    since: timedelta = 25 * H,
    until: timedelta = timedelta(0),
    wide: float = 1.5,
) -> None:
    """Two values in each five minutes, `wide` apart; `value` is given the hours until now, below nought."""
    now = datetime.now(UTC)
    rows, at = [], now - since
    while at < now - until:
        highest = value((at - now) / H)
        rows += [
            Measured(
                component=component,
                metric=metric,
                value=one,
                status=HealthStatus.OPERATIONAL,
                checked_at=at + 5 * M / 2,
            )
            for one in (highest, highest - wide)
        ]
        at += 5 * M
    HealthWriter(engine).write(rows)


def leak(hours: float) -> float:
    """A day with its wave, and from four hours before now on a rise."""
    wave = 55 + 7 * math.sin((hours + 3) / 24 * 2 * math.pi) + 0.8 * math.sin(hours * 9)
    return wave + 8.4 * max(0.0, hours + 4) ** 0.95


def raised_for(one: Desk, prediction: UUID, component: str, decision: str) -> None:
    """Let a decision about a component be the answer to this prediction's trigger, and its attempt, if there is one."""
    with one.engine.begin() as connection:
        for statement in _RAISED:
            connection.execute(statement, {"id": prediction, "component": component, "decision": decision})


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """What was foretold: one stands; of the others it is known what became of them."""

    stands: UUID
    hit: UUID
    miss: UUID
    prevented: UUID
    refused: UUID


def foretold(one: Desk) -> Foretold:
    """A few days of predictions: one stands, a hit, a miss, one that a heal prevented, one whose heal was refused."""
    engine = one.engine
    measure(engine, "backend", "memory_percent", leak)
    measure(engine, "agents", "memory_percent", lambda hours: leak(hours + 5) if hours < -5 else 48, since=31 * H)
    measure(engine, "frontend", "memory_percent", lambda hours: min(leak(hours + 7.5), 97), since=34 * H, until=6 * H)
    rising = {"component": "broker", "metric": "response_time_ms", "rule": "RESPONSE_RISING", "value": 310.0}
    no_time = dict.fromkeys(("breach_at", "low_at", "high_at"))
    prevented = foretell(engine, "agents", ago=5.5 * H, outcome="PREVENTED", ended_at=datetime.now(UTC) - 5 * H)
    one.past("agents", 5 * H, HEALED)
    raised_for(one, prevented, "agents", "ADMITTED")
    refused = foretell(
        engine, ago=20 * M, **rising | no_time | {"threshold": 250.0, "why": "24 % slower than a day ago"}
    )
    one.sick("broker")
    raised_for(one, refused, "broker", "NOT_ALLOWED")
    now = datetime.now(UTC)
    return Foretold(
        stands=foretell(engine),
        hit=foretell(
            engine,
            "frontend",
            ago=9 * H,
            value=leak(-1.5),
            outcome="HIT",
            **dict.fromkeys(("breached_at", "ended_at", "settled_at"), now - 7.2 * H),
        ),
        miss=foretell(engine, "host:here", ago=40 * H, metric="disk_percent", outcome="MISS"),
        prevented=prevented,
        refused=refused,
    )
