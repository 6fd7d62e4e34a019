"""The servers that a campaign runs on: Postgres with the campaign's history in it, NATS, and a Prefect server."""

import contextlib
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.chaos.servers import Server
from deployments.embedded import child, datafolder, roles, stack
from deployments.embedded.postgres import Postgres
from deployments.embedded.prefect_server import client_environment
from deployments.migrate import migrate

HISTORY = Path(__file__).with_name("history.sql")
_PORTS = (stack.POSTGRES_PORT, stack.NATS_PORT, stack.PREFECT_PORT)
_ENABLE = b"ALTER SYSTEM SET track_commit_timestamp = on"


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The running servers.

    Attributes:
        servers: by name; Postgres always.
        dsn: of the superuser on our database, for the checker and for the campaign's person.
        environment: of a dispatcher.
    """

    servers: Mapping[str, Server]
    dsn: str = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)

    @property
    def postgres(self) -> Server:
        """The database."""
        return self.servers["postgres"]

    def connect(self) -> psycopg.Connection[Any]:
        """A superuser's autocommit connection that gives up soon."""
        return psycopg.connect(
            self.dsn, autocommit=True, connect_timeout=2, options="-c statement_timeout=5000", tcp_user_timeout=2000
        )


@contextlib.contextmanager
def running(folder: Path, *, prefect: bool, nats: bool) -> Iterator[Stack]:
    """Start the servers in a folder, made or found there, and end them afterwards."""
    ports = dict.fromkeys(_PORTS)
    with datafolder.open_folder(folder / "data", wanted_ports=ports) as opened, contextlib.ExitStack() as ending:
        described = stack.servers(opened, identity=child.run_as("nobody", folder=opened.path))
        postgres, passwords = described.postgres, described.passwords
        if not isinstance(postgres, Postgres):
            raise TypeError("a campaign's Postgres is its own")
        servers = {"postgres": Server(name="postgres", start=postgres.start, ready=postgres.ready)}
        servers["postgres"].stop_signal = signal.SIGINT
        if prefect:
            server = described.prefect
            servers["prefect"] = Server(name="prefect", start=server.start, ready=server.ready)  # type: ignore[union-attr]
        if nats:
            broker = described.nats
            servers["nats"] = Server(name="nats", start=broker.start, ready=broker.ready)  # type: ignore[union-attr]
        for one in servers.values():
            ending.callback(one.end)
        _prepare(servers["postgres"], postgres, passwords)
        for one in list(servers.values())[1:]:
            one.process = one.start()
        home = opened.path / "home"
        yield Stack(
            servers=servers,
            dsn=postgres.superuser_dsn().replace("dbname=postgres", f"dbname={roles.SELFHEAL_DATABASE}"),
            environment={
                "SELFHEAL_DATABASE_URL": described.database_url(roles.HEALER),
                "HOME": str(home),
                **client_environment(api_url=described.prefect.api_url, home=home),
                "PREFECT_API_REQUEST_TIMEOUT": "5",
            },
        )


def _prepare(server: Server, postgres: Postgres, passwords: roles.RolePasswords) -> None:
    """The schema, and the history beside it; a commit has a time only after a restart with that setting."""
    server.begin()
    stack.prepare(postgres, passwords)
    migrate(postgres.url(user=roles.MIGRATOR, password=passwords.migrator, database=roles.SELFHEAL_DATABASE))
    with psycopg.connect(postgres.superuser_dsn(), dbname=roles.SELFHEAL_DATABASE, autocommit=True) as owner:
        owner.execute(HISTORY.read_bytes())
        if owner.execute("SHOW track_commit_timestamp").fetchone() == ("on",):
            return
        owner.execute(_ENABLE)
    server.end()
    server.begin()
