"""restart-database on a real Postgres under a real supervisord: dead, frozen, recovering."""

import contextlib
import os
import secrets
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from embedded_fixtures import opened, scratch_folder
from estate_fixtures import until
from sqlalchemy import Engine
from uuid6 import uuid7

from benchmarks.free_ports import free_ports
from benchmarks.freezing import freeze
from deployments.embedded import child
from deployments.embedded import postgres as embedded
from deployments.embedded.postgres import SUPERUSER, Postgres
from selfheal.bootstrap import Estate, wire
from selfheal.clients.supervisor import Supervisor
from selfheal.model.admission import Decision
from selfheal.model.attempt import Status, Verification
from selfheal.model.errors import NotAllowed
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol.dry_run import preview
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse

STOP_WAIT_S = 1
SOON = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A Postgres that a supervisord keeps, and Selfheal's settings for it."""

    server: Postgres
    values: dict[str, Any]
    log: Path

    def control(self) -> Supervisor:
        one = self.values["supervisors"]["keeper"]
        return Supervisor(url=one["url"], username=one["username"], password=one["password"])

    def pid(self) -> int:
        return self.control().process("postgres").pid

    def spawns(self) -> int:
        return self.log.read_text().count("spawned: 'postgres' with pid")

    def ask(self) -> None:
        with psycopg.connect(self.server.superuser_dsn()) as connection:
            connection.execute("SELECT 1")


def settings(server: Postgres, control: int, password: str) -> dict[str, Any]:
    login = {"username": SUPERUSER, "password": server.superuser_password}
    return {
        "healing": {"allow": ["postgres"], "cooldown": "1 ms", "flap": "1 ms"},
        "supervisors": {"keeper": {"url": f"http://127.0.0.1:{control}", "username": "k", "password": password}},
        "databases": {"agents": {"url": f"postgresql://127.0.0.1:{server.port}/postgres"} | login},
        "components": {
            "postgres": {
                "probe": "sql",
                "database": "agents",
                "supervisor": "keeper",
                "program": "postgres",
                "ladder": ["restart-database"],
                "probe_timeout": "1 s",
                "start_timeout": "20 s",
                "healthy_delay": "200 ms",
            }
        },
    }


@contextlib.contextmanager
def supervised(server: Postgres, folder: Path) -> Iterator[Kept]:
    """Run the server under a supervisord of its own, with the signal that means a fast shutdown."""
    (control,), password = free_ports(1), secrets.token_urlsafe(16)
    command: list[str | Path] = [embedded.binaries() / "postgres", "-D", server.cluster, "-c", f"port={server.port}"]
    command += ["-c", f"listen_addresses={embedded.HOST}", "-c", "unix_socket_directories="]
    (folder / "supervisord.conf").write_text(
        f"[supervisord]\nnodaemon=true\nsilent=true\nlogfile={folder}/log\npidfile={folder}/pid\n"
        f"childlogdir={folder}\nminfds=64\nminprocs=10\n"
        f"[inet_http_server]\nport=127.0.0.1:{control}\nusername=k\npassword={password}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        f"[program:postgres]\ncommand={shlex.join(child.wrapped(command, identity=server.identity))}\n"
        f"autorestart=false\nstartsecs=0\nstopsignal=INT\nstopwaitsecs={STOP_WAIT_S}\n"
        f"stdout_logfile={folder}/postgres.log\nredirect_stderr=true\n"
    )
    start = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(folder / "supervisord.conf")]
    with subprocess.Popen(child.wrapped(start), stdout=subprocess.DEVNULL) as supervisord:
        try:
            yield Kept(server=server, values=settings(server, control, password), log=folder / "log")
        finally:
            supervisord.send_signal(signal.SIGTERM)  # an orderly end leaves no shared memory


@pytest.fixture(scope="module")
def kept_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """The module's Postgres; tests ask for `kept`."""
    with scratch_folder() as path, opened(path) as one:
        server = one.servers.postgres
        embedded._make_cluster(server)
        with supervised(server, tmp_path_factory.mktemp("keeper")) as running:
            yield running


@pytest.fixture
def kept(kept_postgres: Kept) -> Kept:
    """The Postgres, answering."""
    until("supervisord answers", lambda: kept_postgres.control().process("postgres") is not None)
    if not kept_postgres.control().process("postgres").running:
        kept_postgres.control().start("postgres", timeout=SOON)
    until("Postgres answers", lambda: answers(kept_postgres))
    return kept_postgres


def answers(kept: Kept) -> bool:
    try:
        kept.ask()
    except psycopg.OperationalError:
        return False
    return True


