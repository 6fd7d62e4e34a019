"""What a breaker brings with it when it trips: an alert and a heal of its cause, once, whoever dies; and a refusal.

Real verified heals in the dispatcher: a real Postgres, a real supervisord with real programs.
"""

import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import pytest
from estate_fixtures import until
from sqlalchemy import Engine, text
from uuid6 import uuid7

from deployments.demo.estate import Estate
from selfheal import bootstrap
from selfheal.model.admission import Decision
from selfheal.model.attempt import Status
from selfheal.model.breaker import BreakerDeed, Permit, State
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse

NAME = "heal:restart-service"
FIRST = ("backend", "frontend", "consumer")


@pytest.fixture
def values(estate: Estate) -> dict[str, Any]:
    """The demo estate; its web servers are asked for a page that they lack, so that no restart mends them."""
    components = {name: dict(one) for name, one in estate.settings()["components"].items()}
    for name in FIRST:
        components[name] |= {"url": urljoin(components[name]["url"], "/missing"), "start_timeout": 0.3}
    for one in components.values():
        one["healthy_delay"] = 0.1
    return {
        "healing": {
            "allow": [*FIRST, "orchestrator", "sleeper-0"],
            "at_once": 64,
            "in_10_minutes": 100,
            "storm_estate": 0,
        },
        "breakers": {"window": 3, "fewest": 3},
        "on_opening": {"heal:*": {"heal": [{"component": "orchestrator", "action": "restart-service"}]}},
        "supervisors": estate.settings()["supervisors"],
        "components": components,
    }


@pytest.fixture
def wired(values: dict[str, Any], empty: Engine, database_url: str) -> Iterator[bootstrap.Estate]:
    made = bootstrap.wire(parse(values, source="the test"), database_url=database_url)
    yield made
    made.close()


@pytest.fixture
def tripped(wired: bootstrap.Estate) -> bootstrap.Estate:
    """It has been told of three failures."""
    for _ in range(3):
        permit = wired.breakers.ask(NAME, uuid7())
        assert isinstance(permit, Permit)
        wired.breakers.tell(NAME, permit, success=False)
    return wired


def trigger(component: str) -> Trigger:
    return Trigger(
        id=uuid7(),
        type=TriggerType.SERVICE_DOWN,
        component=component,
        source=Source.WATCHER,
        priority=Priority.HIGH,
        reason="it is down",
        detected_at=datetime.now(UTC),
    )


def dispatch(wired: bootstrap.Estate, one: Trigger) -> Result:
    return heal(plain_steps(wired.healer), one)


