"""What the eight log patterns tell of, made for real: suspected by a log, seen by a look, healed once, seen again.

A log line becomes a trigger of type LOG_ERROR for the component that it suspects; here the trigger is made by hand. In
a healthy estate the same trigger is refused, and nothing is touched. The database is in test_restart_database.py.
"""

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import suspect_programs
from docker_fixtures import TestEngine
from estate_fixtures import until
from sqlalchemy import Engine, text
from suspect_programs import LIMIT_MIB, Programs
from uuid6 import uuid7

from benchmarks.free_ports import free_ports
from deployments.demo.estate import Estate as DemoEstate
from deployments.demo.faults import Faults
from selfheal.bootstrap import Estate, wire
from selfheal.model.admission import Decision
from selfheal.model.attempt import Status, Verification
from selfheal.model.errors import TargetChanged
from selfheal.model.observation import Health
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse

PG, INSTALLS, EAT = "/tmp/pg", "/tmp/installs", "/tmp/eat"  # noqa: S108  in the containers
QUICK = {"probe_timeout": "5 s", "start_timeout": "20 s", "healthy_delay": "200 ms"}
SOON = timedelta(seconds=10)
IDLE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
NO_MODULE = """
trap 'exit 0' TERM
while :; do [ -e /tmp/pg ] || echo "Error: Cannot find module 'pg'" >&2; sleep 0.2; done
"""
EATS = """
rm -f /tmp/eat; trap 'exit 0' TERM
while [ ! -e /tmp/eat ]; do sleep 0.1; done
exec tail /dev/zero
"""


class Clinic:
    """An estate of what one test describes, healed by the whole protocol on a real database."""

    def __init__(self, database_url: str, values: Mapping[str, Any]) -> None:
        components = values["components"]
        for one in components.values():
            one.update(QUICK | one)
        allow = {"healing": {"allow": list(components), "cooldown": "1 ms", "flap": "1 ms"}}
        self.estate: Estate = wire(parse({**allow, **values}, source="the test"), database_url=database_url)
        self.healer = self.estate.healer

    def seen(self, name: str) -> Health:
        return self.estate.observer(self.healer.components[name]).health

    def is_seen(self, name: str, health: Health) -> None:
        until(f"{name} is {health}", lambda: self.seen(name) is health)

    def suspect(self, name: str) -> Result:
        """As the log-monitor does."""
        trigger = Trigger(
            id=uuid7(),
            type=TriggerType.LOG_ERROR,
            component=name,
            source=Source.LOG_MONITOR,
            priority=Priority.MEDIUM,
            reason="a log says so",
            detected_at=datetime.now(UTC),
        )
        return heal(plain_steps(self.healer), trigger)

    def healed(self, name: str, action: str) -> Result:
        """Suspected while it is sick, it is healed by this action."""
        self.is_seen(name, Health.SICK)
        result = self.suspect(name)
        assert result.outcome is not None, result.answer
        assert (result.name, result.outcome.verification) == ("Healed", Verification.HEALED), result.message
        assert self.rows() == [(action, "SUCCESS")]
        assert self.seen(name) is Health.HEALTHY
        return result

    def forged(self, name: str, effects: Callable[[], object]) -> None:
        """Suspected while it is well, nothing is done to it."""
        self.is_seen(name, Health.HEALTHY)
        before, rows = effects(), self.rows()
        assert self.suspect(name).answer.decision is Decision.ALREADY_HEALTHY
        assert (effects(), self.rows()) == (before, rows)

    def rows(self) -> list[tuple[str, str]]:
        asked = "SELECT action_name, status FROM healing_actions WHERE fault_id IS NOT NULL ORDER BY id"
        return [(row.action_name, row.status) for row in self.all(asked)]

    def all(self, statement: str) -> list[Any]:
        with self.estate.engine.begin() as connection:
            return list(connection.execute(text(statement)))

    def close(self) -> None:
        self.estate.close()


MakeClinic = Callable[..., Clinic]


@pytest.fixture
def clinic(empty: Engine, database_url: str) -> Iterator[MakeClinic]:
    """Makes the test's estate on an empty database."""
    made: list[Clinic] = []

    def make(values: Mapping[str, Any] | None = None, /, **components: Mapping[str, Any]) -> Clinic:
        described = {name.replace("_", "-"): dict(one) for name, one in components.items()}
        made.append(Clinic(database_url, {**(values or {}), "components": described}))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def all_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """The module's supervisord; tests ask for `programs`."""
    (port,) = free_ports(1)
    with suspect_programs.running(tmp_path_factory.mktemp("programs"), port) as programs:
        until("supervisord answers", lambda: bool(programs.control().processes()))
        yield programs


