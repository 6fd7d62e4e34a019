"""predictive-health on a real Postgres: what begins, stands, ends and is settled, and what it remembers."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from prediction_worlds import FIVE, MEMORY, RESPONSE, World, calm, leak
from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from console.output import show
from console.prediction_view import untold
from selfheal.model.health import HealthStatus
from selfheal.model.prediction import Change, Prediction, Untold
from selfheal.model.prediction_report import Foreseen
from selfheal.model.trigger import TriggerType
from selfheal.store.predictions import Predictions
from selfheal.store.reading.predictions import PredictionReports

HERE = Path(__file__).parent
Row = dict[str, Any]


@pytest.fixture
def world(empty: Engine) -> World:
    """An estate of which nothing is known yet."""
    return World(engine=empty)


def leaking(world: World, **more: Any) -> Prediction:
    """A calm start, then a leak that is foretold when it is at 76 of 95; gives the prediction."""
    world.measured(calm(320), **more)
    world.turn()
    world.after(24)
    world.measured(leak(24), **more)
    (found,) = world.turn().raised
    return found


def state_of(world: World, prediction: UUID) -> tuple[bool, str | None, datetime | None]:
    """Whether it has ended, its outcome, and its breach."""
    row = world.all("SELECT ended_at, outcome, breached_at FROM predictions WHERE id = :id", id=prediction)[0]
    return row.ended_at is not None, row.outcome, row.breached_at


def test_a_leak_is_foretold_once_with_its_trigger(world: World) -> None:
    """The prediction, its trigger under the same id, and runs that remember each other."""
    world.measured(calm(320))
    first = world.turn()
    assert (first.series, first.standing, first.note) == (1, [], "nothing was remembered: it begins with the last week")
    turns = world.go(leak(24))
    raised = [one for turn in turns for one in turn.raised]
    assert [(one.rule, one.component, one.threshold) for one in raised] == [
        (TriggerType.BREACH_FORETOLD, "backend", 95.0)
    ]
    assert raised[0].breach_at is not None
    assert {turn.note for turn in turns} == {""}
    assert turns[-1].standing == raised
    rows = world.all("SELECT t.id, t.trigger_type, t.source, t.component, t.priority FROM raised_triggers t")
    assert [tuple(row) for row in rows] == [(raised[0].id, "BREACH_FORETOLD", "predictive-health", "backend", "HIGH")]
    assert world.all("SELECT prediction_stands(:id)", id=raised[0].id)[0][0]


def test_what_too_little_is_known_of_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """How much of a series there is of what is needed, by run; on the command line with what stands."""
    world.measured(calm(320))
    world.measured(calm(24), component="other")
    world.turn()
    reports = PredictionReports(world.engine)
    young = Untold(component="other", metric=MEMORY, why="too short to tell: 2 h of 3")
    assert reports.untold() == [young]
    show([untold(reports.untold())], output="table", facts={})
    assert "too short to tell: 2 h of 3" in capsys.readouterr().out
    world.after(24)
    for name in ("backend", "other"):
        world.measured(calm(24), component=name)
    world.turn()
    assert [one.why for one in reports.untold()] == ["short, 4 h of 24: only a breach within 40 min is foretold"]


def test_a_breach_that_comes_is_a_hit(world: World) -> None:
    """With its time, and the interval counted; a breach of a series that told nothing counts as not foretold."""
    foretold = leaking(world)
    world.measured(calm(320, 20), component="other", until=world.newest)
    world.go([80, 85, 90, 96])
    ended, outcome, breached = state_of(world, foretold.id)
    assert (outcome, breached) == ("HIT", foretold.raised_at + 4 * FIVE)
    assert not ended  # the alarm stands until it is taken back: no second one begins meanwhile
    world.after()
    world.measured([99], component="other")
    world.turn()
    reports = PredictionReports(world.engine)
    assert reports.foreseen(within=None) == Foreseen(breaches=2, foretold=1)
    (record,) = (one for one in reports.record(within=None) if one.rule is TriggerType.BREACH_FORETOLD)
    assert (record.predictions, record.hits, record.intervals) == (1, 1, 1)
    assert record.lead == 4 * FIVE


def test_a_leak_that_ends_is_taken_back_and_is_a_miss_after_a_day(world: World) -> None:
    """Its alarm ends after a quiet hour, and people who were told are told that; the outcome waits for a day."""
    foretold = leaking(world)
    level = leak(24)[-1]
    world.after(60)
    world.measured([level] * 60)
    world.turn()
    assert state_of(world, foretold.id)[:2] == (True, None)
    assert not world.all("SELECT prediction_stands(:id)", id=foretold.id)[0][0]
    kinds = [row.kind for row in world.all("SELECT kind FROM alert_outbox ORDER BY created_at, id")]
    assert kinds == ["RAISED", "RESOLVED"]
    world.after(226)
    world.measured([level] * 226)
    world.turn()
    assert state_of(world, foretold.id)[1] is None
    world.go([level] * 3)
    assert state_of(world, foretold.id)[1] == "MISS"


def healed(  # noqa: PLR0917 - the parts of a row
    unbound: psycopg.Connection,
    target: str,
    trigger: UUID,
    kind: str,
    at: datetime,
    verification: str = "HEALED",
    *,
    execution_ms: int | None = 5,
) -> None:
    """Write an attempt that acted then."""
    well = verification == "HEALED"
    unbound.execute(
        """INSERT INTO healing_actions (trigger_type, action_type, action_name, target_component, target_key, status,
               success, created_at, completed_at, act_started_at, act_ended_at, verification, fault_id, trigger_id,
               metadata, execution_time_ms)
           VALUES (%s, 'RESTART_SERVICE', 'restart-service', 'backend',
                   %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            kind,
            target,
            "SUCCESS" if well else "FAILED",
            well,
            at,
            at + timedelta(seconds=20),
            at,
            at + timedelta(seconds=5),
            verification,
            uuid4(),
            trigger,
            Jsonb({}),
            execution_ms,
        ),
    )


