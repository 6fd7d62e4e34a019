"""One fault and many healers: several processes, a real Postgres, a real supervisord that counts what it spawns."""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from estate_fixtures import until
from sqlalchemy import Engine, text
from trigger_storm import storm
from uuid6 import uuid7

from benchmarks.free_ports import free_ports
from deployments.demo.estate import Estate as Demo
from deployments.demo.faults import Faults
from deployments.embedded import child
from selfheal.bootstrap import Estate, wire
from selfheal.clients.supervisor import Supervisor
from selfheal.model.admission import Decision
from selfheal.model.attempt import Status
from selfheal.model.observation import Health
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol import steps
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps
from selfheal.protocol.reconcile import reconcile
from selfheal.settings.file import parse

HERE = Path(__file__).parent
PROCESSES, EACH = 4, 50
LEASE_S, LATE_S, TURN_S = 2, 6, 1


def a_trigger(component: str, *, id_: UUID | None = None) -> Trigger:
    return Trigger(
        id=id_ or uuid7(),
        type=TriggerType.SERVICE_DOWN,
        component=component,
        source=Source.WATCHER,
        priority=Priority.CRITICAL,
        reason="the test broke it",
        detected_at=datetime.now(UTC),
    )


@contextmanager
def wired(values: dict[str, Any], database_url: str) -> Iterator[Estate]:
    """An estate of these settings, with connections of its own."""
    estate = wire(parse(values, source="the test"), database_url=database_url)
    try:
        yield estate
    finally:
        estate.close()


def test_a_storm_of_triggers_makes_one_heal(
    estate: Demo, faults: Faults, empty: Engine, database_url: str, tmp_path: Path
) -> None:
    """200 triggers from 4 processes: one restart, one attempt, 199 counted refusals; each id keeps its answer."""
    values = estate.settings()
    values["healing"] = {"allow": ["backend"]}
    values["components"]["backend"]["healthy_delay"] = "2 s"
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(values))
    before = estate.spawns("backend")
    faults.kill("backend")
    until("supervisord knows", lambda: not estate.control().process("backend").running)

    answers = storm(settings, "backend", database_url, processes=PROCESSES, each=EACH)

    told = Counter(answers.values())
    assert (told.total(), told["ADMITTED"]) == (PROCESSES * EACH, 1)
    assert set(told) <= {"ADMITTED", "ALREADY_HEALING", "ALREADY_HEALTHY"}
    assert estate.spawns("backend") == before + 1
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM healing_actions WHERE status = 'SUCCESS'")) == 1
        assert connection.scalar(text("SELECT count(*) FROM healing_actions")) == 1
        counted = "SELECT decision, sum(occurrences) FROM healing_triggers GROUP BY 1"
        assert dict(map(tuple, connection.execute(text(counted)))) == told
    with wired(values, database_url) as one:
        for key, decision in answers.items():
            again = steps.admit(one.healer, a_trigger("backend", id_=UUID(key)), None)
            assert (again.decision.value, again.repeated) == (decision, True)
    assert estate.spawns("backend") == before + 1


@dataclass(frozen=True, kw_only=True)
class Late:
    """A running service that is healthy only some seconds after its start.

    Attributes:
        values: settings of Selfheal for it.
        log: supervisord's own.
    """

    values: dict[str, Any]
    log: Path

    def control(self) -> Supervisor:
        one = self.values["supervisors"]["late"]
        return Supervisor(url=one["url"], username=one["username"], password=one["password"])

    def spawns(self) -> int:
        return self.log.read_text().count("spawned: 'late' with pid")


@pytest.fixture
def late(tmp_path: Path) -> Iterator[Late]:
    """The late service under a supervisord of its own."""
    port, control, password = *free_ports(2), secrets.token_urlsafe(16)
    (tmp_path / "supervisord.conf").write_text(
        f"[supervisord]\nnodaemon=true\nsilent=true\nlogfile={tmp_path}/log\npidfile={tmp_path}/pid\n"
        f"childlogdir={tmp_path}\nminfds=64\nminprocs=10\n"
        f"[inet_http_server]\nport=127.0.0.1:{control}\nusername=late\npassword={password}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        f"[program:late]\ncommand={sys.executable} -I -S {child.LAUNCH} -- {sys.executable} -I -S"
        f" {HERE}/late_service.py {port} {LATE_S}\nautorestart=false\nstartsecs=0\nstopwaitsecs=2\n"
        f"stdout_logfile={tmp_path}/late.log\nredirect_stderr=true\n"
    )
    values = {
        "healing": {"allow": ["late"], "lease": LEASE_S},
        "supervisors": {"late": {"url": f"http://127.0.0.1:{control}", "username": "late", "password": password}},
        "components": {
            "late": {
                "probe": "http",
                "url": f"http://127.0.0.1:{port}/",
                "supervisor": "late",
                "program": "late",
                "ladder": ["restart-service"],
                "start_timeout": "90 s",
                "healthy_delay": "500 ms",
            }
        },
    }
    command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(tmp_path / "supervisord.conf")]
    with subprocess.Popen(child.wrapped(command), stdout=subprocess.DEVNULL) as supervisord:
        try:
            running = Late(values=values, log=tmp_path / "log")
            until("the late service runs", lambda: running.control().process("late").running)
            yield running
        finally:
            supervisord.kill()  # the service dies with it, which is what launch.py promises


@contextmanager
def turns(estate: Estate, settled: list[object]) -> Iterator[None]:
    """Reconcile every second, as somebody else than the healer would."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(TURN_S):
            settled.extend(reconcile(estate.healer, plain_steps(estate.healer)))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_service_slower_than_the_lease_is_healed_once(late: Late, empty: Engine, database_url: str) -> None:
    """The lease (2 s) is renewed for the 6 s that the service takes to be healthy: nobody takes the heal over."""
    os.kill(late.control().process("late").pid, signal.SIGKILL)
    until("supervisord knows", lambda: not late.control().process("late").running)
    before = late.spawns()
    taken_over: list[object] = []
    with wired(late.values, database_url) as healing, wired(late.values, database_url) as reconciling:
        with turns(reconciling, taken_over):
            result = heal(plain_steps(healing.healer), a_trigger("late"))
        assert healing.healer.observe(healing.healer.components["late"]).health is Health.HEALTHY
        attempt = healing.healer.store.attempt(result.answer.attempt_id)
    assert (result.answer.decision, result.outcome.status) == (Decision.ADMITTED, Status.SUCCESS)
    assert taken_over == []
    assert (attempt.runs, attempt.fence, attempt.outcome.interrupted) == (1, 1, False)
    assert late.spawns() == before + 1
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM healing_actions")) == 1
