"""What is old is forgotten by whole partitions: never what is younger, never in the way of who writes."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from embedded_fixtures import until
from psycopg import Connection
from sqlalchemy import Engine, text

from selfheal.model.attempt import Holder
from selfheal.model.errors import Transient
from selfheal.model.health import HealthStatus, Measured
from selfheal.model.retention import Keep
from selfheal.store.health_writing import HealthWriter
from selfheal.store.outbox import Outbox
from selfheal.store.retention import Retention
from selfheal.store.runs import MechanismRuns

NOW = datetime.now(UTC)
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
KEEP = Keep(raw=timedelta(days=30), rollups=timedelta(days=390), runs=timedelta(days=14))
Owner = Callable[[str], None]


@pytest.fixture
def owner(embedded_postgres: object, superuser: Connection) -> Owner:  # the fixture of the session's server
    """Runs one statement as the superuser in our database."""
    del superuser
    dsn = embedded_postgres.servers.postgres.superuser_dsn()  # type: ignore[attr-defined]

    def run(statement: str) -> None:
        with Connection.connect(dsn, dbname="selfheal", autocommit=True) as connection:
            connection.execute(statement.encode())

    return run


@pytest.fixture
def nothing_old(empty: Engine, owner: Owner) -> Engine:
    """No partitions at all, whatever the tests before have made."""
    owner(
        """DO $$ DECLARE one text; BEGIN
               FOR one IN SELECT inhrelid::regclass::text FROM pg_inherits
                          WHERE inhparent IN ('health_history'::regclass, 'health_rollup'::regclass) LOOP
                   EXECUTE 'DROP TABLE ' || one;
               END LOOP; END $$"""
    )
    return empty


def looks(*days_ago: float) -> list[Measured]:
    """One look so many days ago each."""
    return [
        Measured(
            component="web",
            metric="response_time_ms",
            value=days,
            status=HealthStatus.OPERATIONAL,
            checked_at=NOW - timedelta(days=days),
        )
        for days in days_ago
    ]


def kept(engine: Engine, table: str = "health_history") -> list[float]:
    """How many days old what is there is."""
    column = {"health_history": "value", "health_rollup": "sum"}[table]
    with engine.connect() as connection:
        return list(connection.scalars(text(f"SELECT {column} FROM {table} ORDER BY 1")))  # noqa: S608 - two names


def dropped(retention: Retention) -> list[str]:
    names = []
    while (name := retention.drop_one()) is not None:
        names.append(name)
    return names


def test_whole_days_that_are_old_are_dropped(nothing_old: Engine) -> None:
    """What is 30 days old by less than a day stays; a dry look tells the same names, and drops nothing."""
    HealthWriter(nothing_old).write(looks(0, 5, 29.99, 32, 33, 380, 397))
    retention = Retention(nothing_old, KEEP)
    told = [one.name for one in retention.old()]
    assert kept(nothing_old) == [0, 5, 29.99, 32, 33, 380, 397]
    assert dropped(retention) == told
    assert kept(nothing_old) == [0, 5, 29.99]
    assert set(kept(nothing_old, "health_rollup")) >= {0, 5, 29.99, 32, 33, 380}
    assert [one for one in told if one.startswith("health_history")] == [
        f"health_history_{NOW - timedelta(days=days):%Y%m%d}" for days in (397, 380, 33, 32)
    ]
    assert dropped(retention) == []


def test_rollups_are_dropped_by_whole_months(nothing_old: Engine) -> None:
    """A month of which a day is young enough stays as a whole."""
    HealthWriter(nothing_old).write(looks(0, 100, 390))
    short = Keep(raw=timedelta(days=398), rollups=timedelta(days=100), runs=KEEP.runs)
    month = NOW - timedelta(days=390)
    assert dropped(Retention(nothing_old, short)) == [f"health_rollup_{month:%Y%m}"]
    assert kept(nothing_old, "health_rollup") == [0, 100]
    assert kept(nothing_old) == [0, 100, 390]


def test_what_counts_is_what_is_in_it(nothing_old: Engine, owner: Owner) -> None:
    """A partition with an old name and young rows stays; no setting makes anybody forget what is a week old."""
    owner(
        f"""CREATE TABLE health_history_20200101 PARTITION OF health_history
            FOR VALUES FROM ('{TODAY:%Y-%m-%d}') TO ('{TODAY + timedelta(days=1):%Y-%m-%d}')"""
    )
    owner("INSERT INTO health_history (component, status, value) VALUES ('web', 'DOWN', 1)")
    HealthWriter(nothing_old).write(looks(7))
    none = timedelta(0)
    assert dropped(Retention(nothing_old, Keep(raw=none, rollups=none, runs=none))) == []
    assert kept(nothing_old) == [1, 7]


def test_a_writer_does_not_notice(nothing_old: Engine) -> None:
    """Twenty days are dropped while rows are written, late ones among them: no error, and none of the young is lost."""
    HealthWriter(nothing_old).write(looks(*range(40, 60)))
    done, written = threading.Event(), []

    def write() -> None:
        writer = HealthWriter(nothing_old)
        while not done.is_set() or not written:
            written.append(writer.write(looks(0, 1)))

    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(write)
        names: list[str] = []
        while not any(one.startswith("health_history") for one in names) or names[-1:] != [""]:
            try:
                names.append(Retention(nothing_old, KEEP).drop_one() or "")
            except Transient:
                continue  # the writer was in the way for 300 ms: a turn later
        done.set()
        writing.result(20)
    assert len(names) >= 20
    assert kept(nothing_old) == [0] * len(written) + [1] * len(written)


def test_who_reads_for_long_keeps_it_from_dropping_and_nobody_from_writing(nothing_old: Engine) -> None:
    """A backup holds the table: retention gives up after 300 ms, says so, and a writer goes on."""
    HealthWriter(nothing_old).write(looks(0, 40))
    retention = Retention(nothing_old, KEEP)
    with nothing_old.connect() as reader:
        reader.execute(text("SELECT count(*) FROM health_history"))
        with pytest.raises(Transient, match="lock timeout"):
            retention.drop_one()
        HealthWriter(nothing_old).write(looks(0))
    assert dropped(retention) == [f"health_history_{NOW - timedelta(days=40):%Y%m%d}"]


def test_two_at_once_are_one(nothing_old: Engine) -> None:
    """While another run is at it there is nothing to do; together they drop each partition once."""
    HealthWriter(nothing_old).write(looks(*range(40, 50)))
    retention = Retention(nothing_old, KEEP)
    with nothing_old.connect() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(hashtext('selfheal.retention'))"))
        assert retention.drop_one() is None
    with ThreadPoolExecutor(2) as threads:
        both = [name for names in threads.map(dropped, [retention, Retention(nothing_old, KEEP)]) for name in names]
    both += dropped(retention)
    assert len(both) == len(set(both)) == 10


def test_the_next_days_are_made_before_they_begin(nothing_old: Engine) -> None:
    """Today, tomorrow and the day after, and their months."""
    Retention(nothing_old, KEEP).prepare_days()
    Retention(nothing_old, KEEP).prepare_days()
    with nothing_old.connect() as connection:
        names = set(connection.scalars(text("SELECT inhrelid::regclass::text FROM pg_inherits")))
    assert {f"health_history_{TODAY + timedelta(days=n):%Y%m%d}" for n in range(3)} <= names
    assert f"health_rollup_{TODAY:%Y%m}" in names


def test_two_who_need_a_new_day_at_once_make_it_once(nothing_old: Engine, superuser: Connection) -> None:
    """Who waited for the other finds its partition: a first start's retention once failed on it for an hour."""
    ensure = text("SELECT ensure_health_partition(current_date)")
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

    def again() -> None:
        with nothing_old.begin() as connection:
            connection.execute(ensure)

    with ThreadPoolExecutor(1) as pool:
        with nothing_old.begin() as first:
            first.execute(ensure)
            second = pool.submit(again)
            until(lambda: second.done() or superuser.execute(waiting).fetchone() == (1,))
            assert not second.done()
        second.result(60)
    with nothing_old.connect() as connection:
        made = text("SELECT count(*) FROM pg_inherits WHERE inhparent = 'health_history'::regclass")
        assert connection.scalar(made) == 1