def test_what_touched_nothing_begins_no_history_again(world: World, unbound: psycopg.Connection) -> None:
    """A look into it, or what declined to act, is no heal: what is foretold goes on to stand."""
    foretold = leaking(world)
    world.after()
    at = world.newest + FIVE / 5
    healed(unbound, "supervisor/main/backend", foretold.id, "BREACH_FORETOLD", at, "UNKNOWN", execution_ms=None)
    world.measured([85])
    assert not world.turn().ended


@pytest.mark.parametrize(
    ("kind", "ours", "outcome"),
    [("BREACH_FORETOLD", True, "PREVENTED"), ("SERVICE_DOWN", False, "UNKNOWN"), ("MANUAL", False, "UNKNOWN")],
)
def test_what_a_heal_has_prevented(
    world: World, unbound: psycopg.Connection, kind: str, *, ours: bool, outcome: str
) -> None:
    """It came back below where it was well and no breach came; of a restart for another reason nobody can tell."""
    foretold = leaking(world)
    world.after()
    healed(unbound, "supervisor/main/backend", foretold.id if ours else uuid4(), kind, world.newest + FIVE / 5)
    world.measured([41])
    turn = world.turn()
    assert [one.id for one in turn.ended] == [foretold.id]  # the history begins again: nothing is foretold any more
    assert foretold.high is not None
    later = int((foretold.high - foretold.raised_at) / FIVE) + 14
    world.after(later)
    world.measured(calm(later))
    world.turn()
    assert state_of(world, foretold.id)[1] == outcome


def test_a_heal_that_did_not_help_prevents_nothing(world: World, unbound: psycopg.Connection) -> None:
    """The heal was verified, the metric stayed where it was, and the breach came all the same: a hit."""
    foretold = leaking(world)
    world.after()
    healed(unbound, "supervisor/main/backend", foretold.id, "BREACH_FORETOLD", world.newest + FIVE / 5)
    world.measured([80])
    world.turn()
    world.go([85, 90, 97])
    assert state_of(world, foretold.id)[1] == "HIT"


