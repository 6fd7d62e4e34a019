"""Takes a backup of one data folder: our database as of one moment, the settings in force, the ports.

Not in it: the servers' passwords (a restored folder makes its own), Prefect's database (14 days of runs; what is
true stands in ours), the streams of the embedded NATS (nothing of ours is in them), logs.
"""

import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

from sqlalchemy import create_engine, func, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from deployments import accepted, archive, attach
from deployments.archive import DATABASE, PORTS, SETTINGS, Manifest
from deployments.embedded import alone, child, dump, roles, stack
from deployments.embedded.datafolder import open_folder, refuse_half
from deployments.embedded.stack import Servers
from selfheal.model.errors import Permanent, SelfhealError, Transient
from selfheal.settings.file import interpret
from selfheal.settings.secrets import secrets
from selfheal.store.tables import healing_actions, metadata


@dataclass(frozen=True, kw_only=True)
class Source:
    """Our database, as the migrator.

    Attributes:
        dsn: for libpq's programs.
        url: for SQLAlchemy.
    """

    dsn: str = field(repr=False)
    url: str = field(repr=False)


def take(data: Path, file: Path) -> Manifest:
    """Write the backup of a data folder, whether its stack runs or not.

    Raises:
        NotAllowed: the folder is another user's, or a stack is being started in it.
        Transient: the database of the running stack cannot be asked.
        Permanent: nothing is there to be backed up, or the file cannot be written; nothing is left of it.
    """
    archive.refuse_existing(file)
    attach.running(data)  # says so if the folder is another user's
    settings = _text(accepted.copy_in(data))
    held, known = _held(settings), accepted.about(data)
    with _source(data) as source, archive.writing(file) as writer:
        manifest = _dump(source, writer)
        writer.add(SETTINGS, BytesIO(settings.encode()))
        writer.add(PORTS, BytesIO((_text(data / "ports.json") or "{}").encode()))
        manifest = replace(manifest, secrets=held, overrides=known.overrides if known is not None else ())
        writer.close(manifest)
    return manifest


@contextmanager
def _source(data: Path) -> Iterator[Source]:
    """The database of the running stack, or of one that is started for the moment."""
    running = attach.running(data) is not None
    if not running:
        refuse_half(data)
    settings = interpret(_text(accepted.copy_in(data)), path=None)
    servers = attach.servers(data, settings)  # says so if no stack has ever run there
    if running or settings.postgres.outside:
        yield source_of(servers)
        return
    names = json.loads((data / "ports.json").read_text(encoding="utf-8"))
    owner = (data / "postgres").owner()
    with open_folder(data, wanted_ports=dict.fromkeys(names), server_user=owner) as folder:
        servers = stack.servers(folder, identity=child.run_as(owner, folder=folder.path), settings=settings)
        postgres = stack.embedded_postgres(folder, identity=child.run_as(owner, folder=folder.path))
        if not (postgres.cluster / "PG_VERSION").exists():
            raise Permanent(f"there is no database in {data} yet", hint="start the stack once")
        with alone.serving(postgres):
            yield source_of(servers)


def source_of(servers: Servers) -> Source:
    """Our database, wherever it is."""
    password = servers.passwords.migrator
    return Source(
        dsn=servers.postgres.dsn(user=roles.MIGRATOR, password=password, database=servers.database),
        url=servers.database_url(roles.MIGRATOR),
    )


def _dump(source: Source, writer: archive.Writer) -> Manifest:
    """Dump and count in one snapshot."""
    with connected(source.url) as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        snapshot = str(connection.scalar(text("SELECT pg_export_snapshot()")))
        major = int(connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000")) or 0)
        if major > dump.NEWEST_SERVER:
            raise Permanent(
                f"this Postgres is {major}; the pg_dump that comes with Selfheal takes {dump.NEWEST_SERVER} at most",
                hint="back the database up with the pg_dump of that server",
            )
        manifest = Manifest(
            release=version("selfheal"),
            schema=str(connection.scalar(text("SELECT version_num FROM alembic_version"))),
            taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
            host=platform.node(),
            postgres=major,
            rows=counted(connection),
            under_way=connection.scalar(
                select(func.count()).where(healing_actions.c.status.in_(("PENDING", "RUNNING")))
            )
            or 0,
        )
        with dump.dumping(source.dsn, snapshot=snapshot) as stream:
            writer.add(DATABASE, stream)
    return manifest


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """One transaction without a time limit of its own.

    Raises:
        Transient: the database cannot be reached, or went away.
    """
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise Transient(f"the database cannot be reached: {error.orig}", hint="see `selfheal doctor`") from error
    finally:
        engine.dispose()


def counted(connection: Connection) -> dict[str, int]:
    """Rows by table."""
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in metadata.sorted_tables
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _held(text: str) -> tuple[str, ...]:
    """The names of the settings in this text that are secrets.

    Raises:
        Permanent: they name a database by its url, which is backed up where it runs.
    """
    try:
        settings = interpret(text, path=None, environment={})
    except SelfhealError:  # it is only right together with the environment
        return ("what the settings hold could not be told",)
    if settings.postgres.outside:
        raise Permanent(
            "the database of this stack is by url: it is none of the data folder's",
            hint="back up postgres.url with the tools of whoever runs it, and the settings file beside it",
        )
    return tuple(name for name, _ in secrets(settings))
