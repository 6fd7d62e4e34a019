"""Fixtures of the embedded stack, imported by `conftest.py`: real servers, one of each per session."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from deployments.embedded import child, datafolder, roles, stack
from deployments.embedded.datafolder import DataFolder
from deployments.embedded.postgres import Postgres
from deployments.embedded.stack import Servers

PORTS = (stack.POSTGRES_PORT, stack.NATS_PORT, stack.PREFECT_PORT)


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """An opened data folder and its servers, started or not."""

    folder: DataFolder
    servers: Servers
    passwords: roles.RolePasswords

    @property
    def postgres(self) -> Postgres:
        """The server, which is ours and nobody else's."""
        assert isinstance(self.servers.postgres, Postgres)
        return self.servers.postgres

    def dsn(self, role: str, database: str = roles.SELFHEAL_DATABASE) -> str:
        """Return a libpq connection string for one of the roles."""
        return self.servers.postgres.dsn(user=role, password=self._password(role), database=database)

    def url(self, role: str) -> str:
        """Return the URL of our database for one of the roles."""
        return self.servers.postgres.url(user=role, password=self._password(role), database=roles.SELFHEAL_DATABASE)

    def _password(self, role: str) -> str:
        return {
            roles.MIGRATOR: self.passwords.migrator,
            roles.HEALER: self.passwords.healer,
            roles.API: self.passwords.api,
            roles.PREFECT: self.passwords.prefect,
        }[role]


def until(condition: Callable[[], bool], *, seconds: float = 120.0) -> None:
    """Wait for a condition, bounded."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Say whether the process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A short-lived folder that the unprivileged user may enter (pytest's own are 0700)."""
    with tempfile.TemporaryDirectory(prefix="selfheal-") as name:
        Path(name).chmod(0o755)
        yield Path(name) / "data"


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Embedded]:
    """Open a data folder with free ports."""
    with datafolder.open_folder(path, wanted_ports=dict.fromkeys(PORTS)) as folder:
        yield Embedded(
            folder=folder,
            servers=stack.servers(folder, identity=child.run_as("nobody", folder=path)),
            passwords=roles.RolePasswords.of(folder.credentials),
        )


@contextlib.contextmanager
def running(
    process: subprocess.Popen[bytes], ready: Callable[[], bool], *, end: signal.Signals = signal.SIGKILL
) -> Iterator[subprocess.Popen[bytes]]:
    """Wait until a started server is ready, and end it afterwards; Postgres with SIGQUIT leaves no shared memory."""
    try:
        until(lambda: ready() or process.poll() is not None)
        assert process.poll() is None, f"the server ended with {process.returncode}"
        yield process
    finally:
        process.send_signal(end)
        process.wait()


@pytest.fixture(scope="session")
def embedded_postgres() -> Iterator[Embedded]:
    """An embedded Postgres with roles and databases, for the whole session."""
    with scratch_folder() as path, opened(path) as embedded:
        postgres = embedded.postgres
        with running(postgres.start(), postgres.ready, end=signal.SIGQUIT):
            stack.prepare(postgres, embedded.passwords)
            yield embedded


@pytest.fixture
def superuser(embedded_postgres: Embedded) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A superuser's autocommit connection to the session's Postgres."""
    dsn = embedded_postgres.postgres.superuser_dsn()
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A data folder to be, of this test only."""
    with scratch_folder() as path:
        yield path


def is_root() -> bool:
    """Say whether servers run as another user here."""
    return os.geteuid() == 0
