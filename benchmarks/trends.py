"""How long a look at all series takes: a week of 3,000 series from the rollups of a real Postgres.

`read` is the full analysis of what is in memory beside reading the same rows into memory, `per-series-fit` the same
beside scikit-learn series by series, `cycle` the 5-minute cycle beside the full analysis, both of what is in memory,
and `read-bucket` the reading of one bucket beside that of the week.
"""

import gc
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LinearRegression, TheilSenRegressor

from benchmarks.case import Case
from benchmarks.database import Connection, own_database, scratch
from benchmarks.rounds import alternate
from selfheal.forecast.forecaster import Forecaster
from selfheal.forecast.rows import BUCKET_S, HOUR, WEEK
from selfheal.model.errors import Permanent

Table = npt.NDArray[np.float64]
METRICS = 3
LIMIT = 100.0
MOST_MB = 1024.0
"""What the whole process may use at its height."""
_BUCKETS = np.dtype([("size", ">i4"), ("value", ">i4")])
_VALUES = np.dtype([("size", ">i4"), ("value", ">f8")])
"""The elements of an int4[] and of a float8[] in a binary COPY, none of them NULL."""
_ARRAY = 20
"""Bytes before them: dimensions, flags, type, length, lower bound."""
_HEAD = 19
"""Bytes before the first row of a binary COPY."""
_FILL = """
    INSERT INTO health_rollup (component, metric, bucket, n, min, max, sum, sum_squares,
                               operational, degraded, down, unknown)
    SELECT 'service-' || c, 'metric_' || m, %(begins)s::timestamptz + b * interval '5 minutes', 60,
           v.value - 1, v.value, 60 * v.value, 60 * v.value * v.value, 60, 0, 0, 0
    FROM generate_series(1, %(components)s) AS c, generate_series(1, 3) AS m, generate_series(0, 2016) AS b,
         LATERAL (SELECT 50 + 20 * sin(b * 2 * pi() / 288 + c) + 2 * random()
                         + (c %% 10 = 0)::int * b * 0.01) AS v (value)
"""
_SERIES = "SELECT DISTINCT component, metric FROM health_rollup WHERE bucket = to_timestamp(%s) ORDER BY 1, 2"
_READ = """
    COPY (
        SELECT s.place::int4, array_agg(((extract(epoch FROM r.bucket) - %(since)s) / 300)::int4),
               array_agg(coalesce(r.max, 'NaN'))
        FROM unnest(%(components)s::text[], %(metrics)s::text[]) WITH ORDINALITY AS s (component, metric, place)
        JOIN health_rollup r USING (component, metric)
        WHERE r.bucket >= to_timestamp(%(since)s) AND r.bucket < to_timestamp(%(until)s)
        GROUP BY s.place
    ) TO STDOUT (FORMAT BINARY)
"""


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much there is.

    Attributes:
        components: with three metrics each.
        rounds: figures of each side.
        fitted: series that scikit-learn is timed on.
    """

    components: int
    rounds: int
    fitted: int


FULL = Load(components=1000, rounds=5, fitted=20)
QUICK = Load(components=10, rounds=1, fitted=2)


def trends(*, quick: bool) -> list[Case]:
    """All cases; fails where the memory grew above 1 GB.

    Raises:
        Permanent: it did, or the rows that came are not those that were written.
    """
    load = QUICK if quick else FULL
    with scratch() as folder, own_database(folder) as database:
        begins = _filled(database.owner, load)
        cases = _measured(database.owner, begins, load)
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stderr.write(f"trends: at most {highest:.0f} MB of memory\n")
    if highest > MOST_MB:
        raise Permanent(f"the analysis used {highest:.0f} MB, more than {MOST_MB:.0f}")
    return [
        *cases,
        Case(name="memory", unit="MB", ours=(highest,), what_other="nothing: the whole process at its height"),
    ]


def _measured(owner: Connection, begins: int, load: Load) -> list[Case]:
    names = owner.execute(_SERIES, (begins,)).fetchall()
    limits = np.full(len(names), LIMIT)
    first = begins // BUCKET_S
    week, row = _read(owner, names, begins, rows=WEEK), _read(owner, names, begins + WEEK * BUCKET_S, rows=1)
    state = Forecaster.of(week, limits, bucket=first)

    def cycle() -> None:
        """The values of one bucket stand for those of each next one."""
        state.observe(state.history.bucket + 1, row[0])
        state.judge()

    sides = {
        "read": lambda: _timed(lambda: _read(owner, names, begins, rows=WEEK)),
        "read-bucket": lambda: _timed(lambda: _read(owner, names, begins + WEEK * BUCKET_S, rows=1)),
        "full": lambda: _timed(lambda: Forecaster.of(week, limits, bucket=first).judge()),
        "cycle": lambda: _timed(cycle),
        "fits": lambda: _each(week, load.fitted, _lines),
        "line": lambda: _each(week, load.fitted, _one_line),
    }
    return _cases(alternate(sides, rounds=load.rounds, what="trends"), rows=week.size, fitted=load.fitted)


def _cases(found: Mapping[str, tuple[float, ...]], *, rows: int, fitted: int) -> list[Case]:
    """What was measured, each beside what it is measured by."""
    full = "the full analysis of the week, which is in memory"
    reading = f"a binary COPY of the same {rows:,} rows of health_rollup into a numpy table"
    fitting = f"scikit-learn, series by series, on {fitted} of them and scaled up: "
    return [
        Case(name="read", unit="s", ours=found["full"], other=found["read"], what_other=reading),
        Case(
            name="per-series-fit",
            unit="s",
            ours=found["full"],
            other=found["fits"],
            what_other=f"{fitting}LinearRegression over 1, 2 and 4 h and TheilSenRegressor over 6 h, our own lines",
        ),
        Case(
            name="per-series-line",
            unit="s",
            ours=found["full"],
            other=found["line"],
            what_other=f"{fitting}one LinearRegression of the week on the time and the hour of the day, no more",
        ),
        Case(name="cycle", unit="s", ours=found["cycle"], other=found["full"], what_other=full),
        Case(name="read-bucket", unit="s", ours=found["read-bucket"], other=found["read"], what_other=reading),
    ]


def _each(week: Table, fitted: int, fit: Callable[[Table], None]) -> float:
    """Seconds for all series, from some of them spread over the others."""
    some = week[:, :: max(1, week.shape[1] // fitted)]
    took = _timed(lambda: deque(map(fit, some.T), maxlen=0))
    return took * float(week.shape[1] / some.shape[1])


def _lines(values: Table) -> None:
    """The lines that our own analysis draws, with an estimator each."""
    for hours in (1, 2, 4):
        LinearRegression().fit(np.arange(hours * HOUR)[:, None], values[-hours * HOUR :])
    TheilSenRegressor(random_state=0).fit(np.arange(6 * HOUR)[:, None], values[-6 * HOUR :])


def _one_line(values: Table) -> None:
    """What everybody writes first: the week, on the time and the hour of the day."""
    rows = np.arange(values.size)
    LinearRegression().fit(np.column_stack((rows, np.eye(24)[rows // HOUR % 24])), values)


def _timed(work: Callable[[], object]) -> float:
    gc.collect()
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _filled(owner: Connection, load: Load) -> int:
    """Write a week and one bucket; gives the seconds of its beginning."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begins = today - timedelta(days=8)
    for day in range(9):
        owner.execute("SELECT ensure_health_partition(%s)", ((begins + timedelta(days=day)).date(),))
    sys.stderr.write(f"trends: {load.components * METRICS:,} series are written\n")
    owner.execute(_FILL, {"begins": begins, "components": load.components})
    owner.execute("VACUUM (ANALYZE) health_rollup")
    return int(begins.timestamp())


