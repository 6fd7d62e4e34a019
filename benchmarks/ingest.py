"""How fast measured values are kept: through the product's writer, beside a plain COPY of the same rows.

30 days of 50 components that are looked at every 5 s are 25.9 million rows. Both sides get them in slices of the same
rows, one after the other and in changing order, into tables that keep what came before: ours into `health_history` (its
days, its index, row security) with the 5-minute rollups in the same transactions; the other side by COPY into a plain
table with the same columns, defaults and index, and nothing else. Making the rows costs neither side anything; putting
them into the words of the wire costs both.

A rollup that is not what a recount of its rows gives is a failure, and so is retention that leaves an old day, or takes
a young one.
"""

import functools
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from benchmarks.case import Case
from benchmarks.database import Database, own_database, scratch
from benchmarks.rounds import alternate
from selfheal.model.errors import Permanent
from selfheal.model.health import HealthStatus, Measured
from selfheal.model.retention import Keep
from selfheal.store.engine import open_engine
from selfheal.store.health_writing import HealthWriter
from selfheal.store.retention import Retention

COMPONENTS, EVERY, DAYS = 50, timedelta(seconds=5), 30
SWEEPS_A_DAY = timedelta(days=1) // EVERY
ROUNDS, QUICK_ROUNDS, QUICK_SWEEPS = 15, 3, 600
_NAMES = tuple(f"component-{number:02}" for number in range(COMPONENTS))
_PLAIN = """
    CREATE TABLE plain (LIKE health_history INCLUDING DEFAULTS);
    CREATE INDEX plain_component ON plain (component, checked_at DESC)
"""
_COPY = "COPY plain (component, status, response_time, checked_at, metric, value) FROM STDIN"
_RECOUNT = """
    WITH recount AS (
        SELECT component, metric, date_bin('5 minutes', checked_at, 'epoch') AS bucket, count(value) AS n, min(value),
               max(value), sum(value) AS sum, sum(value * value) AS sum_squares,
               count(*) FILTER (WHERE status = 'OPERATIONAL') AS operational,
               count(*) FILTER (WHERE status = 'DEGRADED') AS degraded,
               count(*) FILTER (WHERE status = 'DOWN') AS down, count(*) FILTER (WHERE status = 'UNKNOWN') AS unknown
        FROM health_history GROUP BY 1, 2, 3)
    SELECT (SELECT count(*) FROM recount), (SELECT count(*) FROM health_rollup),
           (SELECT count(*) FROM (SELECT * FROM recount EXCEPT
                                  SELECT component, metric, bucket, n, min, max, sum, sum_squares, operational,
                                         degraded, down, unknown FROM health_rollup) odd)
"""
_WHAT = (
    "a plain COPY (one statement a slice, text, by psycopg) of the same {rows:,} rows into one table with the same"
    " columns, defaults and index: no partitions, no rollups, no row security, no checks"
)


def ingest(*, quick: bool) -> list[Case]:
    """The case `copy`; rows per second."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    sweeps = QUICK_SWEEPS if quick else SWEEPS_A_DAY * DAYS // ROUNDS
    begin = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - EVERY * sweeps * rounds
    with scratch() as folder, own_database(folder) as database:
        engine = open_engine(database.url)
        try:
            figures = _measured(database, engine, begin, sweeps, rounds)
            _recount(database)
            _forget(database, engine, days=2 if quick else DAYS)
        finally:
            engine.dispose()
    rows = COMPONENTS * sweeps * rounds
    what = _WHAT.format(rows=rows)
    return [Case(name="copy", unit="rows/s", ours=figures["ours"], other=figures["other"], what_other=what)]


def _measured(
    database: Database, engine: Engine, begin: datetime, sweeps: int, rounds: int
) -> dict[str, tuple[float, ...]]:
    """Rows per second of each side and round, each of the rows that follow those of the round before."""
    for statement in _PLAIN.split(";"):
        database.owner.execute(statement.encode())
    writer = HealthWriter(engine)
    sides = {"ours": functools.partial(_ours, writer), "other": functools.partial(_copy, database)}
    slices = {name: itertools.count() for name in sides}

    def once(name: str) -> float:
        first = begin + EVERY * sweeps * next(slices[name])
        database.owner.execute("CHECKPOINT")  # else one side pays for what the side before it has written
        return COMPONENTS * sweeps / sides[name](first, sweeps)

    return alternate({name: functools.partial(once, name) for name in sides}, rounds=rounds, what="ingest")


def _ours(writer: HealthWriter, first: datetime, sweeps: int) -> float:
    """Seconds that the product's writer takes; the time in which the rows are made does not count."""
    took = 0.0
    for rows in _batches(first, sweeps):
        begun = time.monotonic()
        kept = writer.write(rows)
        took += time.monotonic() - begun
        if kept != len(rows):
            raise Permanent(f"{len(rows) - kept} of {len(rows)} rows were not kept")
    return took


