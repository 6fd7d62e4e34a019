"""The servers of one data folder, wired together: embedded ones as supervised parts, others as what is waited for.

`deployments` (what `selfheal up` and `selfheal demo` run) opens the folder, calls `servers` and `parts`, appends
the worker and its own parts, and hands the list to the supervisor.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg

from deployments.embedded import roles
from deployments.embedded.child import RunAs
from deployments.embedded.datafolder import DataFolder
from deployments.embedded.nats import Nats
from deployments.embedded.postgres import Postgres
from deployments.embedded.prefect_server import PrefectServer
from deployments.embedded.roles import RolePasswords
from deployments.outside.nats import OutsideNats
from deployments.outside.postgres import OutsidePostgres, first_line
from deployments.outside.prefect import OutsidePrefect
from deployments.outside.roles import SHARED_PREFECT, passwords_of
from deployments.part import Part, nothing
from selfheal.model.errors import Transient
from selfheal.settings.estate import Settings

POSTGRES_PORT, NATS_PORT, PREFECT_PORT, WEB_PORT = "postgres.port", "nats.port", "prefect.port", "web.port"
OUTSIDE_PROBE_SECONDS = 10.0
"""Between two looks at a server of somebody else's."""
_ASYNC = "postgresql+asyncpg"


@dataclass(frozen=True, kw_only=True)
class Servers:
    """The three servers, each embedded or somebody else's."""

    postgres: Postgres | OutsidePostgres
    nats: Nats | OutsideNats
    prefect: PrefectServer | OutsidePrefect
    passwords: RolePasswords = field(repr=False)

    def urls(self) -> dict[str, str]:
        """Return where each is found, without credentials."""
        return {
            "postgres": f"postgresql://{self.postgres.host}:{self.postgres.port}/{self.database}",
            "nats": self.nats.url,
            "prefect": self.prefect.ui_url,
        }

    @property
    def database(self) -> str:
        """The name of our database."""
        return roles.SELFHEAL_DATABASE if isinstance(self.postgres, Postgres) else self.postgres.database

    def database_url(self, role: str) -> str:
        """SQLAlchemy's URL of our database as `healing_user`, as the web server, or as the migrator."""
        password = {
            roles.HEALER: self.passwords.healer,
            roles.API: self.passwords.api,
            roles.MIGRATOR: self.passwords.migrator,
        }[role]
        return self.postgres.url(user=role, password=password, database=self.database)


def wanted_ports(settings: Settings) -> dict[str, int | None]:
    """The ports of what we start; None: any free one."""
    own = {POSTGRES_PORT: settings.postgres, NATS_PORT: settings.nats, PREFECT_PORT: settings.prefect}
    ports = {name: server.port or None for name, server in own.items() if not server.outside}
    return ports | ({WEB_PORT: settings.web.port or None} if settings.web.enabled else {})


def servers(folder: DataFolder, *, identity: RunAs | None, settings: Settings | None = None) -> Servers:
    """Describe the servers of an opened folder; nothing is started.

    Args:
        folder: opened with `wanted_ports`.
        identity: the unprivileged user when we are root, from `child.run_as`.
        settings: which of them run elsewhere; None: all are embedded.

    Raises:
        Permanent: the settings name a server and not all of what is needed to get in.
    """
    wanted = settings or Settings()
    postgres = (
        OutsidePostgres.of(wanted.postgres) if wanted.postgres.outside else embedded_postgres(folder, identity=identity)
    )
    own = RolePasswords.of(folder.credentials)
    passwords = passwords_of(wanted, own) if wanted.postgres.outside else own
    return Servers(
        postgres=postgres,
        nats=OutsideNats.of(wanted.nats) if wanted.nats.outside else _nats(folder, identity),
        prefect=OutsidePrefect.of(wanted.prefect)
        if wanted.prefect.outside
        else _prefect(folder, identity, postgres, passwords, wanted.prefect.keep),
        passwords=passwords,
    )


def embedded_postgres(folder: DataFolder, *, identity: RunAs | None) -> Postgres:
    """Describe the folder's own Postgres."""
    return Postgres(
        folder=folder.path / "postgres",
        log=_log(folder, "postgres"),
        port=folder.ports[POSTGRES_PORT],
        superuser_password=folder.credentials.postgres_superuser,
        identity=identity,
    )