def _read(owner: Connection, names: Sequence[tuple[object, ...]], since: int, *, rows: int) -> Table:
    """So many rows of all series as a table, in the order of their names.

    Raises:
        Permanent: other rows came than were written.
    """
    components, metrics = (list(words) for words in zip(*names, strict=True))
    asked = {"components": components, "metrics": metrics, "since": since, "until": since + rows * BUCKET_S}
    table = np.full((rows, len(names)), np.nan)
    came = 0
    with owner.cursor() as cursor, cursor.copy(_READ, asked) as copy:
        for number, block in enumerate(copy):
            told = bytes(block)[_HEAD if number == 0 else 0 :]
            came += _put(table, told) if len(told) > _ARRAY else 0  # the last message says only that it is the last
    if came != table.size:
        raise Permanent(f"{came} rows came of {table.size}")
    return table


def _put(table: Table, row: bytes) -> int:
    """One series, as it comes: its place from 1, its buckets, its values; gives how many."""
    place = int.from_bytes(row[6:10], "big") - 1
    buckets, after = _elements(row, 10, _BUCKETS)
    values, _ = _elements(row, after, _VALUES)
    table[buckets, place] = values
    return int(values.size)


def _elements(row: bytes, begins: int, kind: np.dtype[np.void]) -> tuple[npt.NDArray[Any], int]:
    """The elements of an array field and where the next field begins."""
    size = int.from_bytes(row[begins : begins + 4], "big")
    count = (size - _ARRAY) // kind.itemsize
    found = np.frombuffer(row, dtype=kind, count=count, offset=begins + 4 + _ARRAY)
    return found["value"], begins + 4 + size
