"""How much our breakers cost: asking and telling one, beside a durable row without our logic.

Both sides go through Python and psycopg, with as many threads, alternately, in one cluster (synchronous_commit on),
into the same log with its indexes; ours through our store and its pool. Each pair is of another closed breaker, so
that nobody waits for a row's lock.
"""

import functools
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Engine
from uuid6 import uuid7

from benchmarks.case import Case
from benchmarks.database import Database, own_database, scratch
from benchmarks.rounds import alternate
from deployments.embedded import roles
from selfheal.model.breaker import Permit, State, Thresholds
from selfheal.model.breaker_rules import Rules
from selfheal.model.errors import Permanent
from selfheal.policy.breaker_names import agent_breaker
from selfheal.store.breaker_rows import limits_json
from selfheal.store.breakers import Breakers
from selfheal.store.engine import open_engine

ONE, SIXTEEN = 1, 16
BREAKERS = 512
WARM = 50
"""Statements are prepared by then on every connection."""
ASKS, PERMITS = 800, 5
PROBED = agent_breaker("probed")
_FILL = """
    TRUNCATE circuit_breaker_results, circuit_breaker_state, raised_triggers;
    INSERT INTO circuit_breaker_state (component) SELECT 'agent:bench-' || n FROM generate_series(0, 511) n;
    VACUUM (ANALYZE) circuit_breaker_state, circuit_breaker_results;
    CHECKPOINT
"""
_LOCK = "SELECT state, mode, generation, results FROM circuit_breaker_state WHERE component = :name FOR UPDATE"
_INSERT = """
    INSERT INTO circuit_breaker_results (component, at, kind, success, permit, event, limits, state, generation)
    VALUES (:name, clock_timestamp(), 'Result', true, :permit,
            jsonb_build_object('kind', 'Result', 'at', now(), 'success', true, 'chance', 0.1234567890123456,
                               'permit', jsonb_build_object('id', CAST(:permit AS uuid), 'generation', 0)),
            :limits, 'CLOSED', 0)
"""
_KEPT = ", on a connection of the driver that each thread keeps: no pool, no SQLAlchemy"
_COMMIT = f"a plain durable commit: the same row of the log by one INSERT, its own transaction{_KEPT}"
_TRANSACTION = f"BEGIN; SELECT of the breaker FOR UPDATE; INSERT of the same row of the log; COMMIT{_KEPT}"
_PROBES = f"none: {ASKS} asks of a half-open breaker from {SIXTEEN} threads at once; {PERMITS} is right"

Work = Callable[[str, UUID], None]


@dataclass(frozen=True, kw_only=True)
class Load:
    """How a case is measured: so many threads, each with a connection, for so long, so often."""

    connections: int
    rounds: int
    seconds: int


def breaker(*, quick: bool) -> list[Case]:
    """All cases."""
    rounds, seconds = (1, 1) if quick else (9, 3)
    with scratch() as folder, own_database(folder) as database:
        engine = open_engine(database.url, pool_size=SIXTEEN)
        try:
            one = _measured(database, engine, _commit, Load(connections=ONE, rounds=rounds, seconds=seconds))
            sixteen = _measured(
                database, engine, _transaction, Load(connections=SIXTEEN, rounds=rounds, seconds=seconds)
            )
            probes = tuple(_permits(database, engine) for _ in range(rounds))
        finally:
            engine.dispose()
    return [
        _case("one", one, _COMMIT),
        _case("sixteen", sixteen, _TRANSACTION),
        Case(name="probes", unit="permits", ours=probes, what_other=_PROBES),
    ]


def _case(name: str, found: Mapping[str, tuple[float, ...]], what_other: str) -> Case:
    return Case(name=name, unit="per second", ours=found["ours"], other=found["other"], what_other=what_other)


def _measured(
    database: Database, engine: Engine, other: Callable[[Database], Work], load: Load
) -> Mapping[str, tuple[float, ...]]:
    """One figure per side and round."""
    makers: dict[str, Callable[[], Work]] = {"ours": lambda: _ours(engine), "other": lambda: other(database)}
    sides = {name: functools.partial(_once, database, make, load) for name, make in makers.items()}
    return alternate(sides, rounds=load.rounds, what=f"{load.connections} connections")


def _once(database: Database, make: Callable[[], Work], load: Load) -> float:
    """Pairs per second, of threads that have warmed up and begin together; every one of them is in the log."""
    for each in _FILL.split(";"):
        database.owner.execute(each.strip().encode())
    start = threading.Barrier(load.connections)

    def work(thread: int) -> tuple[int, float]:
        names = itertools.cycle([agent_breaker(f"bench-{n}") for n in range(thread, BREAKERS, load.connections)])
        do = make()
        for _ in range(WARM):
            do(next(names), uuid7())
        start.wait()
        count, begun = 0, time.monotonic()
        while time.monotonic() < begun + load.seconds:
            do(next(names), uuid7())
            count += 1
        return count, time.monotonic() - begun

    with ThreadPoolExecutor(load.connections) as pool:
        done = list(pool.map(work, range(load.connections)))
    found = database.owner.execute("SELECT count(*) FROM circuit_breaker_results").fetchone()
    if found != (sum(count + WARM for count, _ in done),):
        raise Permanent(f"the log holds {found}, which is not what was told")
    return sum(count / took for count, took in done)


def _ours(engine: Engine) -> Work:
    breakers = Breakers(engine)

    def pair(name: str, permit: UUID) -> None:
        granted = breakers.ask(name, permit)
        if not isinstance(granted, Permit):
            raise Permanent(granted.reason)
        breakers.tell(name, granted, success=True)

    return pair


def _commit(database: Database) -> Work:
    connection, insert = _raw(database), _for_psycopg(_INSERT)

    def once(name: str, permit: UUID) -> None:
        connection.execute(insert, _values(name, permit))

    return once


def _transaction(database: Database) -> Work:
    connection, lock, insert = _raw(database), _for_psycopg(_LOCK), _for_psycopg(_INSERT)

    def once(name: str, permit: UUID) -> None:
        with connection.transaction():
            connection.execute(lock, {"name": name}).fetchone()
            connection.execute(insert, _values(name, permit))

    return once


def _raw(database: Database) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host="127.0.0.1",
        port=database.port,
        user=roles.HEALER,
        password=database.password,
        dbname=roles.SELFHEAL_DATABASE,
        autocommit=True,
    )


def _for_psycopg(sql: str) -> bytes:
    """The same statement with the driver's own marks."""
    for name in ("name", "permit", "limits"):
        sql = sql.replace(f":{name}", f"%({name})s")
    return sql.encode()


def _values(name: str, permit: UUID) -> dict[str, object]:
    return {"name": name, "permit": permit, "limits": _LIMITS}


_LIMITS = Jsonb(limits_json(Thresholds()))


def _permits(database: Database, engine: Engine) -> float:
    """Ask a half-open breaker from all threads at once; how many were let through."""
    database.owner.execute("TRUNCATE circuit_breaker_results, circuit_breaker_state, raised_triggers")
    at_once = Thresholds(fewest=1, open_for=(timedelta(0),))
    breakers = Breakers(engine, Rules(agent=at_once))
    breakers.tell(PROBED, Permit(id=uuid7(), generation=0), success=False)
    if breakers.look(PROBED).state is not State.HALF_OPEN:
        raise Permanent("the breaker is not half-open")
    with ThreadPoolExecutor(SIXTEEN) as pool:
        answers = list(pool.map(lambda _: breakers.ask(PROBED, uuid7()), range(ASKS)))
    return float(sum(isinstance(answer, Permit) for answer in answers))
