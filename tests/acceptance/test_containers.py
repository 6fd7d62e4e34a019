"""A watcher of real containers, in this process and without Prefect: what breaks is healed once, or left for a reason.

All containers are watched at the same time, by one watcher, from before the first fault to after the last.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from docker_fixtures import Dockerd, TestEngine
from estate_fixtures import until
from fakes import WIDE
from sqlalchemy import text
from uuid6 import uuid7

from selfheal.bootstrap import Estate, wire
from selfheal.model.observation import Health
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse

OK, EAT = "/tmp/ok", "/tmp/eat"  # noqa: S108  in the containers
NAMES = ("killed", "hung", "hungry", "renewed", "paused", "patient", "stopped", "frozen", "orphan")


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The estate under a running watcher.

    Attributes:
        engine: to break containers with.
        estate: wired as `selfheal up` does.
        containers: names of containers by component.
    """

    engine: TestEngine
    estate: Estate
    containers: dict[str, str]

    def attempts(self, component: str) -> list[tuple[str, str]]:
        """Status and message of each attempt, the first one first."""
        question = text(
            "SELECT status, coalesce(metadata ->> 'message', '') FROM healing_actions"
            " WHERE target_key = :target ORDER BY created_at"
        )
        with self.estate.engine.connect() as connection:
            rows = connection.execute(question, {"target": f"docker/{self.containers[component]}"})
            return [(row[0], row[1]) for row in rows]

    def refusals(self, component: str) -> list[tuple[str, str]]:
        question = text(
            "SELECT decision, reason FROM healing_triggers WHERE target_key = :target AND decision <> 'ADMITTED'"
        )
        with self.estate.engine.connect() as connection:
            rows = connection.execute(question, {"target": f"docker/{self.containers[component]}"})
            return [(row[0], row[1]) for row in rows]

    def health(self, component: str) -> Health:
        return self.estate.observer(self.estate.healer.components[component]).health

    def healed_once(self, component: str) -> str:
        """Wait for the one successful attempt; its message."""
        until(f"{component} is healed", lambda: [one for one, _ in self.attempts(component)] == ["SUCCESS"])
        assert self.health(component) is Health.HEALTHY
        return self.attempts(component)[0][1]


@pytest.fixture(scope="module")
def watched(session_engine: TestEngine, database_url: str) -> Iterator[Watched]:
    containers = {name: session_engine.run(checked=name != "killed", **_options(name)) for name in NAMES}
    containers["looping"] = session_engine.run(restart_policy={"Name": "always"})
    estate = wire(parse(settings(session_engine.url, containers), source="the test"), database_url=database_url)
    watched = Watched(engine=session_engine, estate=estate, containers=containers)
    until("all are healthy", lambda: all(watched.health(name) is Health.HEALTHY for name in containers))
    steps = plain_steps(estate.healer)
    watcher = estate.watcher(run_id=uuid7(), dispatch=lambda trigger: heal(steps, trigger), reconcile=lambda: None)
    thread = threading.Thread(target=watcher.run, name="the watcher")
    thread.start()
    try:
        yield watched
    finally:
        watcher.stop()
        thread.join()
        estate.close()
        session_engine.remove_all()


def _options(name: str) -> dict[str, Any]:
    """What Docker is told besides."""
    return {
        "hungry": {"mem_limit": "16m", "memswap_limit": "16m"},
        "patient": {"restart_policy": {"Name": "always"}},
    }.get(name, {})


def settings(url: str, containers: dict[str, str]) -> dict[str, Any]:
    component = {"probe": "container", "ladder": ["restart-container"], "healthy_delay": "500 ms"}
    return {
        "healing": WIDE | {"allow": sorted(containers)},
        "watching": {"sweep": "500 ms", "platform_grace": "3 s"},
        "docker": {"url": url, "timeout": "1 s"},
        "components": {name: component | {"container": container} for name, container in containers.items()},
    }


def test_a_killed_container_is_started(watched: Watched) -> None:
    """Nobody asked for its end, nothing else starts it again: it is started once."""
    watched.engine.kill(watched.containers["killed"])
    assert "it was EXITED" in watched.healed_once("killed")


def test_a_dead_application_in_a_running_container_is_restarted(watched: Watched) -> None:
    """The process is up and its health check fails: it is restarted once, and healed when healthy."""
    watched.engine.inside(watched.containers["hung"], "rm", OK)
    assert watched.healed_once("hung").startswith("restarted")