def test_nothing_measured_any_more_is_no_miss(world: World) -> None:
    """A component that is gone: its prediction ends with its series, and nobody can tell what became of it."""
    foretold = leaking(world)
    world.measured(calm(10), component="other")
    world.after(20)
    world.measured(calm(20), component="other")
    world.turn()
    world.after(280)
    world.measured(calm(280), component="other")
    world.turn()
    assert state_of(world, foretold.id)[:2] == (True, "UNKNOWN")


HOSTILE: dict[str, list[float | None]] = {
    "constant": [50.0] * 300,
    "empty": [None] * 300,
    "one": [50.0],
    "full": [100.0] * 300,
    "huge": [1e150, -1e150] * 150,
    "gaps": [40.0 + n / 10 if n % 20 == 0 else None for n in range(300)],
    "tiny": [5e-324] * 300,
    "alternating": [0.0, 94.9] * 150,
}


def test_hostile_series_have_a_reason_and_no_alarm(world: World, unbound: psycopg.Connection) -> None:
    """Constant, empty, one point, huge, NaN, infinite, with gaps, twice at once, from the future, renamed."""
    world.settings = {"prediction": {"limits": {name: {"m": 95.0} for name in [*HOSTILE, "odd", "renamed"]}}}
    for name, values in HOSTILE.items():
        world.measured(values, component=name, metric="m")
        world.measured(values[-1:], component=name, metric="m")  # its last five minutes once more
    world.measured(leak(60, start=2), component="renamed", metric="m", until=world.newest - 30 * FIVE)
    for number, odd in enumerate(("NaN", "Infinity", "-Infinity", "1e308", "-1e308", "50") * 10):
        unbound.execute(
            """INSERT INTO health_rollup (component, metric, bucket, n, min, max, sum, sum_squares,
                   operational, degraded, down, unknown) VALUES ('odd', 'm', %s, 1, %s, %s, 0, 0, 1, 0, 0, 0)""",
            (world.newest - number * FIVE, odd, odd),
        )
    world.measured([94.0], component="odd", metric="m", until=world.newest + 100 * FIVE)
    turn = world.turn()
    assert turn.standing == []
    assert turn.series == sum(turn.whys.values()) == len(HOSTILE) + 2
    assert world.all("SELECT count(*) FROM raised_triggers")[0][0] == 0
    for _ in range(4):
        world.after()
        assert world.turn().standing == []


def test_a_clock_that_goes_back_waits_and_one_that_was_far_ahead_begins_again(world: World) -> None:
    """Minutes are waited for; of an hour and more what was remembered is of a time that did not come yet."""
    world.measured(calm(300))
    world.turn()
    world.now -= timedelta(minutes=20)
    assert world.turn().at is None
    world.now -= timedelta(hours=3)
    turn = world.turn()
    assert turn.note == "the clock was set back: it begins again with the last week"
    assert (turn.at, turn.series) == (world.newest + FIVE, 1)


def test_after_a_pause_what_was_missed_is_looked_at_and_after_a_long_one_only_the_newest(world: World) -> None:
    """Alarms of a pause begin now; after more than a day each bucket is taken in, and the newest alone is judged."""
    world.measured(calm(320))
    world.turn()
    world.after(24)
    world.measured(leak(24))
    turn = world.turn()
    assert (turn.judged, len(turn.raised)) == (24, 1)
    assert turn.raised[0].raised_at == world.newest + FIVE
    world.after(300)
    world.measured(calm(300))
    assert world.turn().judged == 1


