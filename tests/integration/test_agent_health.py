"""agent-health on a real broker and a real database: what it publishes, keeps, raises and tells."""

import asyncio
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deliverable_fixtures import DeliverableBroker
from embedded_fixtures import until
from nats.aio.client import Client
from sqlalchemy import Engine, text

from selfheal.clients.clock import SystemClock
from selfheal.clients.host import Host
from selfheal.clients.nats import NatsBroker
from selfheal.clients.nats_listener import NatsListener
from selfheal.model.host import HostLimits, Usage
from selfheal.model.trigger import TriggerType
from selfheal.policy.catalogue import host_component
from selfheal.protocol.host_watch import Broker, HostWatch
from selfheal.store.hosts import Hosts

HEALTH, METRICS = "agog.monitoring.health", "agog.metrics.system"
SECOND = timedelta(seconds=1)


@dataclass
class FakeHost:
    """A host that is as a test says; `test_a_fake_host_is_like_a_real_one` holds it to the real one."""

    memory: int = 50
    full: dict[str, float] = field(default_factory=dict)

    def usage(self) -> Usage:
        return Usage(cpu_s=1, cpus=2, memory_bytes=self.memory, memory_limit_bytes=100, uptime_s=60)

    def disks(self, paths: Iterable[str]) -> tuple[dict[str, float], dict[str, str]]:
        asked = list(paths)
        there = {path: self.full.get(path, 10.0) for path in asked if Path(path).exists()}
        return there, {path: "No such file or directory" for path in asked if path not in there}

    def unreadable(self, paths: Iterable[str]) -> dict[str, str]:
        return Host().unreadable(paths)


@pytest.fixture
def watch(empty: Engine, broker: DeliverableBroker, tmp_path: Path) -> HostWatch:
    """A host with a request file, whose agents talk over the test's broker."""
    file = tmp_path / "OWNER_REQUESTS.md"
    file.write_text("### REQ-1: one\n")
    nats = Broker(
        client=NatsBroker(),
        url=broker.url,
        credentials=broker.login,
        timeout=SECOND,
        health_subject=HEALTH,
        metrics_subject=METRICS,
    )
    return HostWatch(
        name="here",
        limits=HostLimits(),
        files=(str(file),),
        request_file=str(file),
        disks=(str(tmp_path),),
        host=FakeHost(),
        broker=nats,
        store=Hosts(empty),
        component=host_component("here", ()),
        allow=frozenset(),
        clock=SystemClock(),
    )


@contextmanager
def subscriber(broker: DeliverableBroker) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Hears both subjects over a connection of its own, as an agent does."""
    heard: dict[str, list[dict[str, Any]]] = {HEALTH: [], METRICS: []}
    listening, end = threading.Event(), threading.Event()

    async def listen(client: Client) -> None:
        async def take(message: Any) -> None:
            heard[message.subject].append(json.loads(message.data))

        for subject in heard:
            await client.subscribe(subject, cb=take)
        await client.flush()
        listening.set()
        await asyncio.to_thread(end.wait)

    thread = threading.Thread(target=lambda: broker.talk(listen))
    thread.start()
    try:
        assert listening.wait(10)
        yield heard
    finally:
        end.set()
        thread.join(10)


def alerts(engine: Engine) -> list[tuple[str, str, str]]:
    """What people are told, in order."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT kind, severity, dedup_key FROM alert_outbox ORDER BY created_at, id"))
        return [tuple(row) for row in rows]


def test_what_is_seen_is_published_and_kept(watch: HostWatch, broker: DeliverableBroker, empty: Engine) -> None:
    """A subscriber of both subjects gets JSON: what is wrong, and all values; the same values are in the history."""
    with subscriber(broker) as heard:
        health = replace(watch, host=FakeHost(memory=95)).look()
        watch.keep(health)
        watch.publish(health)
        until(lambda: all(heard.values()), seconds=10)
    (told,), (metrics,) = heard[HEALTH], heard[METRICS]
    assert (told["source"], told["host"], told["status"], told["next_within_s"]) == (
        "agent-health",
        "here",
        "DEGRADED",
        60,
    )
    assert told["findings"] == [{"what": "memory", "critical": False, "message": "memory is 95 % full (limit 90 %)"}]
    assert metrics["metrics"]["memory_percent"] == 95
    assert set(metrics["metrics"]) == {
        *("cpu_seconds", "memory_percent", "disk_percent", "uptime_seconds", "nats_round_trip_ms")
    }
    with empty.connect() as connection:
        kept = dict(
            connection.execute(text("SELECT metric, value FROM health_history WHERE component = 'host:here'")).all()
        )
    assert kept == metrics["metrics"]
    assert [one.well for one in watch.past()] == [False]