@contextlib.contextmanager
def wired(kept: Kept, database_url: str) -> Iterator[Estate]:
    estate = wire(parse(kept.values, source="the test"), database_url=database_url)
    try:
        yield estate
    finally:
        estate.engine.dispose()


def a_trigger(kind: TriggerType = TriggerType.SERVICE_DOWN) -> Trigger:
    return Trigger(
        id=uuid7(),
        type=kind,
        component="postgres",
        source=Source.LOG_MONITOR if kind is TriggerType.LOG_ERROR else Source.WATCHER,
        priority=Priority.HIGH,
        reason="the test broke it",
        detected_at=datetime.now(UTC),
    )


def looked_at(kept: Kept, database_url: str) -> Observation:
    with wired(kept, database_url) as estate:
        return estate.observer(estate.healer.components["postgres"])


def healed(kept: Kept, database_url: str, kind: TriggerType = TriggerType.SERVICE_DOWN) -> Result:
    with wired(kept, database_url) as estate:
        return heal(plain_steps(estate.healer), a_trigger(kind))


def test_a_dead_postgres_is_started(kept: Kept, empty: Engine, database_url: str) -> None:
    """Killed: sick at once, started once by its keeper, and healthy when it answers again after its recovery."""
    before = kept.spawns()
    os.kill(kept.pid(), signal.SIGKILL)
    until("supervisord knows", lambda: not kept.control().process("postgres").running)
    assert looked_at(kept, database_url).health is Health.SICK
    result = healed(kept, database_url)
    assert result.outcome is not None
    assert (result.name, result.outcome.verification) == ("Healed", Verification.HEALED)
    assert kept.spawns() == before + 1
    kept.ask()


def test_a_postgres_that_a_log_suspects_is_looked_at_first(
    campaign: None, kept: Kept, empty: Engine, database_url: str
) -> None:
    """`ECONNREFUSED 5432`: one that answers is not touched, however often it is suspected; a dead one is started."""
    before = kept.spawns()
    for _ in range(2):
        assert healed(kept, database_url, TriggerType.LOG_ERROR).answer.decision is Decision.ALREADY_HEALTHY
    assert kept.spawns() == before
    os.kill(kept.pid(), signal.SIGKILL)
    until("supervisord knows", lambda: not kept.control().process("postgres").running)
    assert healed(kept, database_url, TriggerType.LOG_ERROR).name == "Healed"
    assert kept.spawns() == before + 1


def test_a_frozen_postgres_is_restarted(kept: Kept, empty: Engine, database_url: str) -> None:
    """Stopped in its tracks it takes connections and says nothing: sick within our time-out, and restarted once."""
    before, pid = kept.spawns(), kept.pid()
    freeze(pid)
    seen = looked_at(kept, database_url)
    assert seen.health is Health.SICK
    assert "no answer within 1 s" in seen.detail
    result = healed(kept, database_url)
    assert result.outcome is not None
    assert (result.outcome.status, kept.spawns()) == (Status.SUCCESS, before + 1)
    assert kept.pid() != pid
    kept.ask()


def test_a_recovering_postgres_is_left_alone(kept: Kept, empty: Engine, database_url: str) -> None:
    """One that runs and takes no connections yet is neither sick nor restarted, whoever asks."""
    kept.control().stop("postgres", timeout=SOON)
    cluster = kept.server.cluster
    owner = cluster.stat()
    signal_file, hot_standby = cluster / "standby.signal", "hot_standby = off\n"
    signal_file.touch()
    os.chown(signal_file, owner.st_uid, owner.st_gid)
    with (cluster / "postgresql.auto.conf").open("a") as configuration:
        configuration.write(hot_standby)
    before = kept.spawns()
    kept.control().start("postgres", timeout=SOON)
    try:
        until("it says that it recovers", lambda: looked_at(kept, database_url).health is Health.UNKNOWN)
        assert "takes no connections now" in looked_at(kept, database_url).detail
        with wired(kept, database_url) as estate, pytest.raises(NotAllowed, match="not dead"):
            preview(estate.healer, a_trigger())
        assert healed(kept, database_url).answer.decision is Decision.STALE_TRIGGER  # nobody can tell how it is
        result = healed(kept, database_url, TriggerType.MANUAL)
        assert result.outcome is not None
        assert result.outcome.status is Status.FAILED
        assert "not restarted" in result.outcome.message
        assert kept.spawns() == before + 1
    finally:
        kept.control().stop("postgres", timeout=SOON)
        signal_file.unlink()
        configuration_file = cluster / "postgresql.auto.conf"
        configuration_file.write_text(configuration_file.read_text().replace(hot_standby, ""))