def test_an_end_for_lack_of_memory_is_healed_and_told(watched: Watched) -> None:
    """It is started again, and the record says that memory ran out."""
    watched.engine.inside(watched.containers["hungry"], "touch", EAT)
    said = watched.healed_once("hungry")
    if not watched.engine.own or "out of memory" not in said:
        pytest.skip(f"memory cgroups do not work here; healed all the same: {said}")
    assert "lack of memory" in said


def test_a_removed_container_is_left_to_a_person_and_its_successor_is_healed(watched: Watched) -> None:
    """None is created; one created anew with the same name is watched and healed like the first."""
    name = watched.containers["renewed"]
    watched.engine.remove(name)
    until("it is refused", lambda: watched.refusals("renewed") != [])
    assert watched.refusals("renewed")[0][0] == "NO_ACTION"
    assert "its container is gone" in watched.refusals("renewed")[0][1]
    watched.engine.run(name, checked=True)
    until("the new one is healthy", lambda: watched.health("renewed") is Health.HEALTHY)
    assert watched.attempts("renewed") == []
    until("the fault is over", lambda: not watched.estate.healer.store.has_open_fault(f"docker/{name}"))
    watched.engine.kill(name)
    watched.healed_once("renewed")


def test_a_paused_container_runs_again(watched: Watched) -> None:
    """One that stays paused is thawed and restarted."""
    watched.engine.client.containers.get(watched.containers["paused"]).pause()
    assert "it was paused" in watched.healed_once("paused")


def test_what_docker_restarts_itself_is_left_to_docker(watched: Watched) -> None:
    """Its restart policy starts it again and it becomes healthy: no attempt is made."""
    name = watched.containers["patient"]
    watched.engine.kill(name)
    until("Docker has restarted it", lambda: watched.engine.inspect(name)["RestartCount"] == 1)
    until("it is healthy again", lambda: watched.health("patient") is Health.HEALTHY)
    assert (watched.attempts("patient"), watched.refusals("patient")) == ([], [])


def test_a_crash_loop_is_not_restarted_once_more(watched: Watched) -> None:
    """Docker restarts it again and again without success: that is refused with its reason, and handed to a person."""
    name = watched.containers["looping"]

    def dies_at_once() -> bool:
        state = watched.engine.state(name)
        if state["Pid"]:
            with contextlib.suppress(ProcessLookupError):  # it has just died
                os.kill(state["Pid"], signal.SIGKILL)
        return watched.refusals("looping") != []

    until("it is refused", dies_at_once)
    assert {decision for decision, _ in watched.refusals("looping")} == {"NO_ACTION"}
    assert "again and again" in watched.refusals("looping")[0][1]
    assert watched.attempts("looping") == []
    assert watched.estate.healer.store.has_open_fault(f"docker/{name}")


def test_what_a_person_stopped_stays_stopped(watched: Watched) -> None:
    """`docker stop` is a decision: it is seen, and nothing is done."""
    name = watched.containers["stopped"]
    watched.engine.client.containers.get(name).stop()
    question = text("SELECT count(*) FROM health_history WHERE component = 'stopped' AND status = 'DOWN'")

    def seen_down() -> bool:
        with watched.estate.engine.connect() as connection:
            return int(connection.scalar(question) or 0) > 3

    until("several sweeps have seen it", seen_down)
    assert (watched.attempts("stopped"), watched.refusals("stopped")) == ([], [])
    assert not watched.engine.state(name)["Running"]


def test_while_dockerd_is_frozen_nothing_is_guessed(watched: Watched, own_dockerd: Dockerd) -> None:
    """A container that dies while the engine is frozen is unknown, untouched, and healed when it answers again."""
    pid = watched.engine.pid(watched.containers["frozen"])
    own_dockerd.freeze()
    os.kill(pid, signal.SIGKILL)
    until("nothing is known", lambda: watched.health("frozen") is Health.UNKNOWN)
    assert watched.attempts("frozen") == []
    own_dockerd.thaw()
    watched.healed_once("frozen")


def test_a_death_while_dockerd_was_dead_is_found(watched: Watched, own_dockerd: Dockerd) -> None:
    """Nobody tells of a death while the engine is down: it is found by listing when it is back, and healed."""
    pid = watched.engine.pid(watched.containers["orphan"])
    own_dockerd.kill()
    os.kill(pid, signal.SIGKILL)
    own_dockerd.start()
    watched.healed_once("orphan")
    others = {name: status for name in NAMES for status, _ in watched.attempts(name)[1:]}
    assert others == {}, "what was healthy all the time was not touched"
