"""Nights that are worse than a killed part, one after the other on one whole stack; only with `--campaign`.

The stack's data folder is a small disk of its own, and one component of its estate is only observed.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from stack_fixture import StackUnderTest, below, estate_running, living, stack_running, until
from stack_records import api, attempts, forget_attempts, healed_after_kill, rows, watcher

from benchmarks.freezing import freeze, frozen
from console import demo_estate
from deployments import attach

pytestmark = pytest.mark.timeout(900)

DISK = "1g"
OBSERVED = "frontend"
STATUS_SECONDS = 30
ENDURED_S = 45.0
"""How long a night lasts: six failed probes (30 s) end a part that seems frozen."""
FRUITLESS = 3
PARTS = ("postgres", "nats", "prefect", "worker")
BLOCK = b"x" * 64 * 1024


@contextmanager
def small_disk() -> Iterator[Path]:
    """A data folder on a disk that can be filled."""
    with tempfile.TemporaryDirectory(prefix="selfheal-night-") as name:
        folder = Path(name)
        mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", name]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("a small disk can only be made by root with the right to mount")
        try:
            folder.chmod(0o711)
            yield folder
        finally:
            subprocess.run(["/bin/umount", name], check=True)


def campaign_only(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--campaign"):
        pytest.skip("the bad nights take minutes: `make campaign`")


@pytest.fixture(scope="module")
def night(request: pytest.FixtureRequest) -> Iterator[StackUnderTest]:
    """A stack of its own."""
    campaign_only(request)
    with ExitStack() as closing:
        data = closing.enter_context(small_disk())
        estate, config = closing.enter_context(estate_running(data))
        config.write_text(config.read_text(encoding="utf-8").replace(f'"{OBSERVED}", ', ""), encoding="utf-8")
        yield closing.enter_context(stack_running(data, estate, config))


@pytest.fixture(scope="module")
def afterwards() -> Iterator[ExitStack]:
    """What is undone when all nights are over."""
    with ExitStack() as closing:
        yield closing


@pytest.fixture
def well(night: StackUnderTest) -> Iterator[StackUnderTest]:
    """Before and after a night all is ready, watched and healthy, and no traceback is on the console."""

    def all_well() -> bool:
        return night.ready() and night.healthy()

    until(all_well, seconds=240, told=lambda: night.selfheal("status").out)
    yield night
    until(all_well, seconds=240, told=lambda: night.selfheal("status").out)
    assert "Traceback" not in night.said()


def status(stack: StackUnderTest) -> str:
    """What `status` says of a bad night: in bounded time and in words."""
    answer = stack.selfheal("status", timeout=STATUS_SECONDS)
    assert answer.code == 1, answer.out
    assert "Traceback" not in answer.out + answer.err
    return answer.out + answer.err


def runs(stack: StackUnderTest) -> int:
    """Flow runs of healing-dispatch that Prefect knows."""
    with api(stack) as client:
        body = {"flows": {"name": {"any_": ["healing-dispatch"]}}}
        return int(client.post("/flow_runs/count", json=body).raise_for_status().json())


def refusals(stack: StackUnderTest, component: str) -> list[Any]:
    """What was refused about a component, equal ones in one row."""
    return rows(stack, "SELECT decision, occurrences FROM healing_triggers WHERE component = %s", component)


def supervisord(stack: StackUnderTest) -> psutil.Process:
    """The estate's."""
    mark = str(stack.estate.folder / "supervisord.conf")
    (found,) = [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or ())]
    return found


def endure() -> None:
    """Let the night last: what must *not* happen has no condition to wait for."""
    time.sleep(ENDURED_S)


def test_what_is_only_observed_costs_no_flow_run(well: StackUnderTest) -> None:
    """A dead component that is not on the allow-list is told and refused once, without a flow run and an act."""
    before, starts = runs(well), well.estate.spawns(OBSERVED)
    well.faults.kill(OBSERVED)
    until(lambda: bool(refusals(well, OBSERVED)))
    assert OBSERVED in status(well)
    endure()
    assert [(one.decision, one.occurrences) for one in refusals(well, OBSERVED)] == [("NOT_ALLOWED", 1)]
    assert (runs(well), attempts(well, OBSERVED), well.estate.spawns(OBSERVED)) == (before, [], starts)
    well.estate.control().start(OBSERVED, timeout=timedelta(seconds=10))


def test_a_frozen_supervisord_is_a_state_and_no_storm_of_attempts(well: StackUnderTest) -> None:
    """While the keeper is frozen few attempts are made and none succeeds; once it goes on, the service is healed."""
    forget_attempts(well, "backend")
    before, starts, keeper = len(attempts(well, "backend")), well.estate.spawns("backend"), supervisord(well)
    well.faults.hang("backend")
    with frozen(keeper.pid):
        until(lambda: not well.healthy())
        endure()
        assert len(attempts(well, "backend")) - before <= FRUITLESS
        assert well.estate.spawns("backend") == starts
        status(well)
    forget_attempts(well, "backend")
    until(well.healthy, seconds=240, told=lambda: well.selfheal("history").out)
    assert well.estate.spawns("backend") == starts + 1


