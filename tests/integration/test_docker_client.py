"""The Docker client on a real engine: what it tells, what it does, and what it says when the engine does not answer."""

import threading
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from docker_fixtures import Dockerd, TestEngine
from estate_fixtures import until
from fakes import FakeBroker, FakeClock, FakeHttp

from selfheal.clients import docker_api
from selfheal.clients.docker import Docker
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import NotAllowed, Permanent, Transient
from selfheal.model.observation import Health
from selfheal.probes.observe import Observer
from selfheal.probes.table import probe_table

SOON = timedelta(seconds=20)


@pytest.fixture
def control(docker_engine: TestEngine) -> Docker:
    return Docker(url=docker_engine.url, timeout=timedelta(seconds=2))


def test_a_container_is_told_by_name(docker_engine: TestEngine, control: Docker) -> None:
    """One and all agree; a name that none has is REMOVED."""
    name = docker_engine.run()
    life = control.container(name)
    assert (life.state, life.running, life.pid) == ("RUNNING", True, docker_engine.pid(name))
    assert control.containers([name, "nobody"]) == {name: life, "nobody": control.container("nobody")}
    assert control.container("nobody").state == "REMOVED"
    assert control.containers()[name] == life


def test_what_containers_use_is_told_of_those_that_run(docker_engine: TestEngine, control: Docker) -> None:
    """Processor time that grows and memory within its limit; nothing of one that has ended, or that nobody knows."""
    running, ended = docker_engine.run(script="while true; do :; done"), docker_engine.run()
    docker_engine.client.containers.get(ended).kill()
    first = control.usages([running, ended, "nobody"])
    assert list(first) == [running]
    assert 0 < first[running].memory_bytes < first[running].memory_limit_bytes
    until("its processor time grows", lambda: control.usages([running])[running].cpu_s > first[running].cpu_s)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "-a", "a" * 129, "a b", "a\n", "\N{SNOWMAN}"])
def test_what_is_no_name_is_refused(name: str) -> None:
    """A name never reaches the engine unless it is one."""
    nowhere = Docker(url="unix:///nowhere")
    with pytest.raises(NotAllowed):
        nowhere.container(name)
    with pytest.raises(NotAllowed):
        nowhere.start(name, timeout=SOON)


def test_a_name_is_taken_literally(docker_engine: TestEngine, control: Docker) -> None:
    """A dot in a name is a dot."""
    name = docker_engine.run()
    docker_engine.run(f"{name}-x")
    assert control.container(f"{name[:-1]}.").state == "REMOVED"
    assert control.container(name).id != control.container(f"{name}-x").id


def test_every_start_is_another_life(docker_engine: TestEngine, control: Docker) -> None:
    """Restarted twice within a second, or created anew with the same name: never the same life."""
    name = docker_engine.run()
    lives = [control.container(name)]
    for _ in range(2):
        control.restart(lives[-1].id, timeout=SOON)
        lives.append(control.container(name))
    docker_engine.remove(name)
    docker_engine.run(name)
    lives.append(control.container(name))
    assert all(life.running for life in lives)
    assert not any(one.same_life(other) for i, one in enumerate(lives) for other in lives[:i])
    with pytest.raises(Permanent, match="no such container"):
        control.restart(lives[0].id, timeout=SOON)


def test_stop_start_pause(docker_engine: TestEngine, control: Docker) -> None:
    """Each call does what it says, and changes nothing a second time."""
    name = docker_engine.run()
    life = control.container(name)
    for _ in range(2):
        control.pause(life.id)
    assert control.container(name).state == "PAUSED"
    assert not control.container(name).can_answer
    for _ in range(2):
        control.unpause(life.id)
    for _ in range(2):
        control.stop(life.id, timeout=SOON)
    assert control.container(name).state == "STOPPED"
    for _ in range(2):
        control.start(life.id, timeout=SOON)
    assert control.container(name).running
    until("it has written twice", lambda: control.log_tail(life.id, lines=10) == "begun\nbegun\n")


