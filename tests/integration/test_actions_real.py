"""The shipped actions on the real estate, counted by the estate's own ledger."""

from dataclasses import replace

import pytest
from estate_fixtures import component, until
from fakes import FakeClock

from benchmarks.freezing import freeze
from deployments.demo.estate import Estate
from deployments.demo.faults import Faults
from selfheal.actions.table import Registry, Toolbox, build
from selfheal.clients.clock import SystemClock
from selfheal.clients.http import Http
from selfheal.clients.nats import NatsBroker
from selfheal.model.observation import Health
from selfheal.probes.observe import Observer
from selfheal.probes.table import probe_table


@pytest.fixture
def observe(estate: Estate) -> Observer:
    """The real observer of the estate."""
    clock = SystemClock()
    probes = probe_table(http=Http(), broker=NatsBroker(), clock=clock)
    return Observer(controls={"demo": estate.control()}, probes=probes, clock=clock)


@pytest.fixture
def actions(estate: Estate, observe: Observer) -> Registry:
    """The shipped actions with real clients; only their pauses are skipped."""
    controls = {"demo": estate.control()}
    return build(Toolbox(controls=controls, observe=observe, broker=NatsBroker(), http=Http(), clock=FakeClock()))


@pytest.mark.parametrize("name", ["backend", "frontend", "consumer", "host-listener", "orchestrator", "sleeper-0"])
def test_killed_service_comes_back_with_one_start(
    estate: Estate, faults: Faults, observe: Observer, actions: Registry, name: str
) -> None:
    """A killed service is seen, started once, and healthy again."""
    target, action, starts = component(estate, name), actions.get("restart-service"), estate.starts(name)
    spawns = estate.spawns(name)
    pid = faults.kill(name)
    assert observe(target).health is Health.SICK
    plan = action.prepare(target)
    assert plan.rollback == {"restore": "stopped"}
    action.commit(target, plan)
    until(f"{name} is healthy", lambda: action.validate(target).health is Health.HEALTHY)
    until("it has told its start", lambda: estate.starts(name) > starts)
    assert (estate.starts(name), estate.spawns(name)) == (starts + 1, spawns + 1)
    assert estate.control().process(name).pid != pid


@pytest.mark.parametrize("name", ["backend", "frontend", "consumer"])
def test_hung_service_is_restarted_once(
    estate: Estate, faults: Faults, observe: Observer, actions: Registry, name: str
) -> None:
    """A service that is up and answers nothing is sick, and one restart clears it."""
    target, action, starts = component(estate, name), actions.get("restart-service"), estate.starts(name)
    faults.hang(name)
    seen = observe(target)
    assert seen.health is Health.SICK
    assert seen.incarnation is not None
    assert seen.incarnation.running
    action.commit(target, action.prepare(target))
    until(f"{name} is healthy", lambda: action.validate(target).health is Health.HEALTHY)
    assert estate.starts(name) == starts + 1


def test_rollback_leaves_the_state_that_was_found(estate: Estate, faults: Faults, actions: Registry) -> None:
    """What did not run before is stopped again, what ran runs; a second rollback changes nothing."""
    target, action = component(estate, "sleeper-1"), actions.get("restart-service")
    found_running = action.prepare(target)
    faults.kill("sleeper-1")
    found_dead = action.prepare(target)
    action.commit(target, found_dead)
    for _ in range(2):
        action.rollback(target, found_dead)
    assert not estate.control().process("sleeper-1").running
    starts = estate.starts("sleeper-1")
    for _ in range(2):
        action.rollback(target, found_running)
    until("it runs", lambda: estate.control().process("sleeper-1").state == "RUNNING")
    until("it has told its start", lambda: estate.starts("sleeper-1") == starts + 1)


def test_killed_broker_is_started_and_its_consumer_returns(
    estate: Estate, faults: Faults, observe: Observer, actions: Registry
) -> None:
    """A dead broker is started at once; the consumer finds it again without a restart of its own."""
    target, action, starts = (
        component(estate, "broker"),
        actions.get("restore-nats-connection"),
        estate.starts("broker"),
    )
    consumers = estate.starts("consumer")
    faults.kill_broker()
    assert observe(target).health is Health.SICK
    assert "started broker" in action.commit(target, action.prepare(target))
    until("the broker answers", lambda: action.validate(target).health is Health.HEALTHY)
    until("the consumer is connected", lambda: observe(component(estate, "consumer")).health is Health.HEALTHY)
    assert (estate.starts("broker"), estate.starts("consumer")) == (starts + 1, consumers)


def test_a_broker_that_answers_is_left_alone(estate: Estate, actions: Registry) -> None:
    """Nothing is restarted where a connection succeeds."""
    target, action, starts = (
        component(estate, "broker"),
        actions.get("restore-nats-connection"),
        estate.starts("broker"),
    )
    assert action.commit(target, action.prepare(target)) == "reconnected without a restart"
    assert estate.starts("broker") == starts


def test_a_frozen_broker_is_restarted(estate: Estate, observe: Observer, actions: Registry) -> None:
    """A broker that is up and silent is replaced: supervisord kills what does not obey TERM in its grace."""
    target = component(estate, "broker")
    target = replace(target, probe_timeout=target.probe_timeout / 4)
    action, starts = actions.get("restore-nats-connection"), estate.starts("broker")
    freeze(estate.control().process("broker").pid)
    assert observe(target).health is Health.SICK
    assert "restarted broker" in action.commit(target, action.prepare(target))
    until("the broker answers", lambda: action.validate(target).health is Health.HEALTHY)
    assert estate.starts("broker") == starts + 1
