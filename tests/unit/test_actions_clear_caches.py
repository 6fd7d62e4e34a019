"""clear-caches: the one call that the settings name, sent once, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes import NOON, FakeBroker, FakeHttp
from uuid6 import uuid7

from selfheal.actions.clear_caches import ClearCaches
from selfheal.model.check import Call
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Permanent, TargetChanged, Transient
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.settings.file import parse

BY_HTTP = Call(url="http://127.0.0.1:4000/caches?key=s3cret", token="t0ken", body="{}")
BY_NATS = Call(url="nats://127.0.0.1:4222", subject="backend.caches.clear", body="now")
BACKEND = Component(name="backend", target="http/backend", probe=ProbeKind.HTTP, clear_caches=BY_HTTP)


class World:
    """Clients that keep what was sent, and a component that lives one life after the other."""

    def __init__(self, *statuses: int | Exception) -> None:
        self.http, self.broker, self.life = FakeHttp(*statuses or (204,)), FakeBroker(1), 1

    @property
    def action(self) -> ClearCaches:
        return ClearCaches(http=self.http, broker=self.broker, observe=self.observe)

    def observe(self, component: Component) -> Observation:
        life = Incarnation(pid=self.life, started_at=self.life, state="RUNNING")
        return Observation(
            component=component.name, health=Health.HEALTHY, detail="", observed_at=NOON, incarnation=life
        )


def trigger(kind: TriggerType) -> Trigger:
    return Trigger(
        id=uuid7(),
        type=kind,
        component="backend",
        source=Source.BREAKER,
        priority=Priority.HIGH,
        reason="",
        detected_at=datetime.now(UTC),
    )


def test_an_http_call_is_made_once_with_its_token() -> None:
    """Any 2xx is good; what a person reads holds neither the token nor the query."""
    world = World()
    plan = world.action.prepare(BACKEND)
    said = world.action.commit(BACKEND, plan)
    assert world.http.sent == [("POST", BY_HTTP.url, "t0ken", "{}")]
    assert said == "POST http://127.0.0.1:4000/caches was answered with 204"
    assert "s3cret" not in repr(plan) + said
    assert "t0ken" not in repr(plan) + said + repr(BACKEND)


def test_a_message_is_sent_once() -> None:
    """Where the settings name a subject, the broker gets it and HTTP nothing."""
    world, by_nats = World(), replace(BACKEND, clear_caches=BY_NATS)
    assert world.action.commit(by_nats, world.action.prepare(by_nats)) == "sent NATS message backend.caches.clear"
    assert (world.broker.sent, world.http.sent) == ([("backend.caches.clear", b"now")], [])


@pytest.mark.parametrize(("answer", "error"), [(500, Permanent), (302, Permanent), (Transient("away"), Transient)])
def test_what_was_not_taken_is_an_error(answer: int | Exception, error: type[Exception]) -> None:
    """The attempt is then judged by what is observed."""
    world = World(answer)
    with pytest.raises(error):
        world.action.commit(BACKEND, world.action.prepare(BACKEND))
    assert len(world.http.sent) == 1


def test_another_life_is_not_touched() -> None:
    """Who was restarted meanwhile has new caches."""
    world = World()
    plan = world.action.prepare(BACKEND)
    world.life = 2
    with pytest.raises(TargetChanged):
        world.action.commit(BACKEND, plan)
    assert world.http.sent == []


def test_it_fits_only_what_the_settings_name() -> None:
    """Without clear_caches there is nothing to send; a rollback sends nothing either."""
    world, bare = World(), replace(BACKEND, clear_caches=None)
    for kind in (TriggerType.BREAKER_OPENED, TriggerType.SERVICE_DOWN, TriggerType.MANUAL):
        assert world.action.can_handle(trigger(kind), BACKEND)
        assert not world.action.can_handle(trigger(kind), bare)
    assert not world.action.can_handle(trigger(TriggerType.NATS_DOWN), BACKEND)
    with pytest.raises(Permanent, match="has no clear_caches"):
        world.action.prepare(bare)
    assert world.action.prepare(BACKEND).rollback is None
    assert "by themselves" in world.action.rollback(BACKEND, world.action.prepare(BACKEND))
    assert world.http.sent == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"url": "ftp://host/x"}, "must begin with http://, https:// or nats://"),
        ({"url": "nats://host:4222"}, "subject"),
        ({"url": "http://host/x", "subject": "a.b"}, "subject"),
        ({"url": "nats://host:4222", "subject": "a.*.b"}, "subject"),
        ({"url": "nats://host:4222", "subject": "a", "token": "x"}, "token"),
        ({"url": "http://u:p@host/x"}, "must not hold a user or a password"),
        ({"url": "http://host/x", "timeout": "61 s"}, "at most 60 s"),
        ({"url": "http://host/x", "method": "GET"}, "method"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(call: dict[str, Any], said: str) -> None:
    """Wildcards, a broker without a subject, a call with one, a login in the address."""
    component = {"probe": "http", "url": "http://host/", "clear_caches": call}
    with pytest.raises(Permanent, match=said):
        parse({"components": {"backend": component}}, source="the test")


def test_the_call_reaches_the_action_from_the_settings() -> None:
    """As it was written."""
    call = {"url": "http://host/x", "method": "DELETE", "token": "t", "timeout": "2 s"}
    component = {"probe": "http", "url": "http://host/", "clear_caches": call}
    settings = parse({"components": {"backend": component}}, source="the test")
    known = settings.catalogue()["backend"].clear_caches
    assert known == Call(url="http://host/x", method="DELETE", token="t", timeout=timedelta(seconds=2))