def test_a_stop_on_request_is_told_from_a_death(docker_engine: TestEngine, control: Docker) -> None:
    """`docker stop` is a request, whatever the exit code; a kill by the kernel, by Docker or by itself is none."""
    stopped, deaf, killed, docker_killed = (docker_engine.run() for _ in range(4))
    ended = docker_engine.run(script="exit 0")
    deaf = docker_engine.run(script="trap '' TERM; while :; do sleep 0.1; done")
    for name in (stopped, deaf):
        docker_engine.client.containers.get(name).stop(timeout=1)
    docker_engine.kill(killed)
    docker_engine.client.containers.get(docker_killed).kill()
    until("all have ended", lambda: not any(life.running for life in control.containers([killed, ended]).values()))
    states = {name: life.state for name, life in control.containers().items()}
    assert {states[stopped], states[deaf]} == {"STOPPED"}
    assert {states[killed], states[docker_killed], states[ended]} == {"EXITED"}
    assert control.container(killed).note == "exit code 137"


def test_a_restart_policy_tells_a_request_without_any_event(docker_engine: TestEngine, own_dockerd: Dockerd) -> None:
    """What Docker would have started again was stopped on request, even when it has forgotten who asked."""
    name = docker_engine.run(restart_policy={"Name": "unless-stopped"})
    docker_engine.client.containers.get(name).stop()
    own_dockerd.kill()
    own_dockerd.start()
    assert Docker(url=docker_engine.url).container(name).state == "STOPPED"


def test_docker_restarts_it_by_itself(docker_engine: TestEngine, control: Docker) -> None:
    """A death under a restart policy is a new life; again and again it is a crash loop."""
    name = docker_engine.run(restart_policy={"Name": "always"})
    before = control.container(name)
    docker_engine.kill(name)
    until("Docker has restarted it", lambda: control.container(name).exact_start > before.exact_start)
    loop = docker_engine.run(script="exit 3", restart_policy={"Name": "always"})
    until("it is a crash loop", lambda: control.container(loop).state == "CRASH_LOOP")
    until("it says why", lambda: control.container(loop).note == "exit code 3")


def test_health_is_dockers_own(docker_engine: TestEngine, control: Docker) -> None:
    """Starting, healthy, unhealthy: as its health check says."""
    name = docker_engine.run(checked=True)
    assert control.container(name).health in {"starting", "healthy"}
    until("it is healthy", lambda: control.container(name).health == "healthy")
    docker_engine.inside(name, "rm", "/tmp/ok")  # noqa: S108  in the container
    until("it is unhealthy", lambda: control.container(name).health == "unhealthy")
    assert control.container(name).running


def test_out_of_memory_is_told(docker_engine: TestEngine, control: Docker) -> None:
    """A container that ate its memory says so."""
    name = docker_engine.run(mem_limit="16m", memswap_limit="16m")
    docker_engine.inside(name, "touch", "/tmp/eat")  # noqa: S108  in the container
    until("it has ended", lambda: not control.container(name).running)
    if not docker_engine.state(name)["OOMKilled"]:
        pytest.skip("memory cgroups do not work here: Docker does not tell that memory ran out")
    assert control.container(name).words == "container EXITED (out of memory, exit code 137)"


def test_evidence_holds_no_environment(docker_engine: TestEngine, control: Docker) -> None:
    """An inspection keeps what tells the failure, and neither environment nor arguments."""
    name = docker_engine.run(environment={"PGPASSWORD": "hunter2"})
    kept = control.inspect(control.container(name).id)
    assert kept["usage"]["memory"] > 0
    assert kept["stop_grace_s"] == 10
    assert "hunter2" not in str(kept)
    assert "tail" not in str(kept)