def test_old_signatures_of_runs_are_forgotten(empty: Engine, owner: Owner) -> None:
    """Those that ended long ago, or were killed then; of each mechanism the newest stays, and what still runs."""
    runs = MechanismRuns(empty)
    holder = Holder(host="here", pid=1, started=1)
    for ends in (True, True, False, True):
        run_id = uuid4()
        runs.begin(run_id, "reconcile", holder)
        if ends:
            runs.end(run_id)
    owner("UPDATE mechanism_runs SET began_at = began_at - interval '20 d', ended_at = ended_at - interval '20 d'")
    runs.begin(uuid4(), "reconcile", holder)
    assert Retention(empty, KEEP).forget_runs() == 3
    assert Retention(empty, KEEP).forget_runs() == 0
    assert runs.latest(["reconcile"])["reconcile"].done_ended_at is not None


def test_old_counts_of_logs_are_forgotten(empty: Engine, owner: Owner) -> None:
    """Of a month ago, whether log-monitor still runs or not; gaps are kept for a year."""
    owner(
        "INSERT INTO log_counts (source, pattern, at, hits) VALUES ('app', 'fatal', now(), 1), "
        "('app', 'fatal', now() - interval '31 d', 1)"
    )
    owner(
        "INSERT INTO log_gaps (source, kind, detail, found_at) "
        "VALUES ('app', 'TRUNCATED', 'x', now() - interval '31 d')"
    )
    assert Retention(empty, KEEP).forget_logs() == 1
    assert Retention(empty, KEEP).forget_logs() == 0


