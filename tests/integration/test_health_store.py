"""What is measured is kept once and in its bucket, whatever the database did meanwhile; and forgotten by whole days."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from postgres_proxy import HEALTH, Hold, Proxy
from sqlalchemy import Engine, text

from selfheal.model.errors import Permanent, Transient
from selfheal.model.health import ComponentHealth, HealthStatus, Measured
from selfheal.store import health_writing
from selfheal.store.engine import first_row as engine_first_row
from selfheal.store.engine import open_engine
from selfheal.store.health import HealthHistory
from selfheal.store.health_writing import HealthWriter

RECOUNT = text(
    """SELECT component, metric, date_bin('5 minutes', checked_at, 'epoch') AS bucket, count(value) AS n, min(value),
              max(value), coalesce(sum(value), 0) AS sum, coalesce(sum(value * value), 0) AS sum_squares,
              count(*) FILTER (WHERE status = 'OPERATIONAL') AS operational,
              count(*) FILTER (WHERE status = 'DEGRADED') AS degraded,
              count(*) FILTER (WHERE status = 'DOWN') AS down, count(*) FILTER (WHERE status = 'UNKNOWN') AS unknown
       FROM health_history GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
)
ROLLUPS = text("SELECT * FROM health_rollup ORDER BY component, metric, bucket")
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


def value(number: float | None, at: datetime = NOON, **changes: object) -> Measured:
    """One value of one component."""
    status = HealthStatus.DOWN if number is None else HealthStatus.OPERATIONAL
    one = Measured(component="web", metric="response_time_ms", value=number, status=status, checked_at=at)
    return replace(one, **changes)


def asked(engine: Engine, statement: object) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(statement)]


def test_rollups_are_what_a_recount_gives(empty: Engine) -> None:
    """Several batches, late ones among them, values without an answer, another metric, the edges of a bucket."""
    writer = HealthWriter(empty)
    times = [NOON + timedelta(seconds=s) for s in (0, 5, 299.999999, 300, 899)]
    writer.write([value(n, at) for n, at in enumerate(times)])
    writer.write([value(None, times[1]), value(7, times[1] - timedelta(days=20)), value(99, times[0], metric="x")])
    writer.write([value(n % 9, NOON + timedelta(seconds=n), component=f"c{n % 3}") for n in range(900)])
    assert asked(empty, ROLLUPS) == asked(empty, RECOUNT)
    web = [row for row in asked(empty, ROLLUPS) if row[:2] == ("web", "response_time_ms")]
    assert [(row[2], row[3]) for row in web][-3:] == [
        (NOON, 3),
        (NOON + timedelta(minutes=5), 1),
        (NOON + timedelta(minutes=10), 1),
    ]


def test_whatever_stands_in_a_detail_is_kept(empty: Engine) -> None:
    """Quotes, braces, backslashes, NULL as a word, line breaks and NUL bytes are no way out of the array."""
    words = ['a "b" \\ {c}, NULL', "NULL", "it's\nnew", "nul\x00byte", ""]
    HealthWriter(empty).write([value(1, detail=word) for word in words])
    found = asked(empty, text("SELECT error FROM health_history ORDER BY error"))
    assert {row[0] for row in found} == {*words[:3], "nul\N{REPLACEMENT CHARACTER}byte", None}


def test_a_number_that_is_none_is_no_value(empty: Engine) -> None:
    """Infinity and NaN would spoil every sum; the look itself is counted."""
    HealthWriter(empty).write([value(float("nan")), value(float("inf")), value(2)])
    ((_, _, _, n, _, _, total, *_, operational, _, _, _),) = asked(empty, ROLLUPS)
    assert (n, total, operational) == (1, 2, 3)


def test_a_number_whose_square_is_none_refuses_no_batch(empty: Engine) -> None:
    """Huge ones are no values, tiny ones are nothing, and what came with them is kept."""
    HealthWriter(empty).write([value(1e300), value(-1e300), value(5e-324), value(1e99), value(2)])
    with empty.connect() as connection:
        assert list(connection.scalars(text("SELECT value FROM health_history ORDER BY value NULLS LAST"))) == [
            0,
            2,
            1e99,
            None,
            None,
        ]
        assert connection.scalar(text("SELECT n FROM health_rollup")) == 3


