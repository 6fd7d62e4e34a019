"""restart-container on a real engine: evidence, act, refusals, and the way back."""

import json
from datetime import timedelta

import pytest
from docker_fixtures import CHECK, TestEngine
from estate_fixtures import until
from fakes import NOON, FakeBroker, FakeClock, FakeHttp
from uuid6 import uuid7

from selfheal.actions.evidence import LIMIT
from selfheal.actions.restart_container import RestartContainer
from selfheal.clients.docker import Docker
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Permanent
from selfheal.model.observation import Health
from selfheal.model.trigger import SUSPICIONS, Priority, Source, Trigger, TriggerType
from selfheal.probes.observe import Observer
from selfheal.probes.table import probe_table

OK = "/tmp/ok"  # noqa: S108  in the container


class Bench:
    """The action with real clients, and containers to try it on."""

    def __init__(self, engine: TestEngine) -> None:
        self.engine = engine
        self.control = Docker(url=engine.url)
        clock = FakeClock()
        probes = probe_table(http=FakeHttp(200), broker=FakeBroker(1), clock=clock)
        containers = {"docker": self.control}
        self.observe = Observer(controls={}, containers=containers, probes=probes, clock=clock)
        self.action = RestartContainer(containers=containers, observe=self.observe)

    def component(self, container: str) -> Component:
        return Component(
            name="web", target=f"docker/{container}", probe=ProbeKind.CONTAINER, docker="docker", container=container
        )

    def healthy(self, component: Component) -> None:
        until("it is healthy", lambda: self.action.validate(component).health is Health.HEALTHY)


@pytest.fixture
def bench(docker_engine: TestEngine) -> Bench:
    return Bench(docker_engine)


def test_a_dead_application_is_restarted(bench: Bench) -> None:
    """A running container whose check fails gets one new life and is healthy; the evidence is what it destroyed."""
    name = bench.engine.run(checked=True)
    web = bench.component(name)
    bench.healthy(web)
    bench.engine.inside(name, "rm", OK)
    until("it is unhealthy", lambda: bench.observe(web).health is Health.SICK)
    plan = bench.action.prepare(web)
    assert plan.rollback == {"restore": "running"}
    assert plan.evidence["health"] == "unhealthy"
    assert plan.evidence["log"] == "begun\n"
    assert plan.evidence["inspect"]["state"]["Health"]["Status"] == "unhealthy"
    assert len(json.dumps(plan.evidence)) < LIMIT
    assert bench.action.commit(web, plan) == f"restarted {name}"
    bench.healthy(web)
    assert bench.engine.inspect(name)["RestartCount"] == 0
    with pytest.raises(Permanent, match="somebody else"):
        bench.action.commit(web, plan)


def test_a_dead_container_is_started(bench: Bench) -> None:
    """A killed container is started and says how it was found; the way back is stopped, however often it is gone."""
    name = bench.engine.run()
    web = bench.component(name)
    bench.engine.kill(name)
    until("Docker knows", lambda: bench.observe(web).health is Health.SICK)
    plan = bench.action.prepare(web)
    assert plan.rollback == {"restore": "stopped"}
    assert "EXITED (exit code 137)" in bench.action.commit(web, plan)
    bench.healthy(web)
    for _ in range(2):
        assert "is stopped" in bench.action.rollback(web, plan)
    assert bench.control.container(name).state == "STOPPED"


def test_a_paused_container_runs_again(bench: Bench) -> None:
    """A paused container is thawed and restarted with its grace; the way back is paused."""
    name = bench.engine.run()
    web = bench.component(name)
    bench.engine.client.containers.get(name).pause()
    plan = bench.action.prepare(web)
    assert plan.steps[0] == f"unpause {name}"
    assert "it was paused" in bench.action.commit(web, plan)
    assert bench.engine.inspect(name)["State"]["ExitCode"] == 0, "it was asked to stop, not killed"
    bench.healthy(web)
    for _ in range(2):
        assert "is paused" in bench.action.rollback(web, plan)
    assert bench.control.container(name).state == "PAUSED"
    bench.engine.remove(name)


def test_out_of_memory_is_said(bench: Bench) -> None:
    """The message of a heal after an end for lack of memory warns that it will come again."""
    name = bench.engine.run(mem_limit="16m", memswap_limit="16m")
    web = bench.component(name)
    bench.engine.inside(name, "touch", "/tmp/eat")  # noqa: S108  in the container
    until("it has ended", lambda: not bench.control.container(name).running)
    if not bench.engine.state(name)["OOMKilled"]:
        pytest.skip("memory cgroups do not work here: Docker does not tell that memory ran out")
    assert "lack of memory" in bench.action.commit(web, bench.action.prepare(web))
    bench.healthy(web)


def test_created_anew_is_not_touched(bench: Bench) -> None:
    """What was prepared for one container is never done to another one of the same name."""
    name = bench.engine.run()
    web = bench.component(name)
    plan = bench.action.prepare(web)
    bench.engine.remove(name)
    with pytest.raises(Permanent, match="there is no container"):
        bench.action.commit(web, plan)
    bench.engine.run(name)
    life = bench.control.container(name)
    for act in (bench.action.commit, bench.action.rollback):
        with pytest.raises(Permanent, match="created anew by somebody else"):
            act(web, plan)
    assert bench.control.container(name) == life


def test_a_stop_grace_is_never_cut_short(bench: Bench) -> None:
    """A container that may take longer to stop than the action may last is refused before anything is done."""
    name = bench.engine.run()
    action = RestartContainer(
        containers={"docker": bench.control}, observe=bench.observe, timeout=timedelta(seconds=20)
    )
    with pytest.raises(Permanent, match="may take 10 s to stop"):
        action.prepare(bench.component(name))


def test_a_container_that_is_starting_is_left_alone(bench: Bench) -> None:
    """While its health check has not spoken yet there is nothing to heal."""
    name = bench.engine.run(script="rm -f /tmp/ok; while :; do sleep 0.1; done", healthcheck=CHECK | {"retries": 60})
    with pytest.raises(Permanent, match="has not spoken yet"):
        bench.action.prepare(bench.component(name))


def test_what_it_handles(bench: Bench) -> None:
    """A dead container, a person's wish, or a breaker's; neither a crash loop nor a container that is gone."""
    web = bench.component("web")
    handled = {kind for kind in TriggerType if bench.action.can_handle(a_trigger(kind), web)}
    reasons = {TriggerType.MANUAL, TriggerType.BREAKER_OPENED, TriggerType.BEHIND_ESCALATION}
    within = {TriggerType.MEMORY_HIGH, TriggerType.CHECK_FAILED, TriggerType.MOUNT_GONE}
    ahead = {TriggerType.MEMORY_PRESSURE, TriggerType.RESPONSE_RISING}
    assert handled == {TriggerType.CONTAINER_DOWN, *SUSPICIONS, *reasons, *within, *ahead}


def a_trigger(kind: TriggerType) -> Trigger:
    return Trigger(
        id=uuid7(),
        type=kind,
        component="web",
        source=Source.WATCHER,
        priority=Priority.CRITICAL,
        reason="the test says so",
        detected_at=NOON,
    )
