"""collect-garbage: one signal, call or command of the settings, to the life that was looked at."""

from dataclasses import replace
from typing import Any

import pytest
from fakes import NOON, FakeBroker, FakeClock, FakeControl, FakeEngine, FakeHttp, FakeInside, FakeProcesses
from uuid6 import uuid7

from selfheal.actions.collect_garbage import CollectGarbage
from selfheal.model.check import Call, Collect, Executed, MemoryLimit
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Declined, Permanent, TargetChanged
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.settings.file import parse

LIFE = FakeEngine().life
LIMIT = MemoryLimit(mib=100)
SERVICE = Component(
    name="api",
    target="supervisor/main/api",
    probe=ProbeKind.MEMORY,
    supervisor="main",
    program="api",
    memory=LIMIT,
    collect=Collect(signal="SIGUSR1"),
)
CONTAINER = Component(
    name="web",
    target="docker/web",
    probe=ProbeKind.MEMORY,
    docker="docker",
    container="web",
    memory=LIMIT,
    collect=Collect(signal="SIGUSR2"),
)


class World:
    def __init__(self, *ends: Executed | Exception) -> None:
        self.engine, self.inside = FakeEngine(), FakeInside(executes=ends or [Executed(exit_code=0, output="")])
        self.control, self.processes = FakeControl(api="RUNNING"), FakeProcesses()
        self.http, self.broker = FakeHttp(204), FakeBroker(1)
        self.action = CollectGarbage(
            containers={"docker": self.engine},  # type: ignore[dict-item]  # what it asks of an engine
            insides={"docker": self.inside},
            controls={"main": self.control},
            processes=self.processes,
            http=self.http,
            broker=self.broker,
            observe=self.observe,
            clock=FakeClock(),
        )

    def observe(self, component: Component) -> Observation:
        life = self.engine.life if component.container else self.control.process("api")
        return Observation(
            component=component.name, health=Health.SICK, detail="uses much", observed_at=NOON, incarnation=life
        )

    @property
    def effects(self) -> list[object]:
        return [*self.inside.ran, *self.inside.signals, *self.processes.signals, *self.http.sent, *self.control.calls]


def test_a_process_gets_its_signal_once() -> None:
    """The one that its supervisor tells of."""
    world = World()
    plan = world.action.prepare(SERVICE)
    assert plan.steps == ("send SIGUSR1 to api",)
    assert "sent SIGUSR1 to api" in world.action.commit(SERVICE, plan)
    assert world.processes.signals == [(world.control.process("api").pid, "SIGUSR1")]
    assert world.control.calls == []


def test_a_signal_that_would_end_it_is_refused() -> None:
    """Nothing is done, and the next rung may be tried at once."""
    world = World()
    world.processes.handled = ()
    with pytest.raises(Declined, match="would end by it"):
        world.action.commit(SERVICE, world.action.prepare(SERVICE))
    assert world.effects == []


@pytest.mark.parametrize(
    ("collect", "said"),
    [
        (Collect(signal="SIGUSR2"), "sent SIGUSR2 to web"),
        (Collect(command=("app", "gc")), "`app gc` ended well in web"),
        (Collect(call=Call(url="http://h/gc?key=1")), "POST http://h/gc was answered with 204"),
        (Collect(call=Call(url="nats://h", subject="a.gc")), "sent NATS message a.gc"),
    ],
    ids=["signal", "command", "call", "message"],
)
def test_a_container_is_told_in_one_way(collect: Collect, said: str) -> None:
    """Each once."""
    world, web = World(), replace(CONTAINER, collect=collect)
    plan = world.action.prepare(web)
    assert world.effects == []
    assert world.action.commit(web, plan) == said
    assert len(world.effects) + len(world.broker.sent) == 1


def test_the_signal_that_stops_a_container_is_not_sent() -> None:
    """It was created with that."""
    world = World()
    world.engine.inspected["stop_signal"] = "SIGUSR2"
    with pytest.raises(Declined, match="SIGUSR2 stops web"):
        world.action.commit(CONTAINER, world.action.prepare(CONTAINER))
    assert world.effects == []


def test_a_command_that_fails_is_an_error() -> None:
    """With what it wrote."""
    world = World(Executed(exit_code=2, output="no such call"))
    web = replace(CONTAINER, collect=Collect(command=("app", "gc")))
    with pytest.raises(Permanent, match="ended with 2: no such call"):
        world.action.commit(web, world.action.prepare(web))


@pytest.mark.parametrize("component", [SERVICE, CONTAINER], ids=["process", "container"])
def test_another_life_gets_nothing(component: Component) -> None:
    """Whoever was restarted meanwhile holds nothing yet."""
    world = World()
    plan = world.action.prepare(component)
    world.engine.life = replace(LIFE, exact_start="later")
    world.control = FakeControl(api="RUNNING", other="RUNNING")
    world.action._controls = {"main": FakeControl(other="RUNNING", api="RUNNING")}
    with pytest.raises(TargetChanged):
        world.action.commit(component, plan)
    assert world.effects == []


def test_what_it_handles() -> None:
    """Only where the settings say how."""
    world, bare = World(), replace(SERVICE, collect=None)
    handled = {kind for kind in TriggerType if world.action.can_handle(a_trigger(kind), SERVICE)}
    assert handled == {
        TriggerType.LOG_ERROR,
        TriggerType.MEMORY_HIGH,
        TriggerType.MEMORY_PRESSURE,
        TriggerType.HOST_PRESSURE,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.MANUAL,
    }
    assert not any(world.action.can_handle(a_trigger(kind), bare) for kind in TriggerType)
    with pytest.raises(Permanent, match="has no collect"):
        world.action.prepare(bare)
    assert "put back" in world.action.rollback(SERVICE, world.action.prepare(SERVICE))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"collect": {"signal": "SIGUSR3"}}, "did you mean 'SIGUSR"),
        ({"collect": {"signal": "SIGKILL"}}, "must be one of SIGHUP, SIGUSR1, SIGUSR2"),
        ({"collect": {}}, "one of the three"),
        ({"collect": {"signal": "SIGHUP", "command": ["x"]}}, "one of the three"),
        ({"collect": {"command": ["x"]}}, "needs a container"),
        ({"collect": {"call": {"url": "ftp://x"}}}, "must begin with"),
        ({"memory": {}}, "one of the two"),
        ({"memory": {"share": 0.5, "mib": 5}}, "one of the two"),
        ({"memory": {"share": 1.5}}, "share"),
        ({"memory": {"share": 0.5}}, "share of a container's limit"),
        ({"memory": {"mib": 5, "url": "http://h/"}}, "field"),
        ({"memory": {"share": 0.5, "url": "http://h/", "field": "a"}}, "limit_field"),
        ({"memory": {"mib": 5, "limit_field": "a"}}, "url"),
        ({"supervisor": "", "program": ""}, "needs a container, a program or a url"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, Any], said: str) -> None:
    """Each with its name."""
    component = {"probe": "memory", "supervisor": "main", "program": "api", "memory": {"mib": 100}}
    values = {"supervisors": {"main": {"url": "http://127.0.0.1:9001"}}, "components": {"api": component | change}}
    with pytest.raises(Permanent, match=said):
        parse(values, source="the test")


def a_trigger(kind: TriggerType) -> Trigger:
    return Trigger(
        id=uuid7(),
        type=kind,
        component="api",
        source=Source.WATCHER,
        priority=Priority.HIGH,
        reason="the test says so",
        detected_at=NOON,
    )