def test_what_is_remembered_and_lost_or_damaged_is_read_anew(world: World, unbound: psycopg.Connection) -> None:
    """Of another kind, with a damaged row, or gone: it says so, the prediction that stands goes on to stand."""
    foretold = leaking(world)
    for number, (damage, words) in enumerate(
        (
            ("UPDATE forecast_state SET head = 'nonsense'", "cannot be read (it is damaged: its checksum is another)"),
            ("UPDATE forecast_ring SET raw = 'x' WHERE place = (SELECT min(place) FROM forecast_ring)", "is damaged)"),
            ("DELETE FROM forecast_ring WHERE place = (SELECT min(place) FROM forecast_ring)", "is missing)"),
            ("DELETE FROM forecast_state", "nothing was remembered"),
        )
    ):
        unbound.execute(damage.encode())
        world.after()
        world.measured([leak(60)[24 + number]])
        turn = world.turn()
        assert words in turn.note
        assert [one.id for one in turn.standing] == [foretold.id]
        world.after()
        world.measured([leak(60)[24 + number]])
        assert world.turn().note == ""


def test_series_come_with_their_past_and_limits_change(world: World) -> None:
    """A metric that gets a limit is judged by what was measured before; without one its prediction ends."""
    world.measured(calm(320), component="odd", metric="depth")
    world.measured(calm(320))
    assert world.turn().series == 1
    world.settings = {"prediction": {"limits": {"odd": {"depth": 95.0}}}}
    turns = world.go(leak(24), component="odd", metric="depth")
    assert turns[0].series == 2
    raised = [one for turn in turns for one in turn.raised]
    assert [(one.component, one.metric) for one in raised] == [("odd", "depth")]
    assert world.all("SELECT count(*) FROM raised_triggers")[0][0] == 0  # no component of the estate
    world.settings = {}
    world.after()
    world.measured([50])
    turn = world.turn()
    assert ([one.id for one in turn.ended], turn.series) == ([raised[0].id], 1)


def test_only_one_of_two_runs_at_once_writes(world: World) -> None:
    """The other says that it was overtaken: one prediction, one trigger; at the very first run as later."""
    world.measured(calm(320))
    both = Barrier(2)

    class Waiting(Predictions):
        def commit(self, change: Change) -> bool:
            both.wait(60)
            return super().commit(change)

    def run(_: int) -> Any:
        found = world.predicting()
        return type(found)(**{**vars(found), "store": Waiting(world.engine)}).turn()

    for values in ([], leak(24)):
        if values:
            world.after(24)
            world.measured(values)
        with ThreadPoolExecutor(2) as pool:
            turns = list(pool.map(run, range(2)))
        assert sorted(one.overtaken for one in turns) == [False, True]
    assert world.all("SELECT count(*) FROM predictions")[0][0] == 1
    assert world.all("SELECT count(*) FROM raised_triggers")[0][0] == 1
    world.go([78.5])


@pytest.mark.parametrize("place", ["after-forecast-look", "before-forecast-commit", "after-forecast-commit"])
def test_a_run_that_is_killed_has_done_all_or_nothing(world: World, database_url: str, place: str) -> None:
    """What it remembers and what it has foretold come together: the next run foretells it, or finds it there, once."""
    world.measured(calm(320))
    world.turn()
    world.after(24)
    world.measured(leak(24))
    argv = [sys.executable, str(HERE / "predicting_process.py"), world.now.isoformat()]
    paths = os.pathsep.join((str(HERE), str(HERE.parents[1])))
    environment = {**os.environ, "SELFHEAL_DATABASE_URL": database_url, "PYTHONPATH": paths}
    killed = subprocess.run(argv, env=environment | {"SELFHEAL_FAILPOINT": f"{place}:kill"}, check=False, timeout=120)
    assert killed.returncode == -9
    done = place == "after-forecast-commit"
    serial = "SELECT serial FROM forecast_state"
    assert world.all(serial)[0][0] == 1 + done
    for table in ("predictions", "raised_triggers"):
        assert world.all(f"SELECT count(*) FROM {table}")[0][0] == done  # noqa: S608 - two names
    turn = world.turn()
    assert len(turn.raised) == (not done)
    for table in ("predictions", "raised_triggers"):
        assert world.all(f"SELECT count(*) FROM {table}")[0][0] == 1  # noqa: S608 - two names


