"""Alerts over a real NATS broker: kept before they are answered, by one of several watchers, whatever is sent."""

import asyncio
import json
from typing import Any

import nats
import pytest
from deliverable_fixtures import LOGIN, DeliverableBroker
from sqlalchemy import Engine, text

from selfheal.settings.estate import Settings
from selfheal.settings.file import parse
from selfheal.store.intake import Intake
from selfheal.wiring.intake import listening

SUBJECT = "alerts.in"


@pytest.fixture
def settings(broker: DeliverableBroker) -> Settings:
    login = {"username": LOGIN[0], "password": LOGIN[1]}
    return parse(
        {
            "intake": {
                "webhooks": {"own": {"component": "name", "id": "id"}},
                "nats": login | {"url": broker.access["url"], "subject": SUBJECT, "webhook": "own"},
            },
            "components": {"web": {"probe": "http", "url": "http://127.0.0.1:80/"}},
        },
        source="the test",
    )


def ask(settings: Settings, *bodies: bytes) -> list[dict[str, Any]]:
    """The answers to these messages; asked again until somebody listens."""

    async def asked() -> list[dict[str, Any]]:
        client = await nats.connect(settings.intake.nats.url, user=LOGIN[0], password=LOGIN[1])
        answers = []
        for body in bodies:
            for _ in range(50):
                try:
                    answers.append(json.loads((await client.request(SUBJECT, body, timeout=10)).data))
                    break
                except nats.errors.NoRespondersError:
                    await asyncio.sleep(0.1)
        await client.close()
        return answers

    return asyncio.run(asked())


def test_alerts_over_nats_are_kept_and_answered(settings: Settings, empty: Engine) -> None:
    """Two watchers share the subject: each message is taken once; what is no JSON is told, and the next is taken."""
    intake = Intake(empty, quiet=settings.intake.quiet)
    with listening(settings, intake), listening(settings, intake):
        sent = [
            b'{"name": "web", "id": 1}',
            b"\xff no json",
            b"[" * 50_000,
            b'{"name": "*"}',
            b'{"name": "web", "id": 1}',
        ]
        raised, wrong, deep, unknown, again = ask(settings, *sent)
    assert (raised["raised"], again["counted"], unknown["refused"]) == (1, 1, 1)
    assert wrong["again"] is deep["again"] is False
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT sum(deliveries) FROM intake_alerts")) == 3


def test_a_broker_that_comes_back_is_listened_to_again(
    settings: Settings, broker: DeliverableBroker, empty: Engine
) -> None:
    """Killed and started anew: the listener is there again."""
    intake = Intake(empty, quiet=settings.intake.quiet)
    with listening(settings, intake):
        assert ask(settings, b'{"name": "web"}')[0]["raised"] == 1
        broker.stop()
        broker.start()
        assert ask(settings, b'{"name": "web"}')[0]["counted"] == 1
