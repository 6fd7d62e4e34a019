"""A Postgres of the benchmark's own, with our schema, in a temporary folder that is gone afterwards."""

import contextlib
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks.rounds import until
from deployments.embedded import child, datafolder, roles, stack
from deployments.embedded.postgres import Postgres
from deployments.migrate import migrate

_PORTS = (stack.POSTGRES_PORT, stack.NATS_PORT, stack.PREFECT_PORT)

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, kw_only=True)
class Database:
    """A running, migrated database.

    Attributes:
        port: where it listens on loopback.
        password: of `healing_user`.
        url: SQLAlchemy's, as `healing_user`.
        api_url: the same as the web server.
        migrator_url: the same as the migrator.
        owner: an autocommit connection of the superuser, to fill and empty the tables.
    """

    port: int
    password: str = field(repr=False)
    url: str = field(repr=False)
    api_url: str = field(repr=False)
    migrator_url: str = field(repr=False)
    owner: Connection


@contextlib.contextmanager
def scratch(prefix: str = "selfheal-bench-") -> Iterator[Path]:
    """A temporary folder that the servers' unprivileged user may enter."""
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextlib.contextmanager
def own_database(folder: Path) -> Iterator[Database]:
    """Start a cluster in `folder`, make roles and schema, and end it afterwards."""
    with datafolder.open_folder(folder / "data", wanted_ports=dict.fromkeys(_PORTS)) as opened:
        postgres = stack.embedded_postgres(opened, identity=child.run_as("nobody", folder=opened.path))
        server = postgres.start()
        try:
            until(lambda: postgres.ready() or server.poll() is not None, what="Postgres answers")
            yield from _prepared(postgres, roles.RolePasswords.of(opened.credentials))
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: the cluster is thrown away, its shared memory must go too
            server.wait(timeout=30)


def _prepared(postgres: Postgres, passwords: roles.RolePasswords) -> Iterator[Database]:
    stack.prepare(postgres, passwords)
    migrator_url = postgres.url(user=roles.MIGRATOR, password=passwords.migrator, database=roles.SELFHEAL_DATABASE)
    migrate(migrator_url)
    with psycopg.connect(postgres.superuser_dsn(), dbname=roles.SELFHEAL_DATABASE, autocommit=True) as owner:
        yield Database(
            port=postgres.port,
            password=passwords.healer,
            url=postgres.url(user=roles.HEALER, password=passwords.healer, database=roles.SELFHEAL_DATABASE),
            api_url=postgres.url(user=roles.API, password=passwords.api, database=roles.SELFHEAL_DATABASE),
            migrator_url=migrator_url,
            owner=owner,
        )