def _copy(database: Database, first: datetime, sweeps: int) -> float:
    """The same of a plain COPY."""
    took = 0.0
    with database.owner.cursor() as cursor, cursor.copy(_COPY) as copy:
        for rows in _batches(first, sweeps):
            begun = time.monotonic()
            copy.write("".join(map(_line, rows)))
            took += time.monotonic() - begun
        begun = time.monotonic()
    return took + time.monotonic() - begun


def _line(row: Measured) -> str:
    return (
        f"{row.component}\t{row.status}\t{row.response_ms}\t{row.checked_at.isoformat()}\t{row.metric}\t{row.value}\n"
    )


def _batches(first: datetime, sweeps: int) -> Iterator[Sequence[Measured]]:
    """Some sweeps after each other, every component in each, as the watcher writes them after each other."""
    size = 200
    for begin in range(0, sweeps, size):
        yield [
            _row(first, sweep, number)
            for sweep in range(begin, min(begin + size, sweeps))
            for number in range(COMPONENTS)
        ]


def _row(first: datetime, sweep: int, number: int) -> Measured:
    """A look: whole milliseconds, so that sums in whatever order are equal to the last bit; one in 97 is slow."""
    slow = (sweep * COMPONENTS + number) % 97 == 0
    took = 20 + (sweep * 7 + number * 13) % 180 + 900 * slow
    return Measured(
        component=_NAMES[number],
        metric="response_time_ms",
        value=float(took),
        status=HealthStatus.DEGRADED if slow else HealthStatus.OPERATIONAL,
        checked_at=first + EVERY * sweep,
        response_ms=took,
    )


def _recount(database: Database) -> None:
    """Each rollup is what its rows come to."""
    begun = time.monotonic()
    found = database.owner.execute(_RECOUNT.encode()).fetchone()
    if found is None or found[0] != found[1] or found[2]:
        raise Permanent(f"the rollups are not what a recount gives: (recounted, kept, different) = {found}")
    sys.stderr.write(f"ingest: {found[1]} rollups equal a recount, which took {time.monotonic() - begun:.1f} s\n")


def _forget(database: Database, engine: Engine, *, days: int) -> None:
    """Retention drops the days that are older than 8, one after the other, and leaves the others as they were."""
    retention = Retention(engine, Keep(raw=timedelta(days=8), rollups=timedelta(days=400), runs=timedelta(days=1)))
    cutoff = datetime.now(UTC) - timedelta(days=8)
    young = _count(database, cutoff)
    begun, dropped = time.monotonic(), list[str]()
    while (name := retention.drop_one()) is not None:
        dropped.append(name)
    took = time.monotonic() - begun
    midnight = cutoff.replace(hour=0, minute=0, second=0, microsecond=0)
    if _count(database, cutoff) != young or _count(database) != _count(database, midnight):
        raise Permanent(f"retention has dropped {', '.join(dropped)}: too much, or too little")
    if days > 8 and not dropped:  # noqa: PLR2004 - as above
        raise Permanent("retention has dropped nothing")
    sys.stderr.write(f"ingest: retention dropped {len(dropped)} days in {took:.2f} s\n")


def _count(database: Database, since: datetime | None = None) -> int:
    found = database.owner.execute(
        "SELECT count(*) FROM health_history WHERE checked_at >= %s", (since or datetime(1970, 1, 2, tzinfo=UTC),)
    ).fetchone()
    return int(str(found[0])) if found else 0
