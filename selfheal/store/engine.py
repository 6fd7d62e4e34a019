"""The database connection: a small pool with time-outs, and errors in our words."""

import functools
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Dialect, Engine, TextClause, create_engine, event, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from selfheal.model.errors import NotAllowed, Permanent, Transient
from selfheal.model.identity import Identity
from selfheal.policy.identity import sees_all

T = TypeVar("T")

_SESSION = "-c lock_timeout=5000 -c idle_in_transaction_session_timeout=10000 -c timezone=UTC"


_PATIENCE_S = 12.0  # longer than any statement may take
_FRESH_S = (
    1.0  # a connection that was used so lately is not asked whether it lives: that would be every other round trip
)


class _Bounded(psycopg.Connection[Any]):
    """A connection whose calls end by our own clock.

    The server's time-outs live in the server: a frozen one keeps none of them, and its kernel goes on to
    acknowledge what we send.
    """

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Drive one exchange with the server, at most `_PATIENCE_S` long; afterwards the connection is closed."""
        try:
            return super().wait(gen, interval, _PATIENCE_S if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:  # noqa: SLF001 - the only name that psycopg has for it
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {_PATIENCE_S:g} s") from error


def open_engine(url: str, *, pool_size: int = 5, statement_s: int = 10) -> Engine:
    """An engine: the dispatcher's, or the web server's, whoever the url names.

    A dead server is noticed within seconds (connect 3 s, unanswered data 3 s, keepalives), a full or slow one
    within the statement's 10 s, a frozen one within 12 s; nothing waits longer than that.

    Args:
        url: of Postgres, `postgresql://...`.
        pool_size: connections kept; as many again may be opened for a moment.
        statement_s: how long one statement may take; never longer than ten seconds.

    Raises:
        Permanent: it is no URL of a Postgres.
    """
    try:
        address = make_url(url).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError) as error:
        raise Permanent(
            "SELFHEAL_DATABASE_URL is no URL of a Postgres", hint="postgresql://USER:...@HOST/NAME"
        ) from error
    asked: dict[str, Any] = dict(address.query)  # sslmode, where the settings name one
    engine = create_engine(
        address,
        creator=lambda: _Bounded.connect(
            host=address.host,
            port=address.port,
            user=address.username,
            password=address.password,
            dbname=address.database,
            connect_timeout=3,
            **asked,
            tcp_user_timeout=3000,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=2,
            options=f"{_SESSION} -c statement_timeout={statement_s * 1000}",
            application_name="selfheal",
        ),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=5,
    )
    _ask_idle_ones(engine)
    return engine


def _ask_idle_ones(engine: Engine) -> None:
    """Ask a connection whether it lives before it is used, unless it has just been; if not, all are opened anew."""

    @event.listens_for(engine, "connect")
    def belong(_connection: Any, record: Any) -> None:
        record.info["pool"] = engine.pool

    @event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()
        if record.info.get("pool") is not engine.pool:  # disposed of while it was in use: nobody will use it again
            record.invalidate()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _proxy: Any) -> None:
        now = time.monotonic()
        if now - record.info.get("used", now) < _FRESH_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise InvalidatePoolError from error


_whole: ContextVar[tuple[Engine, Connection] | None] = ContextVar("_whole", default=None)
_seen: ContextVar[tuple[Engine, Identity] | None] = ContextVar("_seen", default=None)
_ALL_TENANTS = "selfheal_api_admin"
_SEEN = text("SELECT set_config('app.current_tenant_id', :tenant, true)")
_SEEN_ALL = text("SELECT set_config('app.current_tenant_id', '', true), set_config('role', :role, true)")


@contextmanager
def seen_by(engine: Engine, identity: Identity) -> Iterator[None]:
    """All that is asked on this engine, in this context, is asked for this person: they see their tenant's rows.

    It holds for each transaction by itself and ends with it, so that nothing of it is left in the pool, or in a
    pgbouncer's. Entered before `as_one` and `rehearsing`, never inside.
    """
    if _part_of(engine) is not None:
        raise RuntimeError("one transaction is seen by one person: seen_by belongs around it")
    token = _seen.set((engine, identity))
    try:
        yield
    finally:
        _seen.reset(token)


def _viewer(engine: Engine) -> Identity | None:
    """Whom this call is for."""
    kept = _seen.get()
    return kept[1] if kept is not None and kept[0] is engine else None


def _look_as(connection: Connection, viewer: Identity | None) -> None:
    """Say whose rows this transaction sees."""
    if viewer is None:
        return
    if sees_all(viewer):
        connection.execute(_SEEN_ALL, {"role": _ALL_TENANTS})
    else:
        connection.execute(_SEEN, {"tenant": str(viewer.tenant or "")})


@contextmanager
def rehearsing(engine: Engine) -> Iterator[None]:
    """A dry run: all that is done on this engine, in this context, is one transaction that is rolled back at the end.

    So a dry run asks what the real one asks, its refusals and results included, and writes nothing. The locks that it
    takes are held until then: keep it short.
    """
    with _in_our_words(), engine.connect() as connection, connection.begin() as whole:
        _look_as(connection, _viewer(engine))
        token = _whole.set((engine, connection))
        try:
            yield
        finally:
            _whole.reset(token)
            whole.rollback()


@contextmanager
def as_one(engine: Engine) -> Iterator[None]:
    """All that is done on this engine, in this context, is one transaction: there as a whole, or not at all.

    Inside a dry run, or another such whole, it is a part of that, undone by itself if it fails. Keep it short.
    """
    with transaction(engine) as connection:
        token = _whole.set((engine, connection))
        try:
            yield
        finally:
            _whole.reset(token)


def _part_of(engine: Engine) -> Connection | None:
    """The connection of the dry run, or of the whole, that this call is part of."""
    kept = _whole.get()
    return kept[1] if kept is not None and kept[0] is engine else None


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction; what the driver says comes out as `Transient` or `Permanent`.

    Raises:
        Transient: away, full, too slow, a deadlock: the same call may go through later.
        NotAllowed: the role must not do that, or not with that row.
        Permanent: the statement itself is wrong for this database (a missing table).
    """
    kept = _part_of(engine)
    if kept is not None:
        with _in_our_words(), kept.begin_nested():
            yield kept
        return
    with _in_our_words(), engine.begin() as connection:
        _look_as(connection, _viewer(engine))
        yield connection