def test_a_time_out_of_range_is_left_out_and_said(empty: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Older than the rollups are kept, or of a clock that is ahead; the others of the batch are kept."""
    now = datetime.now(UTC)
    writer = HealthWriter(empty)
    rows = [value(1, now - timedelta(days=401)), value(2, now), value(3, now + timedelta(days=30))]
    assert [writer.write(rows), writer.write(rows)] == [1, 1]
    assert [one.message for one in caplog.records] == [
        "2 values are 399 days old or a day ahead, and are not kept: see this host's clock"
    ]
    assert [row[3] for row in asked(empty, ROLLUPS)] == [2]


def test_a_look_with_further_values_is_a_row_each(empty: Engine) -> None:
    """The newest look is told with its response time, whatever else was measured; hosts are no components."""
    look = ComponentHealth(
        component="web",
        status=HealthStatus.OPERATIONAL,
        response_ms=12,
        detail="",
        checked_at=datetime.now(UTC),
        values={"memory_percent": 41.5},
    )
    host = value(3, look.checked_at, component="host:here", metric="cpu_percent")
    health = HealthHistory(empty)
    health.record([look], [host])
    assert list(health.latest()) == [replace(look, values={})]
    found = asked(empty, text("SELECT component, metric, value, response_time FROM health_history ORDER BY 1, 2"))
    assert found == [
        ("host:here", "cpu_percent", 3, None),
        ("web", "memory_percent", 41.5, None),
        ("web", "response_time_ms", 12, 12),
    ]


@pytest.mark.parametrize("hold", ["commit", "answer"])
def test_what_a_cut_connection_leaves_is_written_once(
    empty: Engine, hold: Hold, caplog: pytest.LogCaptureFixture
) -> None:
    """Cut before or after the commit: the sweep waits, says so, and is there once after the next one."""
    url = empty.url.set(drivername="postgresql")
    proxy = Proxy(int(url.port or 0), marker=HEALTH, hold=hold)
    near = open_engine(url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False))
    writer = HealthWriter(near)
    try:
        with ThreadPoolExecutor(1) as thread:
            cut = thread.submit(writer.record, [value(1), value(2, component="db")])
            assert proxy.reached.wait(10)
            proxy.release(forward=False)
            with pytest.raises(Transient, match="health of 1 sweeps waits for it"):
                cut.result(20)
        writer.record([value(3, NOON + timedelta(seconds=5))])
    finally:
        near.dispose()
        proxy.close()
    assert [row[2:4] for row in asked(empty, RECOUNT)] == [(NOON, 1), (NOON, 2)]
    assert asked(empty, ROLLUPS) == asked(empty, RECOUNT)
    assert "health of 1 sweeps is written late, of 0 sweeps it is lost" in caplog.messages


def test_a_batch_whose_first_row_is_out_of_range_is_written_once(
    empty: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer was lost: that it is there is told by the first of its rows that was kept."""
    lost = [Transient("the answer is lost")]

    def first_row(*given: object) -> object:
        row = engine_first_row(*given)
        if lost:
            raise lost.pop()
        return row

    monkeypatch.setattr(health_writing, "first_row", first_row)
    writer = HealthWriter(empty)
    with pytest.raises(Transient):
        writer.record([value(1, NOON - timedelta(days=500)), value(2), value(3, component="db")])
    writer.record([])
    assert [row[2:4] for row in asked(empty, RECOUNT)] == [(NOON, 1), (NOON, 1)]
    assert asked(empty, ROLLUPS) == asked(empty, RECOUNT)


def test_more_than_an_hour_is_lost_and_said(
    empty: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While the database is away the oldest sweeps give way; how many is said meanwhile and afterwards."""
    monkeypatch.setattr(health_writing, "MOST_WAITING", 3)
    away = [Transient("the database is away")] * 5

    def first_row(*given: object) -> object:
        if away:
            raise away.pop()
        return engine_first_row(*given)

    monkeypatch.setattr(health_writing, "first_row", first_row)
    writer = HealthWriter(empty)
    for n in range(5):
        with pytest.raises(Transient) as error:
            writer.record([value(n, NOON + timedelta(seconds=n))])
    assert error.value.message == "the database is away; health of 3 sweeps waits for it, of 2 it is lost"
    writer.record([value(5, NOON + timedelta(seconds=5))])
    assert [row[0] for row in asked(empty, text("SELECT value FROM health_history ORDER BY 1"))] == [3, 4, 5]
    assert "health of 2 sweeps is written late, of 3 sweeps it is lost" in caplog.messages


def test_a_batch_that_is_refused_stops_no_other(empty: Engine) -> None:
    """What Postgres will never take does not wait in front of the others."""
    writer = HealthWriter(empty)
    with pytest.raises(Permanent):
        writer.record([value(1, component="x" * 51)])
    writer.record([value(2)])
    assert [row[3] for row in asked(empty, ROLLUPS)] == [1]


def test_writers_at_once_wait_for_no_circle(empty: Engine) -> None:
    """Two watchers over the same components, at the turn of a day: no deadlock, and nothing counted twice."""
    midnight = NOON + timedelta(hours=12)

    def write(offset: int) -> None:
        writer = HealthWriter(empty)
        names = [f"c{n}" for n in range(20)]
        for n in range(30):
            at = midnight + timedelta(seconds=n - 15, microseconds=offset)
            writer.write([value(n, at, component=name) for name in (names if offset else names[::-1])])

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(write, offset) for offset in (0, 1)]:
            done.result(30)
    assert asked(empty, ROLLUPS) == asked(empty, RECOUNT)
    assert sum(int(str(row[3])) for row in asked(empty, ROLLUPS)) == 1200
