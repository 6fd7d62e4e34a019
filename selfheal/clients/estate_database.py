"""Asks a database of the estate's own, as the limited role that `selfheal estate-sql` made there.

The sql probes, apply-migration, restart-database and `doctor` call this. Every call connects anew, since a
connection that is kept says nothing about whether the next one would be accepted, and ends by our own clock: a
frozen server keeps none of its time-outs. Nothing is formatted into SQL; names are bound, and looked at before.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

import psycopg
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import PGconn, Ping
from psycopg.rows import dict_row

from selfheal.clients.deadline import run_within
from selfheal.model.errors import NotAllowed, Permanent, SelfhealError, TargetChanged, Transient, Undone
from selfheal.model.migration import CatalogueEntry
from selfheal.model.observation import Incarnation
from selfheal.model.role_rights import RoleRights

T = TypeVar("T")

OBJECT = re.compile(r"[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}")
ENTRY = re.compile(r"[a-z0-9_.-]{1,50}")
PATIENCE = timedelta(seconds=10)
"""How much longer than the server's own time-out the answer to a migration is waited for."""
LONGEST_MS = 2**31 - 1
"""Of a statement time-out, as Postgres takes it."""

_LOOK = """
    SELECT c.oid::text AS oid, c.relkind::text AS kind, c.relispopulated AS populated, c.relfilenode::text AS contents
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s"""
_ENTRIES = "SELECT name, creates, sql, sha256 FROM selfheal_estate.entries()"
_BOUND = "SELECT set_config('statement_timeout', %s, false)"
_APPLY = "SELECT selfheal_estate.apply_migration(%s, %s) AS ran"
_RIGHTS = """
    SELECT r.rolname AS role, r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls
           AS privileged,
           ARRAY(SELECT g.rolname::text FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
                 WHERE m.member = r.oid ORDER BY 1) AS member_of,
           ARRAY(SELECT 'database ' || current_database() WHERE has_database_privilege(current_database(), 'CREATE')
                 UNION ALL
                 SELECT 'schema ' || nspname FROM pg_catalog.pg_namespace n
                 WHERE has_schema_privilege(n.oid, 'CREATE') AND n.nspname !~ '^pg_') AS may_create_in
    FROM pg_catalog.pg_roles r WHERE r.rolname = current_user"""

_TABLES = frozenset("rpvmf")  # table, partitioned table, view, materialized view, foreign table
_NOT_SET_UP = frozenset({"3F000", "42883", "42501"})  # no such schema, no such function, no right to it
_OURS = frozenset({"SH001", "SH002"})  # as `apply_migration` says them
_ENDED = ("08", "57P")  # the connection broke, the server was shut down
_AGAIN = "run the output of `selfheal estate-sql` in that database again"