def test_predictions_are_forgotten_when_it_is_long_known_what_became_of_them(
    empty: Engine, unbound: Connection
) -> None:
    """With what they had raised, and the breaches of that time; what is not settled stays, however old."""
    for name, days, settled in (("old", 500, True), ("open", 500, False), ("young", 300, True)):
        at, id_ = NOW - timedelta(days=days), uuid4()
        unbound.execute(
            """INSERT INTO predictions (id, rule, component, metric, value, threshold, why, raised_at, outcome,
                   settled_at)
               VALUES (%s, 'BREACH_FORETOLD', %s, 'm', 1, 2, 'so', %s, %s, %s)""",
            (id_, name, at, "MISS" if settled else None, at if settled else None),
        )
        unbound.execute(
            """INSERT INTO raised_triggers (id, component, reason, trigger_type, source, priority, raised_at)
               VALUES (%s, %s, 'so', 'BREACH_FORETOLD', 'predictive-health', 'HIGH', %s)""",
            (id_, name, at),
        )
        unbound.execute("INSERT INTO breaches VALUES (%s, 'm', %s, 2)", (name, at))
    assert Retention(empty, KEEP).forget_predictions() == 4
    with empty.connect() as connection:
        assert set(connection.scalars(text("SELECT component FROM predictions"))) == {"open", "young"}
        assert list(connection.scalars(text("SELECT component FROM raised_triggers ORDER BY 1"))) == ["open", "young"]
        assert list(connection.scalars(text("SELECT component FROM breaches"))) == ["young"]