@pytest.fixture
def programs(all_programs: Programs) -> Programs:
    """The same."""
    return all_programs


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder with the request file, as a container mounts it."""
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "OWNER_REQUESTS.md").write_text("### REQ-1: one\n")
    return folder


def test_a_request_file_that_is_gone_comes_back_from_its_copy(clinic: MakeClinic, shared: Path, tmp_path: Path) -> None:
    """`OWNER_REQUESTS.md not found`: put back as it was, and recorded as a change of ours."""
    path = shared / "OWNER_REQUESTS.md"
    one = clinic(
        file={"probe": "path", "path": str(path), "copies": str(tmp_path / "copies"), "ladder": ["verify-mount"]}
    )
    one.forged("file", lambda: (path.stat().st_ino, path.stat().st_mtime_ns))
    path.unlink()
    one.healed("file", "verify-mount")
    assert path.read_text() == "### REQ-1: one\n"
    assert [tuple(row) for row in one.all("SELECT kind, state FROM file_changes")] == [("RESTORE", "DONE")]


def test_a_stale_mount_of_a_container_is_made_anew(clinic: MakeClinic, docker_engine: TestEngine, shared: Path) -> None:
    """`OWNER_REQUESTS.md not found`: the folder was replaced on the host, so the container sees one that is dead."""
    name = docker_engine.run(script=IDLE, volumes={str(shared): {"bind": "/app/shared", "mode": "ro"}})
    mount = {"probe": "path", "container": name, "path": "/app/shared/OWNER_REQUESTS.md", "mounted": True}
    one = clinic(docker(docker_engine), mount=mount | {"ladder": ["verify-mount", "restart-container"]})
    one.forged("mount", lambda: docker_engine.state(name)["StartedAt"])
    shutil.rmtree(shared)
    shared.mkdir()
    (shared / "OWNER_REQUESTS.md").write_text("### REQ-1: one\n")
    started = docker_engine.state(name)["StartedAt"]
    assert "restarted" in one.healed("mount", "verify-mount").message
    assert docker_engine.state(name)["StartedAt"] > started
    assert docker_engine.state(name)["ExitCode"] == 0, "it was asked to stop, not killed"


def test_missing_packages_are_installed(clinic: MakeClinic, docker_engine: TestEngine) -> None:
    """`Cannot find module`: the command of the settings, once, in the container that goes on living."""
    name = docker_engine.run(script=NO_MODULE)
    modules = {
        "probe": "command",
        "container": name,
        "command": ["test", "-e", PG],
        "install": {"command": ["sh", "-c", "echo added 1 package; echo x >> /tmp/installs; touch /tmp/pg"]},
        "ladder": ["install-packages"],
        "watched": False,
    }
    asks = clinic(docker(docker_engine), modules=modules)
    assert asks.suspect("modules").answer.decision is Decision.AWAITING_APPROVAL
    assert docker_engine.client.containers.get(name).exec_run(["test", "-e", INSTALLS]).exit_code == 1
    acts = clinic(docker(docker_engine) | {"actions": {"install-packages": {"mode": "auto"}}}, modules=modules)
    life = docker_engine.state(name)["StartedAt"]
    assert "added 1 package" in acts.healed("modules", "install-packages").message

    def installs() -> bytes:
        said: bytes = docker_engine.client.containers.get(name).exec_run(["tail", INSTALLS]).output
        return said

    assert (installs(), docker_engine.state(name)["StartedAt"]) == (b"x\n", life)
    acts.forged("modules", installs)


def test_the_log_monitor_suspects_and_a_look_decides(
    campaign: None, clinic: MakeClinic, docker_engine: TestEngine
) -> None:
    """The whole way: the container writes it, five times, and its packages are installed; then its log is quiet."""
    name = docker_engine.run(script=NO_MODULE)
    source = {"component": "app", "from_start": True, "suspects": {"module-missing": "modules"}}
    one = clinic(
        docker(docker_engine)
        | {"actions": {"install-packages": {"mode": "auto"}}, "log_monitor": {"sources": {"app": source}}},
        app={"probe": "container", "container": name},
        modules={
            "probe": "command",
            "container": name,
            "command": ["test", "-e", PG],
            "install": {"command": ["touch", PG]},
            "ladder": ["install-packages"],
            "watched": False,
        },
    )
    watcher = one.estate.log_watcher(run_id=uuid7(), dispatch=lambda found: heal(plain_steps(one.healer), found))
    run = threading.Thread(target=watcher.run)
    run.start()
    try:
        until("it is healed", lambda: one.rows() == [("install-packages", "SUCCESS")])
    finally:
        watcher.stop()
        run.join(SOON.total_seconds() * 2)
    assert not run.is_alive()
    (row,) = one.all("SELECT trigger_type, source FROM healing_triggers WHERE decision = 'ADMITTED'")
    assert tuple(row) == ("LOG_ERROR", "log-monitor")


def test_what_was_restarted_meanwhile_is_not_touched(
    campaign: None, clinic: MakeClinic, docker_engine: TestEngine
) -> None:
    """Between the look and the act somebody else restarts the container: nothing is run, sent or restarted."""
    name = docker_engine.run(script=NO_MODULE)
    modules = {
        "probe": "command",
        "container": name,
        "command": ["test", "-e", PG],
        "install": {"command": ["touch", INSTALLS]},
        "collect": {"command": ["touch", INSTALLS]},
        "ladder": ["install-packages"],
    }
    one = clinic(docker(docker_engine), modules=modules)
    component = one.healer.components["modules"]
    for action in (one.healer.actions.get("install-packages"), one.healer.actions.get("collect-garbage")):
        plan = action.prepare(component)
        docker_engine.client.containers.get(name).restart()
        with pytest.raises(TargetChanged):
            action.commit(component, plan)
    assert docker_engine.client.containers.get(name).exec_run(["test", "-e", INSTALLS]).exit_code == 1


def test_a_container_that_the_kernel_killed_is_started(
    campaign: None, clinic: MakeClinic, docker_engine: TestEngine
) -> None:
    """`out of memory`: killed for lack of memory for real; started, and told that it will come again."""
    name = docker_engine.run(script=EATS, mem_limit="16m", memswap_limit="16m")
    one = clinic(
        docker(docker_engine),
        backend={"probe": "container", "container": name, "ladder": ["restart-container", "investigate"]},
    )
    one.forged("backend", lambda: docker_engine.state(name)["StartedAt"])
    docker_engine.inside(name, "touch", EAT)
    one.is_seen("backend", Health.SICK)
    if not docker_engine.state(name)["OOMKilled"]:
        pytest.skip("memory cgroups do not work here: Docker does not tell that memory ran out")
    assert "lack of memory" in one.healed("backend", "restart-container").message


def test_a_full_heap_is_collected(clinic: MakeClinic, programs: Programs) -> None:
    """`JavaScript heap`: the process gets its signal once, gives its memory back and is the same process."""
    control = programs.control()
    control.stop("heap", timeout=SOON)
    control.start("heap", timeout=SOON)
    until("it holds much", lambda: programs.noted("heap") > 0)
    collected, spawns = programs.noted("collected"), programs.spawns("heap")
    one = clinic(
        {"supervisors": {"own": programs.supervisor}},
        heap={
            "probe": "memory",
            "supervisor": "own",
            "program": "heap",
            "memory": {"mib": LIMIT_MIB},
            "collect": {"signal": "SIGUSR1"},
            "ladder": ["collect-garbage", "restart-service"],
        },
    )
    pid = control.process("heap").pid
    assert "sent SIGUSR1" in one.healed("heap", "collect-garbage").message
    assert (control.process("heap").pid, programs.noted("collected")) == (pid, collected + 1)
    one.forged("heap", lambda: (programs.noted("collected"), programs.spawns("heap")))
    assert programs.spawns("heap") == spawns


def test_a_heap_that_nobody_collects_is_restarted(campaign: None, clinic: MakeClinic, programs: Programs) -> None:
    """A signal by which the process would end is not sent, and the next rung of the ladder comes at once."""
    control = programs.control()
    control.stop("heap", timeout=SOON)
    control.start("heap", timeout=SOON)
    until("it holds much", lambda: programs.noted("heap") > 0)
    one = clinic(
        {"supervisors": {"own": programs.supervisor}, "healing": {"allow": ["heap"]}},
        heap={
            "probe": "memory",
            "supervisor": "own",
            "program": "heap",
            "memory": {"mib": 1},
            "collect": {"signal": "SIGUSR2"},
            "ladder": ["collect-garbage", "restart-service"],
            "start_timeout": "1 s",
        },
    )
    assert "would end by it" in one.suspect("heap").message
    pid = control.process("heap").pid
    assert pid, "nothing was sent"
    result = one.suspect("heap")
    assert result.outcome is not None, result.answer
    assert [action for action, _ in one.rows()] == ["collect-garbage", "restart-service"]
    assert control.process("heap").pid != pid


def test_a_program_that_is_missing_goes_to_a_person(clinic: MakeClinic, docker_engine: TestEngine) -> None:
    """`spawn git ENOENT`: the look confirms it, the evidence is kept, nothing is touched, a person is told at once."""
    name = docker_engine.run(script="echo 'Error: spawn git ENOENT' >&2; " + IDLE)
    git = {"probe": "command", "container": name, "ladder": ["investigate"], "watched": False}
    one = clinic(
        docker(docker_engine),
        git=git | {"command": ["git", "--version"]},
        shell=git | {"command": ["sh", "-c", "exit 0"]},
    )
    started = docker_engine.state(name)["StartedAt"]
    one.forged("shell", lambda: docker_engine.state(name)["StartedAt"])
    result = one.suspect("git")
    assert handed_over(one, result) == "git"
    assert "git" in result.message
    (row,) = one.all("SELECT plan -> 'evidence' AS evidence FROM healing_actions WHERE fault_id IS NOT NULL")
    assert "spawn git ENOENT" in row.evidence["log"]
    assert docker_engine.state(name)["StartedAt"] == started


def test_an_uncaught_exception_goes_to_a_person(clinic: MakeClinic, programs: Programs) -> None:
    """`uncaughtException`: its process is dead, its last words are the evidence, and it is not started again."""
    control = programs.control()
    one = clinic(
        {"supervisors": {"own": programs.supervisor}},
        throws={"probe": "process", "supervisor": "own", "program": "throws", "ladder": ["investigate"]},
    )
    (programs.folder / "calm").touch()
    control.start("throws", timeout=SOON)
    one.forged("throws", lambda: programs.spawns("throws"))
    (programs.folder / "calm").unlink()
    control.stop("throws", timeout=SOON)
    control.start("throws", timeout=SOON)
    until("it has ended", lambda: not control.process("throws").running)
    spawns = programs.spawns("throws")
    result = one.suspect("throws")
    assert handed_over(one, result) == "throws"
    (row,) = one.all("SELECT plan -> 'evidence' AS evidence FROM healing_actions WHERE fault_id IS NOT NULL")
    assert "uncaughtException: Cannot read properties" in row.evidence["log"]
    assert programs.spawns("throws") == spawns


def test_a_dead_broker_is_started(campaign: None, clinic: MakeClinic, estate: DemoEstate, faults: Faults) -> None:
    """`NatsError: CONNECTION_REFUSED`: started once; one that answers is left alone."""
    values = estate.settings()
    broker = values["components"]["broker"] | QUICK
    one = clinic({"supervisors": values["supervisors"]}, broker=broker)
    one.forged("broker", lambda: estate.spawns("broker"))
    before = estate.spawns("broker")
    faults.kill_broker()
    one.healed("broker", "restore-nats-connection")
    assert estate.spawns("broker") == before + 1


def handed_over(one: Clinic, result: Result) -> str:
    """The component whose fault a person has: not healed, neither for nor against the action's breaker."""
    assert result.outcome is not None, result.answer
    assert (result.outcome.status, result.outcome.verification) == (Status.FAILED, Verification.NOT_HEALED)
    assert one.all("SELECT 1 FROM circuit_breaker_results") == []
    (alert,) = one.all("SELECT message, details FROM alert_outbox WHERE severity = 'CRITICAL'")
    assert "needs a person" in alert.message
    assert "evidence" in json.dumps(alert.details)
    (fault,) = one.all("SELECT component, needs_person FROM faults WHERE closed_at IS NULL")
    assert "a person must look" in fault.needs_person
    return str(fault.component)


def docker(engine: TestEngine) -> dict[str, Any]:
    return {"docker": {"url": engine.url}}
