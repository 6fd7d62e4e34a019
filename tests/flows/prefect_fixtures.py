"""A real Prefect server on the session's Postgres, and this process wired to it and to the demo estate."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest
from embedded_fixtures import Embedded, running
from estate_fixtures import until
from fakes import WIDE
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.worker import EventsWorker
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_LOGGING_TO_API_ENABLED,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    temporary_settings,
)
from sqlalchemy import Engine

from benchmarks.freezing import frozen
from deployments.demo.estate import Estate
from selfheal import bootstrap
from selfheal.model.attempt import Holder
from selfheal.protocol.holder import _host, _started, is_gone
from tasks.recovery.workflows import look_at_workflows
from tasks.workflows.starts import start_workflows
from tasks.workflows.states import keep_states

ALLOWED = ("backend", "consumer", "sleeper-0")


@dataclass(frozen=True, kw_only=True)
class Server:
    """The running Prefect server.

    Attributes:
        url: of its API.
        process: to freeze it.
        client: what it knows.
    """

    url: str
    process: Popen[bytes]
    client: SyncPrefectClient

    def frozen(self) -> AbstractContextManager[None]:
        """The server answers nothing while the block lasts, and nobody is told that it does not."""
        return frozen(self.process.pid)


@pytest.fixture(scope="session")
def prefect_server(embedded_postgres: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for the session; every client in this process talks to it."""
    server = embedded_postgres.servers.prefect
    wanted = {
        PREFECT_API_URL: server.api_url,
        PREFECT_HOME: tmp_path_factory.mktemp("prefect"),
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False,
        PREFECT_LOGGING_TO_API_ENABLED: False,  # its thread would outlive the server, and wait for it at the end
    }
    with (
        running(server.start(), server.ready) as process,
        temporary_settings(wanted),
        get_client(sync_client=True) as client,
    ):
        yield Server(url=server.api_url, process=process, client=client)
        EventsWorker.drain_all(timeout=10)  # while there is somebody to take the events


@pytest.fixture
def healing(  # noqa: PLR0917 - a fixture list is not an interface
    prefect_server: Server,
    estate: Estate,
    empty: Engine,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[bootstrap.Estate]:
    """What the flows find in their environment: the demo estate, of which three components may be healed."""
    text = estate.toml().replace('healthy_delay = "5 s"', 'healthy_delay = "200 ms"')
    text = text.replace('start_timeout = "60 s"', 'start_timeout = "20 s"')
    allow = ", ".join(f'"{name}"' for name in ALLOWED)
    wide = "".join(f"{name} = {value}\n" for name, value in WIDE.items())
    config = tmp_path / "selfheal.toml"
    config.write_text(f"[healing]\nallow = [{allow}]\nlease = 3\n{wide}{text}")
    monkeypatch.setenv("SELFHEAL_CONFIG", str(config))
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", database_url)
    bootstrap.current.cache_clear()
    wired = bootstrap.current()
    yield wired
    wired.close()
    bootstrap.current.cache_clear()


@pytest.fixture
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a task fails at for now it tries again as often as ever, but at once."""
    for one in (start_workflows, keep_states, look_at_workflows):
        monkeypatch.setattr(one, "retry_delay_seconds", [0.0])


@pytest.fixture
def broken(healing: bootstrap.Estate, estate: Estate) -> str:
    """A component whose process has just been killed."""
    control = estate.control()
    os.kill(control.process("backend").pid, signal.SIGKILL)
    until("supervisord knows", lambda: not control.process("backend").running)
    return "backend"


@pytest.fixture
def dead() -> Holder:
    """A process of this host that has ended."""
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        holder = Holder(host=_host(), pid=child.pid, started=_started(child.pid) or 0)
        child.kill()
    assert is_gone(holder)
    return holder
