"""Each default limit on rows of the past: one moment before its edge it refuses, one moment after it does not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from admission_desk import HEALED, MINUTE, RESTART, SECOND, Desk, target
from sqlalchemy import text

from selfheal.model.admission import Decision, Limits
from selfheal.model.breaker import BreakerDeed
from selfheal.model.trigger import Priority, Source
from selfheal.settings.estate import Settings
from selfheal.settings.file import parse
from selfheal.store.breakers import Breakers
from selfheal.store.reading.faults import Faults
from selfheal.store.starts import MissedStarts, Starts
from selfheal.store.tables import healing_actions

pytestmark = pytest.mark.usefixtures("empty")

NOT_YET = timedelta(seconds=-20)
OVER = timedelta(seconds=20)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def usual(desk: Callable[..., Desk]) -> Desk:
    """A desk under the limits that an empty settings file gives."""
    return Desk(engine=desk().engine, limits=Settings().healing.limits())


def test_the_settings_have_the_limits_of_the_requirements() -> None:
    """B5 and B6, number by number."""
    limits = Settings().healing.limits()
    assert limits == Limits()
    assert (limits.at_once, limits.in_10_min, limits.in_hour, limits.per_action, limits.per_fault) == (3, 10, 30, 3, 5)
    assert (limits.short_window, limits.long_window, limits.cooldown, limits.flap) == (
        10 * MINUTE,
        HOUR,
        10 * MINUTE,
        10 * MINUTE,
    )
    assert (limits.group_share, limits.group_from, limits.storm_group, limits.storm_estate) == (0.2, 10, 5, 10)
    assert (limits.storm_within, limits.storm_quiet, limits.stale) == (5 * MINUTE, 10 * MINUTE, MINUTE)
    assert (limits.attempts_within, limits.longest_cooldown, limits.parents_first) == (DAY, DAY, 10 * MINUTE)


def test_three_heals_at_a_time_and_one_critical(usual: Desk) -> None:
    """The fourth that is no CRITICAL one waits; of CRITICAL ones the fifth does."""
    assert [usual.ask(f"c-{n}").decision for n in range(4)] == [Decision.ADMITTED] * 3 + [Decision.BLAST_RADIUS]
    critical = [usual.ask(f"k-{n}", priority=Priority.CRITICAL).decision for n in range(2)]
    assert critical == [Decision.ADMITTED, Decision.BLAST_RADIUS]


@pytest.mark.parametrize(("most", "window"), [(10, 10 * MINUTE), (30, HOUR)], ids=["10 min", "1 h"])
def test_ten_begin_in_ten_minutes_and_thirty_in_an_hour(usual: Desk, most: int, window: timedelta) -> None:
    """The next one waits until the oldest of them is that old."""
    for number in range(most):
        usual.past(f"early-{number}", window + NOT_YET, HEALED)
    refused = usual.ask()
    assert refused.decision is Decision.BLAST_RADIUS
    assert f"{most} heals" in refused.reason
    usual.passes(OVER - NOT_YET)
    assert usual.ask().admitted


def test_a_fifth_of_a_group_of_ten(usual: Desk) -> None:
    """Of ten the third waits; of nine there is no such limit."""
    replicas = {"group": "replicas", "group_size": 10}
    assert [usual.ask(f"r-{n}", **replicas).decision for n in range(3)] == [Decision.ADMITTED] * 2 + [
        Decision.BLAST_RADIUS
    ]
    assert usual.ask("s-1", group="small", group_size=9).admitted


@pytest.mark.parametrize(("age", "storm"), [(5 * MINUTE + NOT_YET, 1), (5 * MINUTE + OVER, 0)], ids=["4:40", "5:20"])
def test_ten_within_five_minutes_are_a_storm(usual: Desk, age: timedelta, storm: int) -> None:
    """Nine that became sick so long ago and a tenth now."""
    for number in range(9):
        usual.sick(f"c-{number}", age)
    usual.sick("tenth")
    assert usual.one("SELECT count(*) FROM storms") == storm


@pytest.mark.parametrize(("sick", "size", "storm"), [(4, 5, 0), (5, 9, 1), (5, 10, 0), (6, 10, 1)])
def test_five_and_more_than_half_of_a_group_are_a_storm(usual: Desk, sick: int, size: int, storm: int) -> None:
    """Four of five are too few, five of ten are not more than half."""
    for number in range(sick):
        usual.sick(f"w-{number}", group="web", group_size=size)
    assert usual.one("SELECT count(*) FROM storms WHERE estate_group = 'web'") == storm


def test_a_storm_ends_after_ten_quiet_minutes(usual: Desk) -> None:
    """Not before; a new fault begins them anew."""
    for number in range(10):
        usual.sick(f"d-{number}")
    usual.passes(10 * MINUTE + NOT_YET)
    assert usual.ask("d-9").decision is Decision.STORM
    assert usual.ask("new").decision is Decision.STORM
    usual.passes(10 * MINUTE + NOT_YET)
    assert usual.ask("new").decision is Decision.STORM
    usual.passes(OVER - NOT_YET)
    assert usual.ask("new").admitted


@pytest.mark.parametrize(("failures", "rest"), [(1, 10), (2, 20)])
def test_a_failed_action_rests_ten_minutes_and_then_twenty(usual: Desk, failures: int, rest: int) -> None:
    """A failed attempt, then a second one; a third would be the last."""
    for number in range(failures):
        usual.past("backend", rest * MINUTE + NOT_YET + number * MINUTE, source=Source.PERSON)
    assert usual.ask().decision is Decision.COOLDOWN
    usual.passes(OVER - NOT_YET)
    assert usual.ask().admitted


@pytest.mark.parametrize(
    ("apart", "decision"), [(10 * MINUTE + NOT_YET, SECOND.action), (10 * MINUTE + OVER, RESTART.action)]
)
def test_healed_and_broken_twice_within_ten_minutes_climbs(usual: Desk, apart: timedelta, decision: str) -> None:
    """A second heal so soon after the first did not hold either: the next rung, at once."""
    usual.past("backend", apart, HEALED)
    usual.end(usual.ask(), HEALED)
    assert usual.ask(rungs=(RESTART, SECOND)).reason.startswith(decision)


@pytest.mark.parametrize(("rungs", "most"), [((RESTART,), 3), ((RESTART, SECOND), 5)], ids=["per action", "per fault"])
def test_attempts_of_a_day_are_counted(usual: Desk, rungs: tuple[object, ...], most: int) -> None:
    """Three of an action, five on a fault within 24 hours; when the oldest is older there is one more."""
    for number in range(most):
        usual.past(
            "backend", DAY + NOT_YET - number * 3 * HOUR, rungs=(rungs[number % len(rungs)],), source=Source.PERSON
        )
    assert usual.ask(rungs=rungs).decision is Decision.ATTEMPTS_EXHAUSTED
    usual.passes(OVER - NOT_YET)
    assert usual.ask(rungs=rungs).admitted


def test_a_look_of_a_minute_ago_is_stale(usual: Desk) -> None:
    """And one of 40 seconds ago is not."""
    assert usual.ask(seen=MINUTE + OVER).decision is Decision.STALE_TRIGGER
    assert usual.ask(seen=MINUTE + NOT_YET).admitted


def test_a_child_waits_ten_minutes_for_its_parent(usual: Desk) -> None:
    """A parent that nobody heals keeps its children no longer than that."""
    usual.past("broker", 10 * MINUTE + NOT_YET)
    assert usual.ask("child", parents=(target("broker"),)).decision is Decision.ALREADY_HEALING
    usual.passes(OVER - NOT_YET)
    assert usual.ask("child", parents=(target("broker"),)).admitted


def test_the_windows_are_settings(usual: Desk) -> None:
    """Where attempts count for an hour, and a parent is waited for two minutes, their edges lie there."""
    values = {"attempts_within": "1 h", "parents_first": "2 min"}
    mine = replace(usual, limits=parse({"healing": values}, source="the test").healing.limits())
    for number in range(3):
        mine.past("backend", HOUR + NOT_YET - number * MINUTE, source=Source.PERSON)
    exhausted = mine.ask()
    assert exhausted.decision is Decision.ATTEMPTS_EXHAUSTED
    assert "3 attempts within 01:00:00 of each action" in exhausted.reason
    mine.past("broker", 2 * MINUTE + NOT_YET)
    assert mine.ask("child", parents=(target("broker"),)).decision is Decision.ALREADY_HEALING
    mine.passes(OVER - NOT_YET)
    assert mine.ask("child", parents=(target("broker"),)).admitted
    mine.passes(40 * MINUTE)
    assert mine.ask().admitted


def test_attempts_on_a_fault_count_as_long(usual: Desk) -> None:
    """Five within the time of the settings are enough; when the oldest is older there is one more."""
    mine = replace(usual, limits=replace(usual.limits, attempts_within=HOUR))
    for number in range(5):
        mine.past(
            "backend",
            HOUR + NOT_YET - number * 10 * MINUTE,
            rungs=((RESTART, SECOND)[number % 2],),
            source=Source.PERSON,
        )
    assert mine.ask(rungs=(RESTART, SECOND)).decision is Decision.ATTEMPTS_EXHAUSTED
    mine.passes(OVER - NOT_YET)
    assert mine.ask(rungs=(RESTART, SECOND)).admitted


@pytest.mark.parametrize(("longest", "failures", "rest"), [(timedelta(hours=24), 9, 24 * 60), (25 * MINUTE, 4, 25)])
def test_the_doubling_of_a_cool_down_ends(usual: Desk, longest: timedelta, failures: int, rest: int) -> None:
    """Nine failures would rest 42 hours and four 80 minutes: it is a day, and what the settings say."""
    limits = replace(usual.limits, longest_cooldown=longest, per_action=99, per_fault=99, attempts_within=30 * DAY)
    mine = replace(usual, limits=limits)
    Breakers(mine.engine).decide("heal:restart-service", BreakerDeed.CLOSE, who="ada", why="it would refuse first")
    for number in range(failures):
        mine.past("backend", rest * MINUTE + NOT_YET + number * MINUTE, source=Source.PERSON)
    assert mine.ask().decision is Decision.COOLDOWN
    mine.passes(OVER - NOT_YET)
    assert mine.ask().admitted


def test_the_cool_down_of_very_many_failures_can_be_told(usual: Desk) -> None:
    """A hundred doublings are more than an interval can hold."""
    mine = replace(usual, limits=replace(usual.limits, per_action=1000, per_fault=1000))
    mine.end(mine.ask())
    columns = ", ".join(one.name for one in healing_actions.c if one.name not in {"id", "trigger_id"})
    mine.do(
        f"INSERT INTO healing_actions ({columns}, trigger_id) SELECT {columns}, uuid_generate_v7()"  # noqa: S608 - the table's own
        " FROM healing_actions, generate_series(1, 100)"
    )
    refused = mine.ask()
    assert refused.decision is Decision.COOLDOWN
    assert refused.retry_at is not None
    assert refused.retry_at - mine.one("SELECT max(completed_at) FROM healing_actions") == DAY


def test_an_old_look_is_stale_however_soon_attempts_are_forgotten(usual: Desk) -> None:
    """An attempt that ended after the look still makes it stale, where attempts count for a moment only."""
    mine = replace(usual, limits=replace(usual.limits, attempts_within=timedelta(seconds=1)))
    mine.past("backend", timedelta(seconds=5), HEALED)
    assert mine.ask(seen=timedelta(seconds=30)).decision is Decision.STALE_TRIGGER
    assert mine.ask().admitted


DEADLINES = [
    (Priority.CRITICAL, MINUTE),
    (Priority.HIGH, 5 * MINUTE),
    (Priority.MEDIUM, 30 * MINUTE),
    (Priority.LOW, 4 * HOUR),
]


@pytest.mark.parametrize(("priority", "within"), DEADLINES, ids=[str(one) for one, _ in DEADLINES])
def test_a_heal_that_does_not_begin_in_time_is_told_of_once(usual: Desk, priority: Priority, within: timedelta) -> None:
    """Before its deadline nothing is said; after it one alert names it, and no second one does; it stays counted."""
    starts = Starts(usual.engine, usual.limits, Settings().starts.within())
    for number in range(3):
        usual.ask(f"busy-{number}")
    assert (
        usual.ask("late", priority=priority if priority != "CRITICAL" else Priority.HIGH).decision
        is Decision.BLAST_RADIUS
    )
    usual.do(f"UPDATE faults SET priority = '{priority}' WHERE component = 'late'")  # noqa: S608 - of the enum
    moved = text("UPDATE faults SET start_from = now() - :ago WHERE component = 'late'")
    for ago, missed in ((within + NOT_YET, 0), (within + OVER, 1), (within + OVER, 0)):
        with usual.engine.begin() as connection:
            connection.execute(moved, {"ago": ago})
        assert starts.note_missed() == missed
    assert [(one.component, one.priority) for one in MissedStarts(usual.engine).lately()] == [("late", priority)]
    assert usual.one("SELECT array_agg(message) FROM alert_outbox") == [
        f"1 heal did not begin in time: late ({priority})"
    ]


def test_what_is_held_back_on_purpose_is_not_late(usual: Desk) -> None:
    """In a pause the deadline does not pass; it counts from its end. A heal that began late is found afterwards too."""
    starts = Starts(usual.engine, usual.limits, Settings().starts.within())
    usual.do("INSERT INTO pauses (paused_by, why) VALUES ('ada', 'new disks')")
    assert usual.ask("held").decision is Decision.PAUSED
    usual.passes(HOUR)
    assert starts.note_missed() == 0
    usual.do("UPDATE pauses SET ended_at = now(), ended_by = 'ada'")
    usual.passes(6 * MINUTE)
    assert usual.ask("held").admitted
    assert starts.note_missed() == 1


def test_a_critical_component_that_cools_down_is_told_of_once(usual: Desk) -> None:
    """Not before its heal would be late, and once for the fault; people see until when; its end is told."""
    starts, told = (
        Starts(usual.engine, usual.limits, Settings().starts.within()),
        "SELECT array_agg(kind) FROM alert_outbox",
    )
    usual.end(usual.ask(priority=Priority.CRITICAL))
    assert usual.ask(priority=Priority.CRITICAL).decision is Decision.COOLDOWN
    assert starts.note_resting() == 0, "it is sick for no minute yet"
    usual.passes(MINUTE + OVER)
    until = usual.ask(priority=Priority.CRITICAL).retry_at
    assert [starts.note_resting() for _ in range(2)] == [1, 0]
    assert until is not None
    message = usual.one("SELECT message FROM alert_outbox")
    assert message == f"backend stays sick and is cooling down: no heal begins by itself before {until:%H:%M:%S} UTC"
    (line,) = Faults(usual.engine).still_open()
    assert (line.rests(until - MINUTE), line.rests(until)) == (until, None)
    usual.heals.close_recovered(target("backend"), seen_at=datetime.now(UTC))
    assert usual.one(told) == ["RAISED", "RESOLVED"]


def test_whom_a_rest_does_not_concern_is_told_nothing(usual: Desk) -> None:
    """One that is not CRITICAL, for five minutes; one that is being healed again; one that a person has anyhow."""
    starts = Starts(usual.engine, usual.limits, Settings().starts.within())
    for name, priority in (("high", Priority.HIGH), ("healing", Priority.CRITICAL), ("handed", Priority.CRITICAL)):
        usual.past(name, 2 * MINUTE, priority=priority)
        assert usual.ask(name, priority=priority).decision is Decision.COOLDOWN
    assert usual.ask("healing", priority=Priority.CRITICAL, source=Source.PERSON).admitted
    usual.do("SELECT hand_over(id, component, 'it does not help') FROM faults WHERE component = 'handed'")
    assert starts.note_resting() == 0
    resting = {line.component for line in Faults(usual.engine).still_open() if line.rests(datetime.now(UTC))}
    assert resting == {"high", "handed"}
    usual.passes(3 * MINUTE + OVER)
    assert starts.note_resting() == 1
    told = "SELECT severity || ' ' || (details ->> 'component') FROM alert_outbox WHERE details ? 'rests_until'"
    assert usual.one(told) == "WARNING high"