def test_a_frozen_broker_is_told_once_and_so_is_its_end(
    watch: HostWatch, broker: DeliverableBroker, empty: Engine
) -> None:
    """Frozen by a signal: no answer within the time; nothing is published; one alert, and one that it is over."""
    with broker.frozen():
        health = watch.look()
        watch.publish(health)
        assert [(one.what, one.critical) for one in health.findings] == [("nats", True)]
        assert "gave no answer within 1 s" in health.findings[0].message
        assert watch.tell(health) == ["host/here/nats"]
        assert watch.tell(watch.look()) == []
    assert watch.tell(watch.look()) == ["host/here/nats"]
    assert watch.tell(watch.look()) == []
    told = [("RAISED", "CRITICAL", "host/here/nats"), ("RESOLVED", "CRITICAL", "host/here/nats")]
    assert alerts(empty) == told


def test_a_slow_broker_that_dies_is_told_as_what_it_is_by_then(
    watch: HostWatch, broker: DeliverableBroker, empty: Engine
) -> None:
    """A person who was told that it is slow is told that it is gone, which may go to another one; once each."""
    slow = replace(watch, limits=HostLimits(round_trip=timedelta(milliseconds=-1)))
    assert slow.tell(slow.look()) == ["host/here/nats"]
    with broker.frozen():
        assert watch.tell(watch.look()) == ["host/here/nats"]
        assert watch.tell(watch.look()) == []
    assert slow.tell(slow.look()) == [], "it is better, and not over"
    assert watch.tell(watch.look()) == ["host/here/nats"]
    assert [one[:2] for one in alerts(empty)] == [
        ("RAISED", "WARNING"),
        ("RAISED", "CRITICAL"),
        ("RESOLVED", "CRITICAL"),
    ]


def test_a_broker_that_is_a_component_is_healed_as_that(watch: HostWatch, broker: DeliverableBroker) -> None:
    """Where application-health watches the same server, nobody is told a second time; it is published what is wrong."""
    assert watch.broker is not None
    watched = replace(watch, broker=replace(watch.broker, watched=True))
    with broker.frozen():
        health = watched.look()
        assert [one.what for one in health.findings] == ["nats"]
        assert (watched.tell(health), watched.triggers(health)) == ([], [])


def test_each_thing_is_told_by_itself(watch: HostWatch, empty: Engine, tmp_path: Path) -> None:
    """A full disk, a path that is not there, full memory, a file that is empty: each begins and ends for itself."""
    host = FakeHost(memory=99, full={str(tmp_path): 97.0})
    sick = replace(watch, host=host, disks=(str(tmp_path), "/no/such/path"), files=(*watch.files, "/no/such/file"))
    Path(watch.request_file).write_text("")
    keys = {f"host/here/{what}" for what in (f"disk:{tmp_path}", "disk:/no/such/path", "memory")}
    files = {f"host/here/file:{path}" for path in (watch.request_file, "/no/such/file")}
    assert set(sick.tell(sick.look())) == keys | files
    host.memory = 10
    assert sick.tell(sick.look()) == ["host/here/memory"]
    assert {one[0] for one in alerts(empty) if one[2] == "host/here/memory"} == {"RAISED", "RESOLVED"}
    host.memory = 99
    assert sick.tell(sick.look()) == ["host/here/memory"]
    assert [one[0] for one in alerts(empty) if one[2] == "host/here/memory"] == ["RAISED", "RESOLVED", "RAISED"]