def test_the_stop_grace_is_the_containers_own(docker_engine: TestEngine, control: Docker) -> None:
    """A grace that it was created with is kept, and one that ignores TERM is killed after it."""
    name = docker_engine.run(script="trap '' TERM; while :; do sleep 0.1; done")
    short = docker_engine.client.api.create_container(
        "selfheal-test:1", ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], stop_timeout=1
    )["Id"]
    try:
        assert control.stop_grace(control.container(name).id) == timedelta(seconds=10)
        assert control.stop_grace(short) == timedelta(seconds=1)
        control.start(short, timeout=SOON)
        control.stop(short, timeout=SOON)
        assert docker_engine.client.api.inspect_container(short)["State"]["ExitCode"] == 137
    finally:
        docker_engine.client.api.remove_container(short, force=True)


def test_changes_name_the_container(docker_engine: TestEngine, control: Docker) -> None:
    """What happens after the subscription is told, until it is closed from another thread."""
    name = docker_engine.run()
    changes, told = control.changes(), []
    reader = threading.Thread(target=lambda: told.extend(changes), daemon=True)
    reader.start()
    docker_engine.kill(name)
    until("it is told", lambda: name in told)
    changes.close()
    reader.join(10)
    assert not reader.is_alive()


def test_an_engine_that_does_not_answer(docker_engine: TestEngine, own_dockerd: Dockerd) -> None:
    """Frozen, dead, or never there: every call ends in its time, in words; the stream ends silently."""
    control = Docker(url=docker_engine.url, timeout=timedelta(milliseconds=300))
    life = control.container(docker_engine.run())
    changes = control.changes()
    own_dockerd.freeze()
    with pytest.raises(Transient, match="did not answer"):
        control.container("any")
    with pytest.raises(Transient, match="did not answer"):
        control.restart(life.id, timeout=SOON)
    with pytest.raises(Transient, match="did not answer"):
        control.changes()
    own_dockerd.kill()
    assert list(changes) == []
    changes.close()
    with pytest.raises(Transient, match="no Docker engine answers"):
        control.container("any")
    own_dockerd.start()
    assert control.containers()[docker_engine.client.containers.list()[0].name].same_life(life)


@pytest.mark.usefixtures("campaign")
def test_what_a_killed_dockerd_checks_no_more_is_unchecked(docker_engine: TestEngine, own_dockerd: Dockerd) -> None:
    """Docker goes on calling it healthy; after a thaw it looks again, and what it says until then is no fault."""
    control, name = Docker(url=docker_engine.url), docker_engine.run(checked=True)
    life = control.container(name)
    until("it is healthy", lambda: control.container(name).health == "healthy")
    own_dockerd.kill()
    own_dockerd.start()
    until("nobody believes it any more", lambda: control.container(name).health == "unchecked", seconds=40)
    assert docker_engine.state(name)["Health"]["Status"] == "healthy"
    assert control.container(name).note.startswith("Docker has not checked it since ")
    assert control.container(name).same_life(life)
    web = Component(name="web", target=f"docker/{name}", probe=ProbeKind.CONTAINER, docker="docker", container=name)
    probes = probe_table(http=FakeHttp(200), broker=FakeBroker(1), clock=FakeClock())
    observe = Observer(controls={}, containers={"docker": control}, probes=probes, clock=FakeClock())
    assert observe(web).health is Health.UNKNOWN
    control.pause(life.id)
    control.unpause(life.id)
    said: list[str] = []
    until("it is checked again", lambda: said.append(control.container(name).health) or said[-1] == "healthy")
    assert "unhealthy" not in said


def test_the_engines_own_clock_counts(docker_engine: TestEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine whose clock is an hour behind ours is believed: both times of a comparison are its own."""
    control, name = Docker(url=docker_engine.url), docker_engine.run(checked=True)
    until("it is healthy", lambda: control.container(name).health == "healthy")
    ahead = datetime.now(UTC) + timedelta(hours=1)

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return ahead.astimezone(tz)

    monkeypatch.setattr(docker_api, "datetime", Ahead)
    assert control.container(name).health == "healthy"
