"""What does not hold, on real services: the ladder is climbed, then a person gets all that was tried and seen."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from estate_fixtures import until
from sqlalchemy import Engine, text
from uuid6 import uuid7
from webhook_receiver import Receiver

from deployments.demo.estate import Estate as Demo
from selfheal.bootstrap import Estate, wire
from selfheal.model.health import ComponentHealth, HealthStatus
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse

SOON = timedelta(seconds=5)
LADDER = ["restore-nats-connection", "restart-service"]


@pytest.fixture
def healing(
    estate: Demo, empty: Engine, database_url: str, receiver: Receiver, request: pytest.FixtureRequest
) -> Iterator[Estate]:
    """The demo's broker with two rungs, and a sleeper that is watched by a port where nobody listens."""
    values: dict[str, Any] = estate.settings()
    values["components"]["broker"] |= {"ladder": LADDER, "healthy_delay": "100 ms"}
    values["components"]["never"] = values["components"]["sleeper-0"] | {
        "probe": "http",
        "url": "http://127.0.0.1:9/health",
        "start_timeout": "300 ms",
        "healthy_delay": "100 ms",
    }
    del values["components"]["sleeper-0"]
    values["healing"] = {"allow": ["broker", "never"]} | getattr(request, "param", {})
    values["alerts"] = {"webhook": receiver.url}
    with closing(wire(parse(values, source="the test"), database_url=database_url)) as wired:
        yield wired


def healed(estate: Estate, component: str, kind: TriggerType) -> Result:
    """What becomes of a watcher's trigger."""
    trigger = Trigger(
        id=uuid7(),
        type=kind,
        component=component,
        source=Source.WATCHER,
        priority=Priority.CRITICAL,
        reason="the test broke it",
        detected_at=datetime.now(UTC),
    )
    return heal(plain_steps(estate.healer), trigger)


def test_a_service_that_flaps_climbs_the_ladder(estate: Demo, healing: Estate, empty: Engine) -> None:
    """Healed and broken again twice by the first action: the third heal is the second one's."""
    for _ in range(3):
        os.kill(estate.control().process("broker").pid, signal.SIGKILL)
        until("supervisord knows", lambda: not estate.control().process("broker").running)
        assert healed(healing, "broker", TriggerType.SERVICE_DOWN).name == "Healed"
    with empty.connect() as connection:
        tried = list(connection.scalars(text("SELECT action_name FROM healing_actions ORDER BY created_at")))
    assert tried == [LADDER[0], LADDER[0], LADDER[1]]


@pytest.mark.parametrize("healing", [{"cooldown": "1 ms"}], indirect=True)
def test_a_person_gets_every_attempt_and_what_it_saw(healing: Estate, receiver: Receiver) -> None:
    """Three restarts do not help: one alert with each of them, what it saw, and the evidence it kept."""
    for _ in range(3):
        assert healed(healing, "never", TriggerType.SERVICE_DOWN).name == "RolledBack"
    for _ in range(2):
        assert healed(healing, "never", TriggerType.SERVICE_DOWN).name == "AttemptsExhausted"
    healing.turn(plain_steps(healing.healer))
    (alert,) = [one for one in receiver.got if one["dedup_key"].startswith("fault/")]
    assert alert["severity"] == "CRITICAL"
    assert "never needs a person: 3 attempts" in alert["message"]
    attempts = alert["details"]["attempts"]
    assert [(one["action"], one["status"], one["verification"]) for one in attempts] == [
        ("restart-service", "ROLLED_BACK", "NOT_HEALED")
    ] * 3
    assert all("127.0.0.1:9" in one["saw"] and one["message"] and one["evidence"] for one in attempts)


def test_a_person_hears_of_what_nobody_can_tell(healing: Estate, receiver: Receiver) -> None:
    """A turn of reconcile tells it: UNKNOWN heals nothing, and would be silent for ever."""
    now = datetime.now(UTC)
    unknown = ComponentHealth(
        component="broker", status=HealthStatus.UNKNOWN, response_ms=None, detail="not checked", checked_at=now
    )
    healing.health.record([unknown, replace(unknown, checked_at=now - healing.settings.alerts.unknown_after - SOON)])
    healing.turn(plain_steps(healing.healer))
    (alert,) = receiver.got
    assert alert["message"] == "nobody can tell how 1 component is: broker (not checked)"
    assert (alert["severity"], alert["details"]["unknown"]) == ("WARNING", {"broker": "not checked"})
