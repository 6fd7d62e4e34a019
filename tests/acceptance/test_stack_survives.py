"""What a night does to a running stack: its own parts are killed, and it heals all the same."""

import os
import signal
from collections.abc import Iterator

import psutil
import pytest
from stack_fixture import StackUnderTest, until
from stack_records import api, healed_after_kill, state_of, watcher

from benchmarks.freezing import frozen

pytestmark = pytest.mark.timeout(400)

WATCHER = "application-health"


@pytest.fixture(autouse=True)
def _well(stack: StackUnderTest) -> Iterator[None]:
    """Every test begins and leaves everything ready, watched and healthy."""
    until(lambda: stack.ready() and stack.healthy(), seconds=180, told=lambda: stack.asked("status").out)
    yield
    until(lambda: stack.ready() and stack.healthy(), seconds=180, told=lambda: stack.asked("status").out)


@pytest.mark.parametrize("part", ["postgres", "nats", "prefect", "worker"])
def test_a_killed_part_comes_back_and_heals_go_on(stack: StackUnderTest, part: str) -> None:
    """After kill -9 a part is started again by itself, everything is watched again, and a fault is healed."""
    killed, watched = stack.part(part), watcher(stack)
    os.kill(killed, signal.SIGKILL)
    until(lambda: stack.part(part) not in {0, killed} and stack.ready(), seconds=180, told=stack.said)
    until(lambda: stack.asked("status").code == 0, seconds=120, told=lambda: stack.asked("status").out)
    healed_after_kill(stack, "host-listener")
    if part == "worker":  # its flow runs died with it, without a word to Prefect: reconcile ends them there
        until(lambda: state_of(stack, watched.run_id)[0] == "CRASHED", seconds=60, told=lambda: str(watched))


def test_a_service_killed_while_prefect_is_down_is_healed_and_recorded(stack: StackUnderTest) -> None:
    """With the Prefect server frozen, which is worse than dead, the watcher heals directly, and records it."""
    server = stack.part("prefect")
    with frozen(server):
        healed_after_kill(stack, "orchestrator")
        assert psutil.Process(server).status() == psutil.STATUS_STOPPED


def test_a_killed_watcher_is_replaced_and_its_run_does_not_stay_running(stack: StackUnderTest) -> None:
    """After kill -9 of the watcher's process another run watches, and the dead run ends as Crashed in Prefect."""
    dead = watcher(stack)
    os.kill(dead.pid, signal.SIGKILL)
    until(lambda: watcher(stack).run_id != dead.run_id, seconds=120, told=lambda: stack.asked("status").out)
    until(lambda: state_of(stack, dead.run_id)[0] == "CRASHED", seconds=60, told=lambda: str(dead))
    healed_after_kill(stack, "frontend")


def test_a_frozen_watcher_is_replaced(stack: StackUnderTest) -> None:
    """With the watcher frozen, which nothing reports to Prefect, another run watches and heals."""
    old = watcher(stack)
    with frozen(old.pid):
        until(lambda: watcher(stack).run_id != old.run_id, seconds=120, told=lambda: stack.asked("status").out)
        healed_after_kill(stack, "consumer")
    until(lambda: state_of(stack, old.run_id) == ("COMPLETED", "HandedOver"), seconds=60, told=lambda: str(old))


def test_the_next_run_takes_over_without_a_gap(stack: StackUnderTest) -> None:
    """A new run begins to watch before the old one ends; the old one ends as HandedOver; a fault heals once."""
    old = watcher(stack)
    with api(stack) as client:
        deployment = client.get(f"/deployments/name/{WATCHER}/{WATCHER}").raise_for_status().json()["id"]
        client.post(f"/deployments/{deployment}/create_flow_run", json={}).raise_for_status()
    until(lambda: watcher(stack).run_id != old.run_id, seconds=90, told=lambda: stack.asked("status").out)
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
