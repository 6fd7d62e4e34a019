"""What a night does to a running stack: its own parts are killed, and it heals all the same."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import httpx
import psutil
import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import namedtuple_row
from stack_fixture import StackUnderTest, until

from deployments import attach

pytestmark = pytest.mark.timeout(400)

WATCHER = "application-health"


@pytest.fixture(autouse=True)
def _well(stack: StackUnderTest) -> Iterator[None]:
    """Every test begins and leaves everything ready, watched and healthy."""
    until(lambda: stack.ready() and stack.healthy(), seconds=180, told=lambda: stack.selfheal("status").out)
    yield
    until(lambda: stack.ready() and stack.healthy(), seconds=180, told=lambda: stack.selfheal("status").out)


@contextmanager
def superuser(stack: StackUnderTest) -> Iterator[Connection[Any]]:
    """The stack's own database, with every right."""
    secret = json.loads((stack.data / "credentials.json").read_text())["postgres_superuser"]
    dsn = attach.servers(stack.data).postgres.dsn(user="postgres", password=secret, database="selfheal")
    with psycopg.connect(dsn, autocommit=True, row_factory=namedtuple_row) as connection:
        yield connection


def rows(stack: StackUnderTest, sql: LiteralString, *values: Any) -> list[Any]:
    """What the database says."""
    with superuser(stack) as connection:
        return connection.execute(sql, values).fetchall()


def attempts(stack: StackUnderTest, component: str) -> list[Any]:
    """The component's attempts, newest first."""
    return rows(
        stack,
        "SELECT id, status, verification FROM healing_actions WHERE target_component = %s ORDER BY created_at DESC",
        component,
    )


def watcher(stack: StackUnderTest) -> Any:
    """Which run watches, and in which process."""
    (row,) = rows(stack, "SELECT run_id, (holder ->> 'pid')::int AS pid FROM watch_epoch")
    return row


def forget_attempts(stack: StackUnderTest, component: str) -> None:
    """Let the component's earlier heals be long past, so that no cool-down of another test stands in the way."""
    with superuser(stack) as connection:
        connection.execute(
            "UPDATE healing_actions SET completed_at = completed_at - interval '2 days' WHERE target_component = %s",
            [component],
        )


def healed_after_kill(stack: StackUnderTest, component: str) -> None:
    """Kill a service and wait until exactly one new attempt has healed it."""
    forget_attempts(stack, component)
    before, starts = len(attempts(stack, component)), stack.estate.spawns(component)
    stack.faults.kill(component)

    def healed() -> bool:
        found = attempts(stack, component)
        return len(found) == before + 1 and (found[0].status, found[0].verification) == ("SUCCESS", "HEALED")

    until(healed, seconds=120, told=lambda: stack.selfheal("status").out + stack.selfheal("history").out)
    assert stack.estate.spawns(component) == starts + 1


def api(stack: StackUnderTest) -> httpx.Client:
    """Prefect's API."""
    running = attach.running(stack.data)
    assert running is not None
    return httpx.Client(base_url=running.urls["prefect"] + "/api", timeout=30, trust_env=False)


def state_of(stack: StackUnderTest, run_id: Any) -> tuple[str, str]:
    """Type and name of a flow run's state."""
    with api(stack) as client:
        state = client.get(f"/flow_runs/{run_id}").raise_for_status().json()["state"]
    return state["type"], state["name"]


@pytest.mark.parametrize("part", ["postgres", "nats", "prefect", "worker"])
def test_a_killed_part_comes_back_and_heals_go_on(stack: StackUnderTest, part: str) -> None:
    """After kill -9 a part is started again by itself, everything is watched again, and a fault is healed."""
    killed, watched = stack.part(part), watcher(stack)
    os.kill(killed, signal.SIGKILL)
    until(lambda: stack.part(part) not in {0, killed} and stack.ready(), seconds=180, told=stack.said)
    until(lambda: stack.selfheal("status").code == 0, seconds=120, told=lambda: stack.selfheal("status").out)
    healed_after_kill(stack, "host-listener")
    if part == "worker":  # its flow runs died with it, without a word to Prefect: reconcile ends them there
        until(lambda: state_of(stack, watched.run_id)[0] == "CRASHED", seconds=60, told=lambda: str(watched))


def test_a_service_killed_while_prefect_is_down_is_healed_and_recorded(stack: StackUnderTest) -> None:
    """With the Prefect server frozen, which is worse than dead, the watcher heals directly, and records it."""
    server = stack.part("prefect")
    os.kill(server, signal.SIGSTOP)
    try:
        healed_after_kill(stack, "orchestrator")
        assert psutil.Process(server).status() == psutil.STATUS_STOPPED
    finally:
        os.kill(server, signal.SIGCONT)


def test_a_killed_watcher_is_replaced_and_its_run_does_not_stay_running(stack: StackUnderTest) -> None:
    """After kill -9 of the watcher's process another run watches, and the dead run ends as Crashed in Prefect."""
    dead = watcher(stack)
    os.kill(dead.pid, signal.SIGKILL)
    until(lambda: watcher(stack).run_id != dead.run_id, seconds=120, told=lambda: stack.selfheal("status").out)
    until(lambda: state_of(stack, dead.run_id)[0] == "CRASHED", seconds=60, told=lambda: str(dead))
    healed_after_kill(stack, "frontend")


def test_the_next_run_takes_over_without_a_gap(stack: StackUnderTest) -> None:
    """A new run begins to watch before the old one ends; the old one ends as HandedOver; a fault heals once."""
    old = watcher(stack)
    with api(stack) as client:
        deployment = client.get(f"/deployments/name/{WATCHER}/{WATCHER}").raise_for_status().json()["id"]
        client.post(f"/deployments/{deployment}/create_flow_run", json={}).raise_for_status()
    until(lambda: watcher(stack).run_id != old.run_id, seconds=90, told=lambda: stack.selfheal("status").out)
    assert psutil.pid_exists(old.pid)  # it drains and ends only after its successor has begun
    healed_after_kill(stack, "backend")
    until(lambda: state_of(stack, old.run_id) == ("COMPLETED", "HandedOver"), seconds=60, told=lambda: str(old))


def test_scheduled_runs_appear_and_finish(stack: StackUnderTest) -> None:
    """The scheduler has laid out future runs of both schedules, and a reconcile run has finished."""
    with api(stack) as client:

        def count(deployment: str, state: str) -> int:
            body = {
                "deployments": {"name": {"any_": [deployment]}},
                "flow_runs": {"state": {"type": {"any_": [state]}}},
            }
            return int(client.post("/flow_runs/count", json=body).raise_for_status().json())

        until(lambda: count(WATCHER, "SCHEDULED") > 0 and count("reconcile", "SCHEDULED") > 0, told=stack.said)
        until(lambda: count("reconcile", "COMPLETED") > 0, told=stack.said)