def test_memory_that_is_high_for_long_is_noticed_and_ends(world: World) -> None:
    """Every look above 85 % for 15 minutes; a look below it in between begins the time again."""
    world.measured([*calm(160, 80), 90.0, 90.0])
    assert world.turn().standing == []
    world.after()
    world.measured([70.0, 91.0, 92.0], every=timedelta(seconds=60), until=world.newest + timedelta(minutes=2))
    assert world.turn().standing == []
    turns = world.go([90.0, 91.0, 90.5])
    (one,) = turns[-1].raised
    assert (one.rule, one.threshold, one.well_below) == (TriggerType.MEMORY_PRESSURE, 95.0, 85.0)
    assert "above 85 at every look for 15 min" in one.why
    assert [len(turn.raised) for turn in turns] == [0, 0, 1]
    turns = world.go([86.0, 91.0, 84.0])
    assert [len(turn.ended) for turn in turns] == [0, 0, 1]


def test_a_response_time_that_rises_beyond_its_days_is_noticed(world: World) -> None:
    """Four like days, then 60 % more for over half an hour; the failed looks that follow are its breach."""
    days = [100.0 + 3 * (number % 4) for number in range(288 * 4 + 10)]
    world.measured(days, metric=RESPONSE)
    assert world.turn().standing == []
    turns = world.go([165.0] * 10, metric=RESPONSE)
    raised = [one for turn in turns for one in turn.raised]
    assert [(one.rule, one.metric, one.threshold) for one in raised] == [
        (TriggerType.RESPONSE_RISING, RESPONSE, 2000.0)
    ]
    assert 120 <= (raised[0].well_below or 0) <= 130
    world.go([1500.0] * 3, metric=RESPONSE)
    world.go([None], metric=RESPONSE, status=HealthStatus.DOWN)
    assert state_of(world, raised[0].id)[1] == "HIT"


def test_errors_hour_after_hour_are_noticed(world: World, unbound: psycopg.Connection) -> None:
    """More than 10 in each of two hours; it ends with an hour that had no more, and going down is its breach."""
    unbound.execute(
        "INSERT INTO log_positions (source, component, place) VALUES ('app', 'backend', 'x'), ('app2', 'backend', 'y')"
    )

    def complain(source: str, minutes: int, hits: int) -> None:
        at = world.newest + FIVE - timedelta(minutes=minutes, seconds=20)
        unbound.execute("INSERT INTO log_counts VALUES (%s, 'error', %s, %s, 0)", (source, at, hits))

    world.measured(calm(20), metric=RESPONSE)
    complain("app", 30, 11)
    complain("app", 110, 6)
    assert world.turn().standing == []
    complain("app2", 100, 5)
    world.after()
    (one,) = world.turn().raised
    assert (one.rule, one.value, one.threshold) == (TriggerType.ERRORS_SUSTAINED, 11, 10.0)
    assert "11, 11 errors" in one.why
    world.go([None, None], metric=RESPONSE, status=HealthStatus.DOWN)
    assert state_of(world, one.id)[:2] == (False, "HIT")
    world.after(12)
    assert [each.id for each in world.turn().ended] == [one.id]


def test_a_person_is_told_once_where_nothing_acts(world: World) -> None:
    """In mode observe, of a host, and of what is not on the allow-list; not where something of ours may act."""
    told = "SELECT kind, severity, dedup_key FROM alert_outbox ORDER BY created_at, id"
    leaking(world, component="host:one")
    assert [tuple(row) for row in world.all(told)] == [
        ("RAISED", "WARNING", f"prediction/host:one/{MEMORY}/BREACH_FORETOLD")
    ]
    assert world.all("SELECT count(*) FROM raised_triggers")[0][0] == 0
    world.settings = {"prediction": {"preempt": {"mode": "auto"}}}
    leaking(world, component="backend")
    leaking(world, component="other")
    assert [row.dedup_key.split("/")[1] for row in world.all(told)] == ["host:one", "other"]
    assert [row.component for row in world.all("SELECT component FROM raised_triggers ORDER BY raised_at")] == [
        "backend",
        "other",
    ]