RECORDS = """
INSERT INTO faults (id, target_key, component, trigger_type, closed_at, resolution) VALUES
    ('00000000-0000-7000-8000-00000000000a', 'a', 'a', 'SERVICE_DOWN', now(), 'HEALED'),
    ('00000000-0000-7000-8000-00000000000b', 'b', 'b', 'SERVICE_DOWN', NULL, NULL);
INSERT INTO healing_triggers (decision, reason, trigger_type, component, target_key, action_type, source, priority,
                              fault_id, last_at)
SELECT d.decision, d.decision || f.id, 'SERVICE_DOWN', f.component, f.component, '', 'watcher', 'HIGH', f.id,
       now() - interval '401 d'
FROM faults f, unnest(ARRAY['ADMITTED', 'CIRCUIT_OPEN', 'COOLDOWN', 'ALREADY_HEALTHY']) d (decision);
INSERT INTO trigger_answers (trigger_id, decision_id)
SELECT uuid_generate_v7(), id FROM healing_triggers WHERE decision = 'ALREADY_HEALTHY';
INSERT INTO healing_triggers (decision, reason, trigger_type, component, target_key, action_type, source, priority)
VALUES ('COOLDOWN', 'young', 'SERVICE_DOWN', 'a', 'a', '', 'watcher', 'HIGH');
INSERT INTO devops_alert_history (severity, message, delivery_status, alert_timestamp)
VALUES ('INFO', 'old', 'SENT', now() - interval '401 d'), ('INFO', 'young', 'SENT', now() - interval '399 d');
INSERT INTO system_errors (severity, status, message, last_occurred)
SELECT 'ERROR', s.status, s.status, now() - interval '401 d'
FROM unnest(ARRAY['OPEN', 'RESOLVED', 'IN_PROGRESS', 'IGNORED']) s (status);
INSERT INTO circuit_breaker_state (component) VALUES ('heal:x');
INSERT INTO raised_triggers (id, breaker, generation, component, reason, raised_at)
VALUES (uuid_generate_v7(), 'heal:x', 1, 'a', 'old', now() - interval '401 d'),
       (uuid_generate_v7(), 'heal:x', 2, 'a', 'young', now());
"""


def test_records_that_are_no_evidence_are_forgotten(empty: Engine, owner: Owner) -> None:
    """After a year or so: not what was admitted or prevented, not of an open fault, nor what somebody works on."""
    owner(RECORDS)
    assert Retention(empty, KEEP).forget_records() == 5
    with empty.connect() as connection:
        refusals = (
            connection.execute(text("SELECT decision, component FROM healing_triggers ORDER BY 1, 2")).tuples().all()
        )
        history = list(connection.scalars(text("SELECT message FROM devops_alert_history")))
        errors = set(connection.scalars(text("SELECT status FROM system_errors")))
        raised = list(connection.scalars(text("SELECT reason FROM raised_triggers")))
    both = [(decision, one) for decision in ("ADMITTED", "ALREADY_HEALTHY", "CIRCUIT_OPEN") for one in "ab"]
    assert refusals == [*both, ("COOLDOWN", "a"), ("COOLDOWN", "b")]
    assert (history, errors, raised) == (["young"], {"IN_PROGRESS", "IGNORED"}, ["young"])
    owner("DELETE FROM trigger_answers")
    assert Retention(empty, KEEP).forget_records() == 1, "of the closed fault"
    shortest = Keep(raw=KEEP.raw, rollups=KEEP.rollups, runs=KEEP.runs, records=timedelta(0))
    assert Retention(empty, shortest).forget_records() == 1, "the history of 399 days, and nothing younger than 90"


def test_much_is_forgotten_in_batches(empty: Engine, owner: Owner) -> None:
    """Five thousand rows of a table in a transaction, so that nobody waits long behind it; all of them in the end."""
    owner(
        """INSERT INTO alert_outbox (kind, severity, dedup_key, message, created_at, routed_at)
           SELECT 'RESOLVED', 'INFO', 'fault/' || n, 'it is well again', now() - interval '91 d', now()
           FROM generate_series(1, 12000) n"""
    )
    with empty.begin() as connection:
        assert connection.scalar(text("SELECT forget_alerts(interval '90 days')")) == 5000
    assert Outbox(empty).forget(timedelta(days=90)) == 7000