def test_what_is_told_follows_who_came_last(empty: Engine) -> None:
    """An end that was begun before its beginning and written after it ends it: the next time is told again."""

    def full() -> bool:
        return Hosts(empty).tell("host/here/memory", "it is full", severity="WARNING", details={})

    tell = text("SELECT tell('host/here/memory', :is_on, 'WARNING', 'it is full', '{}')")
    with empty.begin() as earlier:
        earlier.execute(text("SELECT 1"))
        assert full()
        assert earlier.scalar(tell, {"is_on": False})
    assert full()


def test_what_can_be_healed_raises_a_trigger(watch: HostWatch) -> None:
    """The request file where it may be restored, the host where it has a ladder; of those nobody is told here."""
    Path(watch.request_file).unlink()
    full = replace(watch, host=FakeHost(memory=99), component=host_component("here", ("free-memory",)))
    may = replace(full, allow=frozenset({"host", "request-file"}))
    health = may.look()
    file, host = may.triggers(health)
    assert (file.type, file.component) == (TriggerType.FILE_DAMAGED, "request-file")
    assert (host.type, host.component, host.reason) == (
        TriggerType.HOST_PRESSURE,
        "host",
        "memory is 99 % full (limit 90 %)",
    )
    assert may.tell(health) == []
    assert full.triggers(health) == []
    assert len(full.tell(health)) == 2


class Earlier(SystemClock):
    """A clock that went back an hour."""

    def now(self) -> datetime:
        return super().now() - timedelta(hours=1)


def test_after_the_clock_went_back_it_looks_as_ever(watch: HostWatch) -> None:
    """At once, then after its interval: what was written under the later time counts no more."""
    watch.keep(watch.look())
    back = replace(watch, clock=Earlier())
    assert back.past() == ()
    health = back.look()
    assert health.cpu_percent is None
    back.keep(health)
    assert back.past() == back.past([health.past]) == (health.past,)
    assert back.due(back.past()) == health.look.at + timedelta(minutes=2)


def test_two_runs_know_of_each_other(watch: HostWatch) -> None:
    """What another run has written is known, and what this one could not write down yet as well."""
    first = watch.look()
    watch.keep(first)
    second = watch.judged(watch.past())
    assert [one.at for one in watch.past([second.past])] == [first.look.at, second.look.at]


def test_the_listener_hears_who_publishes(
    watch: HostWatch, broker: DeliverableBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """What agent-health publishes, and nothing else on its subject; again after the broker was restarted."""
    listener = NatsListener(broker.url, credentials=broker.login, subject=HEALTH, timeout=SECOND, clock=SystemClock())
    endless = b'{"source": "agent-health", "host": "here", "next_within_s": 1' + b"0" * 400 + b"}"
    others = (b"{", b"[]", b'{"source": "agent-health"}', b'{"source": 7, "host": 1, "next_within_s": 2}', endless)
    listener.start()
    try:

        def heard() -> bool:
            for body in others:
                NatsBroker().publish(broker.url, HEALTH, body, credentials=broker.login, timeout=SECOND)
            assert listener.heard() is None
            watch.publish(watch.look())
            return listener.heard() is not None

        until(heard, seconds=20)
        first = listener.heard()
        assert first is not None
        assert (first.host, first.next_within) == ("here", timedelta(minutes=2))
        assert "listening broke" not in caplog.text
        broker.stop()
        broker.start()

        def again() -> bool:
            watch.publish(watch.look())
            return listener.heard() != first

        until(again, seconds=20)
    finally:
        listener.close()


@pytest.mark.parametrize("host", [FakeHost(), Host()])
def test_a_fake_host_is_like_a_real_one(host: FakeHost | Host, tmp_path: Path) -> None:
    """Paths that are there and are not, files that can be read and cannot; usage within what there is."""
    file = tmp_path / "file"
    file.write_text("x")
    full, broken = host.disks([str(tmp_path), "/no/such/path"])
    assert (list(full), broken) == ([str(tmp_path)], {"/no/such/path": "No such file or directory"})
    assert 0 <= full[str(tmp_path)] <= 100
    found = host.unreadable([str(file), str(tmp_path), "/no/such/file"])
    assert found == {str(tmp_path): "Is a directory", "/no/such/file": "No such file or directory"}
    assert 0 < host.usage().memory_percent <= 100