def _nats(folder: DataFolder, identity: RunAs | None) -> Nats:
    return Nats(
        folder=folder.path / "nats",
        log=_log(folder, "nats"),
        port=folder.ports[NATS_PORT],
        user=folder.credentials.nats_user,
        password=folder.credentials.nats_password,
        identity=identity,
    )


def _prefect(
    folder: DataFolder,
    identity: RunAs | None,
    postgres: Postgres | OutsidePostgres,
    passwords: RolePasswords,
    keep: timedelta,
) -> PrefectServer:
    """Describe the folder's own Prefect server, with its database on whichever Postgres there is."""
    embedded = isinstance(postgres, Postgres)
    user, database = (roles.PREFECT, roles.PREFECT_DATABASE) if embedded else (SHARED_PREFECT, SHARED_PREFECT)
    return PrefectServer(
        folder=folder.path / "prefect",
        log=_log(folder, "prefect"),
        port=folder.ports[PREFECT_PORT],
        database_url=postgres.url(user=user, password=passwords.prefect, database=database, driver=_ASYNC),
        identity=identity,
        keep=keep,
    )


def parts(
    running: Servers,
    *,
    after_postgres: Callable[[], None] = nothing,
    after_nats: Callable[[], None] = nothing,
    after_prefect: Callable[[], None] = nothing,
) -> list[Part]:
    """Return the servers as parts, in the order of their dependencies.

    Args:
        running: from `servers`.
        after_postgres: runs when the roles and databases exist: the migrations. All three callbacks run in a
            thread, again after every restart of their server, and may raise: they are then tried again.
        after_nats: creates streams.
        after_prefect: applies pool, queues, limits and deployments.
    """
    nats, prefect = running.nats, running.prefect
    return [
        _postgres_part(running, after_postgres),
        _outside("nats", nats.ready, after_nats)
        if isinstance(nats, OutsideNats)
        else Part(name="nats", start=nats.start, ready=nats.ready, on_ready=after_nats, log=nats.log),
        _outside("prefect", prefect.ready, after_prefect)
        if isinstance(prefect, OutsidePrefect)
        else Part(
            name="prefect",
            start=prefect.start,
            ready=prefect.ready,
            on_ready=after_prefect,
            depends_on=frozenset({"postgres"}),
            log=prefect.log,
        ),
    ]


def _postgres_part(running: Servers, after: Callable[[], None]) -> Part:
    postgres = running.postgres
    if isinstance(postgres, OutsidePostgres):
        outside, with_prefect = postgres, isinstance(running.prefect, PrefectServer)

        def prepare_outside() -> None:
            outside.prepare(running.passwords, with_prefect=with_prefect)
            after()

        return _outside("postgres", outside.ready, prepare_outside)
    embedded = postgres

    def prepare_embedded() -> None:
        prepare(embedded, running.passwords)
        after()

    return Part(
        name="postgres",
        start=embedded.start,
        ready=embedded.ready,
        on_ready=prepare_embedded,
        log=embedded.log,
        stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait until every client has gone
        stop_timeout_seconds=20.0,
    )


def _outside(name: str, ready: Callable[[], bool], on_ready: Callable[[], None]) -> Part:
    """A server of somebody else's: two looks without an answer, and it counts as away."""
    return Part(
        name=name,
        start=None,
        ready=ready,
        on_ready=on_ready,
        probe_every_seconds=OUTSIDE_PROBE_SECONDS,
        unready_limit=2,
    )


def prepare(postgres: Postgres, passwords: RolePasswords) -> None:
    """Make the roles and databases of the embedded Postgres that has just become ready."""
    try:
        with psycopg.connect(postgres.superuser_dsn(), autocommit=True, connect_timeout=5) as superuser:
            roles.prepare_cluster(superuser, passwords)
    except psycopg.Error as error:
        raise Transient(
            f"the roles in Postgres could not be made: {first_line(error)}", hint=f"see {postgres.log}"
        ) from error


def _log(folder: DataFolder, name: str) -> Path:
    return folder.logs / f"{name}.log"
