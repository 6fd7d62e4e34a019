"""Twenty planted secrets: where everything else of a heal is found, none of them is."""

import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from docker_fixtures import TestEngine
from embedded_fixtures import Embedded
from estate_fixtures import until
from planted import PLANTED, SETTINGS, TEXTS, everything_in, found_in, log_text
from sqlalchemy import Engine
from uuid6 import uuid7
from webhook_receiver import Receiver

from benchmarks.free_ports import free_ports
from console.heal import parameters_of
from deployments.embedded import child
from flows.states import final_state
from selfheal import logs
from selfheal.bootstrap import Estate, wire
from selfheal.clients.supervisor import Supervisor
from selfheal.model.attempt import Status
from selfheal.model.breaker import BreakerDeed
from selfheal.model.errors import SelfhealError
from selfheal.model.health import ComponentHealth, HealthStatus
from selfheal.model.identity import Door, Identity, Outcome, Role
from selfheal.model.maintenance import Scope
from selfheal.model.mode import ActionMode
from selfheal.model.observation import Health
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.policy.identity import Deed
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse
from selfheal.store.deeds import Deeds
from selfheal.store.maintenance import Maintenance
from selfheal.store.pauses import Pauses
from selfheal.store.storms import Storms

HERE = Path(__file__).parent
ROOT = Identity(name="root", role=Role.ADMIN)
SUPERVISOR, DATABASE, WEBHOOK = SETTINGS
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Talkative:
    """An estate whose settings, programs and answers are full of secrets.

    Attributes:
        values: settings of Selfheal for it.
        log: all that Selfheal has logged.
    """

    values: dict[str, Any]
    log: io.StringIO

    @contextmanager
    def wired(self, database_url: str) -> Iterator[Estate]:
        estate = wire(parse(self.values, source="the test"), database_url=database_url)
        try:
            yield estate
        finally:
            estate.close()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Every line of every logger, as `selfheal up` and the worker write them."""
    to = io.StringIO()
    handler = logging.StreamHandler(to)
    handler.setFormatter(logs.JsonFormatter())
    handler.addFilter(logs.Masked())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield to
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.fixture
def talkative(tmp_path: Path, receiver: Receiver, logged: io.StringIO) -> Iterator[Talkative]:
    """Two programs under a supervisord: `web`, which heals, and `hopeless`, which answers 503 in each of its lives."""
    control, *ports = free_ports(3)
    told = tmp_path / "told"
    told.write_text(log_text(), encoding="utf-8")
    programs = "".join(
        f"[program:{name}]\ncommand={sys.executable} -I -S {child.LAUNCH} -- {sys.executable} -I -S"
        f" {HERE}/talkative_service.py {port} {status} {told}\nautorestart=false\nstartsecs=0\nstopwaitsecs=2\n"
        f'environment=DB_PASSWORD="{DATABASE.secret}"\n'
        f"stdout_logfile={tmp_path}/{name}.log\nredirect_stderr=true\n"
        for name, port, status in zip(("web", "hopeless"), ports, (200, 503), strict=True)
    )
    (tmp_path / "supervisord.conf").write_text(
        f"[supervisord]\nnodaemon=true\nsilent=true\nlogfile={tmp_path}/log\npidfile={tmp_path}/pid\n"
        f"childlogdir={tmp_path}\nminfds=64\nminprocs=10\n"
        f"[inet_http_server]\nport=127.0.0.1:{control}\nusername=ops\npassword={SUPERVISOR.secret}\n"
        "[rpcinterface:supervisor]\n"
        f"supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n{programs}"
    )
    values = {
        "healing": {"allow": ["web", "hopeless", "stock"], "attempts_per_action": 1},
        "alerts": {"webhook": receiver.url, "token": WEBHOOK.secret},
        "supervisors": {
            "main": {"url": f"http://127.0.0.1:{control}", "username": "ops", "password": SUPERVISOR.secret}
        },
        "databases": {"stock": {"url": "postgresql://127.0.0.1:1/stock", "password": DATABASE.secret}},
        "components": {
            name: {
                "probe": "http",
                "url": f"http://127.0.0.1:{port}/health?access_token={TEXTS[-1].secret}",
                "supervisor": "main",
                "program": name,
                "ladder": ["restart-service"],
                "start_timeout": "3 s" if name == "hopeless" else "30 s",
                "healthy_delay": "100 ms",
            }
            for name, port in zip(("web", "hopeless"), ports, strict=True)
        }
        | {"stock": {"probe": "sql", "database": "stock", "ladder": ["restart-database"]}},
    }
    command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(tmp_path / "supervisord.conf")]
    with subprocess.Popen(child.wrapped(command), stdout=subprocess.DEVNULL) as supervisord:
        try:
            yield Talkative(values=values, log=logged)
        finally:
            supervisord.kill()  # the programs die with it, which is what launch.py promises


def a_trigger(component: str, reason: str) -> Trigger:
    return Trigger(
        id=uuid7(),
        type=TriggerType.CONTAINER_DOWN if component == "agents" else TriggerType.SERVICE_DOWN,
        component=component,
        source=Source.WATCHER,
        priority=Priority.CRITICAL,
        reason=reason,
        detected_at=datetime.now(UTC),
    )


def healed(estate: Estate, component: str, reason: str) -> Result:
    return heal(plain_steps(estate.healer), a_trigger(component, reason))


def people_say(engine: Engine, estate: Estate, why: str) -> None:
    """Whatever a person can say to Selfheal, they say with a secret in it."""
    now = datetime.now(UTC)
    Maintenance(engine).plan(
        scope=Scope.GROUP, name="none", begins_at=now, ends_at=now + SECOND, zone="UTC", who="root", why=why
    )
    Storms(engine).go(who="root", why=why)
    estate.modes.set("clear-caches", ActionMode.OBSERVE, who="root", why=why)
    for deed in BreakerDeed:
        estate.breakers.decide("agent:talkative", deed, who="root", why=why)
    Deeds(engine).record(
        ROOT, Door.CLI, Deed.HEAL, outcome=Outcome.FAILED, subject=why, details={"why": why, "n": [why]}
    )
    logging.getLogger("selfheal.planted").warning("a person says %s", why)


def nothing_is_told(embedded: Embedded, talkative: Talkative, receiver: Receiver) -> dict[str, str]:
    """No secret in any row, message or log line; gives the rows."""
    rows = everything_in(embedded.servers.postgres.superuser_dsn())
    assert {name: kinds for name, text in rows.items() if (kinds := found_in(text))} == {}
    assert found_in(repr(receiver.got)) == []
    assert found_in(talkative.log.getvalue()) == []
    return rows


def test_the_search_finds_what_is_planted() -> None:
    """Each of the twenty, by itself, in a text and in part."""
    assert len({one.kind for one in PLANTED}) == len(PLANTED) == 20
    for one in PLANTED:
        assert found_in(one.text) == [one.kind]
        assert found_in(f"x{one.secret[3:]}x") == [one.kind]


def test_no_secret_is_in_a_row_a_message_or_a_log(
    talkative: Talkative, receiver: Receiver, empty: Engine, database_url: str, embedded_postgres: Embedded
) -> None:
    """After heals that succeed, fail and are handed to a person, alerts that are told, and all that people say.

    Evidence and reasons are there all the same: what is left of them can be read.
    """
    with talkative.wired(database_url) as estate:
        web, hopeless = (estate.healer.components[name] for name in ("web", "hopeless"))
        until("web serves", lambda: estate.observer(web).health is Health.HEALTHY)
        control = Supervisor(
            url=talkative.values["supervisors"]["main"]["url"], username="ops", password=SUPERVISOR.secret
        )
        os.kill(control.process("web").pid, signal.SIGKILL)
        until("supervisord knows", lambda: not control.process("web").running)
        result = healed(estate, "web", log_text())
        assert result.outcome is not None
        assert result.outcome.status is Status.SUCCESS
        seen = estate.observer(hopeless)
        assert seen.health is Health.SICK
        estate.health.record(
            [
                ComponentHealth(
                    component="hopeless",
                    status=HealthStatus.DOWN,
                    response_ms=1,
                    detail=f"{seen.detail}: {one.text}",
                    checked_at=datetime.now(UTC),
                )
                for one in PLANTED
            ]
        )
        results = [healed(estate, "hopeless", reason) for reason in (TEXTS[0].text, TEXTS[1].text)]
        for one in PLANTED:
            people_say(empty, estate, one.text)
            results.append(healed(estate, "web", one.text))
        told = [replace(results[0], outcome=None, note=one.text) for one in PLANTED]
        assert found_in("".join(str(final_state(one).message) for one in (*results, *told))) == []
        estate.telling.turn()
        assert receiver.got
    for one in PLANTED:
        Pauses(empty).pause(who="root", why=one.text)
    Pauses(empty).resume(who="root", why=PLANTED[0].text)
    rows = nothing_is_told(embedded_postgres, talkative, receiver)
    assert "line 16" in rows["healing_actions"], "the evidence is kept"
    assert "needs a person" in rows["alert_outbox"]
    assert receiver.headers[0]["Authorization"] == f"Bearer {WEBHOOK.secret}", "where it belongs it is sent"
    assert "a person says" in talkative.log.getvalue()


def test_no_secret_of_a_container_is_kept(  # noqa: PLR0917 - fixtures
    talkative: Talkative,
    docker_engine: TestEngine,
    receiver: Receiver,
    empty: Engine,
    database_url: str,
    embedded_postgres: Embedded,
) -> None:
    """Neither from its log nor from its environment, command line and labels."""
    name = docker_engine.run(
        script='printf "%s\\n" "$TOLD"; sleep 600',
        environment={"TOLD": log_text(), "DB_PASSWORD": DATABASE.secret, "AWS_SECRET_ACCESS_KEY": TEXTS[14].secret},
        labels={"told": TEXTS[0].text},
    )
    talkative.values["healing"]["allow"].append("agents")
    talkative.values["docker"] = {"url": docker_engine.url}
    talkative.values["components"]["agents"] = {
        "probe": "container",
        "container": name,
        "ladder": ["restart-container"],
        "healthy_delay": "100 ms",
    }
    with talkative.wired(database_url) as estate:
        docker_engine.kill(name)
        agents = estate.healer.components["agents"]
        until("Docker knows", lambda: estate.observer(agents).health is Health.SICK)
        result = healed(estate, "agents", log_text())
        assert result.outcome is not None
        assert result.outcome.status is Status.SUCCESS
    rows = nothing_is_told(embedded_postgres, talkative, receiver)
    assert "line 16" in rows["healing_actions"], "its last lines are kept"


def test_a_run_is_started_without_them() -> None:
    """Prefect keeps the parameters of a run: a person's reason is cleaned before it is handed over."""
    for one in TEXTS:
        assert found_in(repr(parameters_of(a_trigger("web", one.text)))) == []


def test_an_error_that_tells_a_secret_is_stored_without_it(
    talkative: Talkative, receiver: Receiver, empty: Engine, database_url: str, embedded_postgres: Embedded
) -> None:
    """A deed that fails with such words is recorded, and logged, without them."""

    def failing(one: str) -> None:
        with Deeds(empty).recorded(ROOT, Door.CLI, Deed.PAUSE):
            raise SelfhealError(one)

    with talkative.wired(database_url):
        for one in PLANTED:
            with pytest.raises(SelfhealError):
                failing(one.text)
            try:
                failing(one.text)
            except SelfhealError:
                logging.getLogger("selfheal.planted").exception("it failed")
        rows = nothing_is_told(embedded_postgres, talkative, receiver)
    assert rows["person_deeds"].count("FAILED") == 2 * len(PLANTED)