class EstateDatabase:
    """Fulfils `ports.EstateDatabase`; without state, so that any number of threads may call it.

    Args:
        url: `postgresql://HOST:PORT/DATABASE`, without a user and a password.
        username: the limited role.
        password: its password; empty when the server asks for none.
        timeout: for each call but those that bring their own.
    """

    def __init__(
        self, *, url: str, username: str, password: str = "", timeout: timedelta = timedelta(seconds=5)
    ) -> None:
        self._url = url
        self._login = {"user": username, "application_name": "selfheal"} | ({"password": password} if password else {})
        self._timeout = timeout

    def ping(self, *, timeout: timedelta) -> int:
        """SELECT 1; the milliseconds of it, connecting included.

        Raises:
            Transient: refused, or no answer in time: it does not work.
            Permanent: it answers, and does not let us in: it is starting, full, or we ask wrongly.
        """
        begun = time.monotonic()
        try:
            self._ask("SELECT 1", (), timeout=timeout)
        except psycopg.Error as error:
            raise Transient(f"the database cannot even SELECT 1: {_words(error)}") from error
        return round((time.monotonic() - begun) * 1000)

    def object(self, name: str, *, timeout: timedelta) -> Incarnation:
        """A table, view or materialized view: PRESENT, MISSING or UNPOPULATED; raises what `ping` raises."""
        if not OBJECT.fullmatch(name):
            raise NotAllowed(f"{name[:130]!r} is no name of a table or view", hint='write it like "wms.stock_levels"')
        rows = self._read(_LOOK, tuple(name.split(".")), timeout=timeout)
        if not rows:
            return Incarnation(pid=0, started_at=0, state="MISSING")
        found = rows[0]
        if found["kind"] not in _TABLES:
            raise Permanent(f"{name} is no table or view, but something else of this name", hint="look at it by hand")
        state = "PRESENT" if found["populated"] else "UNPOPULATED"
        contents = found["contents"] if found["kind"] == "m" else ""
        return Incarnation(pid=0, started_at=0, state=state, id=found["oid"], exact_start=contents)

    def entries(self) -> Mapping[str, CatalogueEntry]:
        """The catalogue of migrations as the database holds it, by name.

        Raises:
            NotAllowed: the database has none, or not for this role.
        """
        try:
            rows = self._read(_ENTRIES, (), timeout=self._timeout)
        except _Refused as error:
            if error.sqlstate in _NOT_SET_UP:
                raise NotAllowed(f"it has no catalogue for this role: {error}", hint=_AGAIN) from error
            raise
        return {row["name"]: CatalogueEntry(**row) for row in rows}

    def apply(self, entry: str, *, sha256: str, timeout: timedelta) -> bool:
        """Run an entry in one transaction, unless its object stands; whether it ran.

        Raises:
            TargetChanged: the database holds another SQL under this name: nothing was run.
            Undone: it failed, and the database has taken all of it back.
            Transient: nobody can tell: the connection broke, or the server froze.
        """
        if not ENTRY.fullmatch(entry):
            raise NotAllowed(f"{entry[:60]!r} is no name of a migration")
        bound = str(min(round(timeout.total_seconds() * 1000), LONGEST_MS))
        try:
            rows = self._ask(_APPLY, (entry, sha256), timeout=timeout + PATIENCE, before=(_BOUND, (bound,)))
        except psycopg.Error as error:
            if error.sqlstate in _OURS:
                raise TargetChanged(f"not run: {_words(error)}", hint=_AGAIN) from error
            raise Undone(_words(error)) from error
        return bool(rows[0]["ran"])

    def rights(self) -> RoleRights:
        """What the role may do that it need not; raises what `ping` raises."""
        (row,) = self._read(_RIGHTS, (), timeout=self._timeout)
        return RoleRights(**row | {"member_of": tuple(row["member_of"]), "may_create_in": tuple(row["may_create_in"])})

    def _read(self, statement: str, values: tuple[str, ...], *, timeout: timedelta) -> list[dict[str, Any]]:
        """`_ask`, and what the server says of the statement in our words."""
        try:
            return self._ask(statement, values, timeout=timeout)
        except psycopg.Error as error:
            raise _Refused(error) from error

    def _ask(
        self,
        statement: str,
        values: tuple[str, ...],
        *,
        timeout: timedelta,
        before: tuple[str, tuple[str, ...]] | None = None,
    ) -> list[dict[str, Any]]:
        """One new connection, and the rows of one statement.

        Raises:
            psycopg.Error: what the server said of the statement itself.
        """
        try:
            return run_within(lambda: self._run(statement, values, before), timeout)
        except TimeoutError:
            raise Transient(
                f"the database gave no answer within {timeout.total_seconds():g} s",
                hint="see whether its server is frozen or the network drops its packets",
            ) from None

    async def _run(
        self, statement: str, values: tuple[str, ...], before: tuple[str, tuple[str, ...]] | None
    ) -> list[dict[str, Any]]:
        address = self._address()
        try:
            connection = await _Cut.connect(address, autocommit=True, row_factory=dict_row)
        except psycopg.OperationalError as error:
            raise await _not_let_in(address, error) from error
        try:
            if before is not None:
                await connection.execute(*before)
            cursor = await connection.execute(statement, values)
            return await cursor.fetchall()
        except psycopg.Error as error:
            if error.sqlstate is None or error.sqlstate.startswith(_ENDED):
                raise Transient(f"the connection to the database broke: {_words(error)}") from error
            raise
        finally:
            connection.pgconn.finish()

    def _address(self) -> str:
        """Where and as whom to connect, as libpq takes it."""
        try:
            address = make_conninfo(self._url, **self._login)
            ports = str(conninfo_to_dict(address).get("port") or "").split(",")
            if all(not port or port.isdecimal() for port in ports):
                return address
        except psycopg.ProgrammingError:  # told below in our words: its own may hold the password
            pass
        raise Permanent(
            "the database's url is none of a Postgres", hint='write url = "postgresql://HOST:PORT/DATABASE"'
        )


async def _not_let_in(address: str, error: psycopg.Error) -> SelfhealError:
    """Why we could not connect, by libpq's own judgement: its errors carry no code, and their words are translated."""
    asked = make_conninfo(address, connect_timeout=2).encode()
    said = _words(error)
    match await asyncio.to_thread(PGconn.ping, asked):
        case Ping.OK:
            return Permanent(
                f"the database answers, and does not let us in: {said}",
                hint="correct its url, username and password; if it is full, see who holds its connections",
            )
        case Ping.REJECT:
            return Permanent(f"the database takes no connections now: it starts, recovers or stops: {said}")
        case _:
            return Transient(f"the database does not answer: {said}", hint="see whether its server runs")


class _Refused(Permanent):
    """What the server said of a statement."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(f"the database refuses: {_words(error)}")
        self.sqlstate = error.sqlstate


class _Cut(psycopg.AsyncConnection[Any]):
    """A connection that is cut at the deadline; the driver would first ask the server, for 10 s, to cancel."""

    async def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:  # noqa: ASYNC109 - the driver's
        """Drive one exchange with the server."""
        return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)


def _words(error: psycopg.Error) -> str:
    """The server's own words, in one line."""
    return " ".join(str(error).split())[:500] or type(error).__name__