def test_a_gone_supervisord_is_told_and_what_it_ran_is_watched_again(
    well: StackUnderTest, afterwards: ExitStack
) -> None:
    """With the keeper killed nothing can be healed: that is said, attempts stay few, and it ends by itself."""
    before = {name: len(attempts(well, name)) for name in ("backend", "orchestrator")}
    supervisord(well).kill()
    until(lambda: not well.healthy())
    endure()
    endure()
    status(well)
    assert all(len(attempts(well, name)) - count <= FRUITLESS for name, count in before.items())
    again = demo_estate.part(well.estate, well.data).start()
    afterwards.callback(again.wait)
    afterwards.callback(again.terminate)


def test_a_full_postgres_is_not_killed_and_nothing_is_lost(well: StackUnderTest) -> None:
    """With every connection taken Postgres lives on; what breaks meanwhile is healed once, at the latest afterwards."""
    forget_attempts(well, "host-listener")
    server, starts = well.part("postgres"), well.estate.spawns("host-listener")
    before = len(attempts(well, "host-listener"))
    with every_connection(well):
        well.faults.kill("host-listener")
        endure()
        answer = well.selfheal("status", timeout=STATUS_SECONDS)
        assert "Traceback" not in answer.out + answer.err
        assert well.part("postgres") == server
    until(well.healthy, seconds=240, told=lambda: well.selfheal("history").out)
    made = attempts(well, "host-listener")[: -before or None]
    assert [(one.status, one.verification) for one in made] == [("SUCCESS", "HEALED")]
    assert well.estate.spawns("host-listener") == starts + 1


@contextmanager
def every_connection(stack: StackUnderTest) -> Iterator[None]:
    """Take every connection that Postgres has left, the superuser's too, and each that becomes free."""
    server = attach.servers(stack.data).postgres
    with ExitStack() as closing:
        try:
            while True:
                closing.enter_context(psycopg.connect(server.superuser_dsn(), autocommit=True))
        except psycopg.OperationalError as error:
            assert "too many clients" in str(error)  # noqa: PT017 - the loop ends in no other way
        yield


def test_a_full_disk_prints_no_traceback_and_heals_go_on_afterwards(well: StackUnderTest) -> None:
    """On a full disk the states of the parts tell it; once there is room, everything comes back and heals."""
    forget_attempts(well, "consumer")
    filler = well.data / "filler"
    with filler.open("wb") as file, ExitStack() as freeing:
        freeing.callback(filler.unlink)
        try:
            while True:
                file.write(BLOCK)
                file.flush()
        except OSError as error:
            assert "No space left" in str(error)  # noqa: PT017 - the loop ends in no other way
        well.faults.kill("consumer")
        endure()
        answer = well.selfheal("status", timeout=STATUS_SECONDS)
        assert "Traceback" not in answer.out + answer.err + well.said()
    until(lambda: well.ready() and well.healthy(), seconds=300, told=lambda: well.selfheal("status").out)
    healed_after_kill(well, "orchestrator")


@pytest.mark.parametrize("signal_", [signal.SIGSTOP, signal.SIGKILL], ids=["frozen", "killed"])
def test_a_bad_broker_is_restarted_once(well: StackUnderTest, signal_: signal.Signals) -> None:
    """A broker that refuses, or accepts and answers nothing, is restarted by exactly one attempt."""
    forget_attempts(well, "broker")
    before, starts = len(attempts(well, "broker")), well.estate.spawns("broker")
    os.kill(well.estate.control().process("broker").pid, signal_)
    until(lambda: len(attempts(well, "broker")) > before, told=lambda: well.selfheal("status").out)
    until(well.healthy, told=lambda: well.selfheal("status").out)
    assert len(attempts(well, "broker")) == before + 1
    assert well.estate.spawns("broker") == starts + 1


@pytest.mark.parametrize("part", ["nats", "worker", "postgres"])
def test_a_frozen_part_is_replaced(well: StackUnderTest, part: str) -> None:
    """A part of the stack that is frozen and not dead is ended and started again, and heals go on."""
    before = well.part(part)
    freeze(before)
    until(lambda: well.part(part) not in {0, before} and well.ready(), seconds=240, told=well.said)
    until(well.healthy, seconds=120, told=lambda: well.selfheal("status").out)
    healed_after_kill(well, "orchestrator")


def test_a_watcher_killed_after_the_prefect_server_was_started_anew_is_replaced(well: StackUnderTest) -> None:
    """The server that saw the watcher begin is gone, so that the new one's automation waits; another run watches."""
    dead, killed = watcher(well), well.part("prefect")
    os.kill(killed, signal.SIGKILL)
    until(lambda: well.part("prefect") not in {0, killed} and well.ready(), seconds=180, told=well.said)
    assert watcher(well) == dead
    os.kill(dead.pid, signal.SIGKILL)
    until(lambda: watcher(well).run_id != dead.run_id, seconds=150, told=lambda: well.selfheal("status").out)
    healed_after_kill(well, "host-listener")


def test_nothing_outlives_a_killed_guardian(request: pytest.FixtureRequest) -> None:
    """After kill -9 of `selfheal up` no process of the stack is left, and `up` starts again in the same folder."""
    campaign_only(request)
    with ExitStack() as closing:
        data = closing.enter_context(small_disk())
        estate, config = closing.enter_context(estate_running(data))
        with stack_running(data, estate, config, code=-signal.SIGKILL) as killed:
            started = below(killed.up.pid)
            assert len(started) > len(PARTS)
            killed.up.kill()
            _, left = psutil.wait_procs(started, timeout=30)
            assert not living(left), f"left running: {left}"
        healed_after_kill(closing.enter_context(stack_running(data, estate, config)), "orchestrator")
