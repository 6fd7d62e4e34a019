"""The embedded servers, wired together as supervised parts in one data folder.

`deployments` (what `selfheal up` and `selfheal demo` run) opens the folder, calls `embedded_servers`, appends
the worker and its own parts, and hands the list to the supervisor. A server that is given by URL is simply
left out of `names`.
"""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from deployments.embedded import roles
from deployments.embedded.child import RunAs
from deployments.embedded.datafolder import DataFolder
from deployments.embedded.nats import Nats
from deployments.embedded.postgres import Postgres
from deployments.embedded.prefect_server import PrefectServer
from deployments.part import Part, nothing
from selfheal.model.errors import Transient

POSTGRES_PORT, NATS_PORT, PREFECT_PORT = "postgres.port", "nats.port", "prefect.port"


@dataclass(frozen=True, kw_only=True)
class Servers:
    """The three servers of one data folder."""

    postgres: Postgres
    nats: Nats
    prefect: PrefectServer

    def urls(self) -> dict[str, str]:
        """Return where each is found, without credentials."""
        return {
            "postgres": f"postgresql://127.0.0.1:{self.postgres.port}/{roles.SELFHEAL_DATABASE}",
            "nats": self.nats.url,
            "prefect": self.prefect.ui_url,
        }


def servers(
    folder: DataFolder, *, identity: RunAs | None, prefect_environment: Mapping[str, str] | None = None
) -> Servers:
    """Describe the servers of an opened folder; nothing is started.

    Args:
        folder: opened with the ports "postgres.port", "nats.port" and "prefect.port".
        identity: the unprivileged user when we are root, from `child.run_as`.
        prefect_environment: further settings of the Prefect server (a retention, an authentication string).
    """
    path, secrets, ports = folder.path, folder.credentials, folder.ports
    return Servers(
        postgres=Postgres(
            folder=path / "postgres",
            log=_log(folder, "postgres"),
            port=ports[POSTGRES_PORT],
            superuser_password=secrets.postgres_superuser,
            identity=identity,
        ),
        nats=Nats(
            folder=path / "nats",
            log=_log(folder, "nats"),
            port=ports[NATS_PORT],
            user=secrets.nats_user,
            password=secrets.nats_password,
            identity=identity,
        ),
        prefect=PrefectServer(
            folder=path / "prefect",
            log=_log(folder, "prefect"),
            port=ports[PREFECT_PORT],
            database_port=ports[POSTGRES_PORT],
            database_user=roles.PREFECT,
            database_password=secrets.prefect_database,
            database=roles.PREFECT_DATABASE,
            identity=identity,
            extra_environment=prefect_environment or {},
        ),
    )


def parts(
    running: Servers,
    *,
    passwords: roles.RolePasswords,
    after_postgres: Callable[[], None] = nothing,
    after_nats: Callable[[], None] = nothing,
    after_prefect: Callable[[], None] = nothing,
) -> list[Part]:
    """Return the servers as parts, in the order of their dependencies.

    Args:
        running: from `servers`.
        passwords: of the roles that are made after each start of Postgres.
        after_postgres: runs when the roles and databases exist: the migrations. All three callbacks run in a
            thread, again after every restart of their server, and may raise: they are then tried again.
        after_nats: creates streams.
        after_prefect: applies pool, queues, limits and deployments.
    """

    def prepare_postgres() -> None:
        prepare(running.postgres, passwords)
        after_postgres()

    postgres, nats, prefect = running.postgres, running.nats, running.prefect
    return [
        Part(
            name="postgres",
            start=postgres.start,
            ready=postgres.ready,
            on_ready=prepare_postgres,
            log=postgres.log,
            stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait until every client has gone
            stop_timeout_seconds=20.0,
        ),
        Part(name="nats", start=nats.start, ready=nats.ready, on_ready=after_nats, log=nats.log),
        Part(
            name="prefect",
            start=prefect.start,
            ready=prefect.ready,
            on_ready=after_prefect,
            depends_on=frozenset({"postgres"}),
            log=prefect.log,
        ),
    ]


def prepare(postgres: Postgres, passwords: roles.RolePasswords) -> None:
    """Make the roles and databases of a Postgres that has just become ready."""
    try:
        with psycopg.connect(postgres.superuser_dsn(), autocommit=True, connect_timeout=5) as superuser:
            roles.prepare_cluster(superuser, passwords)
    except psycopg.Error as error:
        raise Transient(f"the roles in Postgres could not be made: {error}", hint=f"see {postgres.log}") from error


def _log(folder: DataFolder, name: str) -> Path:
    return folder.logs / f"{name}.log"