def first_row(engine: Engine, statement: TextClause, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The first row of one statement that is a transaction by itself; for what is called often.

    The driver alone, on a connection of the pool: no round trips for BEGIN and COMMIT, and much less processor time
    (docs/decisions/breakers.md). Raises the same as `transaction`.
    """
    if _part_of(engine) is not None or _viewer(engine) is not None:
        with transaction(engine) as connected:
            found = connected.execute(statement, dict(values)).first()
            return None if found is None else tuple(found)
    with _in_our_words():
        borrowed = engine.raw_connection()
        connection = cast("psycopg.Connection[tuple[Any, ...]]", borrowed.driver_connection)
        try:
            connection.autocommit = True
            row = connection.execute(_for_driver(statement, engine.dialect), values).fetchone()
            connection.autocommit = False
        except BaseException:
            borrowed.invalidate()
            raise
        finally:
            borrowed.close()
        return row


@functools.lru_cache(maxsize=64)
def _for_driver(statement: TextClause, dialect: Dialect) -> bytes:
    """The statement with the driver's own marks."""
    return str(statement.compile(dialect=dialect)).encode()


@contextmanager
def _in_our_words() -> Iterator[None]:
    """The driver's errors as ours."""
    try:
        yield
    except PoolTimeout as error:
        raise Transient("all database connections of this process are in use", hint="try again shortly") from error
    except (OperationalError, psycopg.OperationalError) as error:
        raise Transient(f"the database does not answer: {_first_line(error)}", hint="see `selfheal doctor`") from error
    except (DBAPIError, psycopg.Error) as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise Transient(f"the database connection broke: {_first_line(error)}") from error
        if _is_forbidden(error):
            raise NotAllowed(
                f"the database does not allow it: {_first_line(error)}",
                hint="is its schema migrated, and the role the right one?",
            ) from error
        raise Permanent(f"the database refuses: {_first_line(error)}", hint="is its schema migrated?") from error


def _is_forbidden(error: DBAPIError | psycopg.Error) -> bool:
    """Whether a right is missing, or a row is not the role's to see or to write."""
    return isinstance(error.orig if isinstance(error, DBAPIError) else error, psycopg.errors.InsufficientPrivilege)


def _first_line(error: DBAPIError | psycopg.Error) -> str:
    """The driver's own words, without the statement and its parameters."""
    said = error.orig if isinstance(error, DBAPIError) else error
    return next(iter(str(said).strip().splitlines()), type(said).__name__)