def rows(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def test_verified_heals_trip_it_and_the_refusal_is_recorded(wired: bootstrap.Estate, estate: Estate) -> None:
    """Three restarts did not help: the fourth target is not touched, CIRCUIT_OPEN is written, a person is told once.

    After the breaker has ended the old trigger keeps its refusal, and a new one finds the target healthy by then.
    """
    for name in FIRST:
        result = dispatch(wired, trigger(name))
        assert result.outcome is not None, result
        assert result.outcome.status in {Status.FAILED, Status.ROLLED_BACK}
    assert [one.note.partition(":")[0] for one in wired.breakers.recent_failures(NAME, limit=9)] == [*FIRST][::-1]
    control, spawns = estate.control(), estate.spawns("sleeper-0")
    os.kill(control.process("sleeper-0").pid, signal.SIGKILL)
    until("it is seen dead", lambda: not control.process("sleeper-0").running)
    old = trigger("sleeper-0")
    refused = dispatch(wired, old)
    assert (refused.answer.decision, refused.outcome) == (Decision.CIRCUIT_OPEN, None)
    assert rows(wired.engine, "SELECT component FROM healing_triggers WHERE decision = 'CIRCUIT_OPEN'") == [
        ("sleeper-0",)
    ]
    alerts = rows(wired.engine, "SELECT message FROM alert_outbox WHERE dedup_key LIKE 'breaker/%'")
    assert len(alerts) == 1
    assert "3 of its last 3 failed" in alerts[0][0]
    assert estate.spawns("sleeper-0") == spawns
    control.start("sleeper-0", timeout=timedelta(seconds=10))  # by a person
    wired.breakers.decide(NAME, BreakerDeed.RESET, who="ada", why="mended")
    assert dispatch(wired, old).answer.decision is Decision.CIRCUIT_OPEN
    assert dispatch(wired, trigger("sleeper-0")).answer.decision is Decision.ALREADY_HEALTHY
    assert estate.spawns("sleeper-0") == spawns + 1


def test_its_cause_is_healed_once_and_not_refused_by_it(tripped: bootstrap.Estate, estate: Estate) -> None:
    """The orchestrator runs, and is restarted by the very action whose breaker is open; asked again, nothing is due."""
    pid, spawns = estate.control().process("orchestrator").pid, estate.spawns("orchestrator")
    due = tripped.due()
    assert [(one.component, one.action, one.source) for one in due] == [
        ("orchestrator", "restart-service", Source.BREAKER)
    ]
    assert tripped.due() == []  # somebody has it in their hands
    result = dispatch(tripped, due[0])
    assert result.outcome is not None
    assert result.outcome.status is Status.SUCCESS
    assert estate.control().process("orchestrator").pid != pid
    again = dispatch(tripped, due[0])
    assert (again.answer.repeated, again.answer.attempt_id) == (True, result.answer.attempt_id)
    assert estate.spawns("orchestrator") == spawns + 1
    assert tripped.breakers.state(NAME).state is State.OPEN
    assert tripped.breakers.replayed(NAME) == tripped.breakers.state(NAME)


def test_what_its_raiser_died_with_is_due_again(
    tripped: bootstrap.Estate, values: dict[str, Any], database_url: str, let_pass: Callable[[timedelta], None]
) -> None:
    """Taken and not answered, it comes to another process after its pause; answered, whatever with, it never does."""
    taken = tripped.due()
    other = bootstrap.wire(parse(values, source="the test"), database_url=database_url)
    try:
        assert other.due() == []
        let_pass(timedelta(minutes=3))
        assert [one.id for one in other.due()] == [one.id for one in taken]
        other.breakers.decide(NAME, BreakerDeed.RESET, who="ada", why="mended")
        assert not dispatch(other, taken[0]).answer.admitted
        let_pass(timedelta(minutes=3))
        assert other.due() == []
    finally:
        other.close()


def test_nothing_old_is_raised(
    tripped: bootstrap.Estate, estate: Estate, let_pass: Callable[[timedelta], None]
) -> None:
    """When the breaker has moved on its trigger is refused, and after an hour it is not even taken."""
    taken, spawns = tripped.due(), estate.spawns("orchestrator")
    tripped.breakers.decide(NAME, BreakerDeed.RESET, who="ada", why="mended")
    refused = dispatch(tripped, taken[0])
    assert refused.answer.decision is Decision.ALREADY_HEALTHY
    assert "has moved on" in refused.answer.reason
    assert estate.spawns("orchestrator") == spawns
    assert rows(tripped.engine, "SELECT count(*) FROM faults WHERE component = 'orchestrator'") == [(0,)]


@pytest.fixture
def let_pass(embedded_postgres: Any) -> Callable[[timedelta], None]:
    """Let that much time have passed for what was raised."""
    from sqlalchemy import create_engine  # noqa: PLC0415

    from deployments.embedded import roles  # noqa: PLC0415

    def passed(by: timedelta) -> None:
        owner = create_engine(embedded_postgres.url(roles.MIGRATOR).replace("postgresql:", "postgresql+psycopg:"))
        with owner.begin() as connection:
            connection.execute(
                text("UPDATE raised_triggers SET next_try_at = next_try_at - :by, raised_at = raised_at - :by"),
                {"by": by},
            )
        owner.dispose()

    return passed
