"""A past that the real watcher and dispatcher have written, replayed: as it is set it is what was recorded."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from replay_worlds import FOR_EVER, Trouble, lived_through, settings_of
from sqlalchemy import Engine, text

from selfheal.bootstrap import Estate
from selfheal.model.health import ComponentHealth, HealthStatus, Look
from selfheal.model.observation import Health
from selfheal.model.recorded import LookRow
from selfheal.model.replay import Course, End, Rule
from selfheal.replay.asking import question_of
from selfheal.replay.compare import AS_SET, RECORDED, WOULD_BE
from selfheal.replay.finding import patience_of
from selfheal.replay.question import Question
from selfheal.replay.sweeps import Sweeps
from selfheal.settings.file import parse
from selfheal.store.health import HealthHistory
from selfheal.store.reading.history import History
from selfheal.wiring.replay import replay_of

NAMES = ("backend", "frontend", "queue", "store")
SWEEPS = 160
ONE = Trouble(sweep=20, name="backend", looks=FOR_EVER)
SHORT = Trouble(sweep=60, name="frontend", looks=2)
TROUBLES = (
    ONE,
    SHORT,
    Trouble(sweep=30, name="queue", looks=1, unknown=True),
    Trouble(sweep=40, name="store", looks=FOR_EVER, stubborn=1),
    Trouble(sweep=90, name="queue", looks=FOR_EVER),
    Trouble(sweep=110, name="backend", looks=FOR_EVER),
    Trouble(sweep=140, name="backend", looks=FOR_EVER),
)


@pytest.fixture
def past(empty: Engine, database_url: str) -> Iterator[Estate]:
    """The script above, in two runs of the watcher."""
    del empty
    values = settings_of(NAMES)
    with closing(lived_through(values, TROUBLES, sweeps=SWEEPS, runs=2, database_url=database_url)) as estate:
        yield estate


def asked(estate: Estate, *changes: str) -> Question:
    now = datetime.now(UTC)
    return question_of(
        estate.settings, since=now - timedelta(hours=1), until=now + timedelta(seconds=1), changes=changes
    )


def courses(estate: Estate, *changes: str) -> tuple[list[Course], list[Course]]:
    """As set, and as it would be."""
    question, history = asked(estate, *changes), History(estate.engine)
    replay = replay_of(estate.engine, question, estate.healer.actions, clock=estate.healer.clock)
    tried = history.tried(question.since, question.until)
    was, would = replay.finding(tried, ()).found(Rule.DOWN)
    return replay.courses(question.was, was, tried), replay.courses(question.would, would, tried)


def test_as_it_is_set_it_is_what_was_recorded(past: Estate) -> None:
    """The same faults, begun and found at the same moments and ended alike, and the same heals and refusals of each."""
    question = asked(past)
    recorded = History(past.engine).faults(question.since, question.until)
    was, _ = courses(past)
    assert [(one.alarm.component, one.alarm.kind, one.alarm.since) for one in was] == [
        (one.component, one.kind, one.since) for one in recorded
    ]
    assert len(recorded) >= 5
    ends = {True: End.RECOVERED, False: End.HEALED}
    assert [one.alarm.end for one in was] == [
        End.OPEN if one.ended_at is None else ends[one.by_itself] for one in recorded
    ]
    assert all(one.alarm.raised_at <= fault.found_at for one, fault in zip(was, recorded, strict=True))


def test_its_heals_and_refusals_are_those_that_were_recorded(past: Estate) -> None:
    """Fault by fault: as many heals, by the same actions, and refused for the same reasons."""
    was, _ = courses(past)
    with past.engine.connect() as connection:
        rows = connection.execute(
            text(
                """SELECT f.component, array(SELECT a.action_name FROM healing_actions a WHERE a.fault_id = f.id
                                             ORDER BY a.created_at) AS actions,
                          array(SELECT DISTINCT t.decision FROM healing_triggers t
                                WHERE t.fault_id = f.id AND t.decision <> 'ADMITTED' ORDER BY 1) AS refusals
                   FROM faults f ORDER BY f.detected_at"""
            )
        ).all()
    assert [(one.alarm.component, list(one.actions), sorted(one.refusals)) for one in was] == [
        (row.component, row.actions, row.refusals) for row in rows
    ]
    assert {"COOLDOWN"} <= {decision for row in rows for decision in row.refusals}


def test_fewer_strikes_find_more_and_earlier(past: Estate) -> None:
    """With one strike every fault is found earlier, and what was gone after two looks is healed for nothing."""
    replayed = past.replay(asked(past, "watching.strikes=1"))
    lines = {one.variant: one for one in replayed.counted if one.rule is Rule.DOWN}
    assert lines[RECORDED].found == lines[AS_SET].found
    assert lines[WOULD_BE].besides == 1
    assert lines[WOULD_BE].for_nothing == 1
    assert lines[WOULD_BE].earlier == lines[AS_SET].found
    assert (lines[WOULD_BE].later, lines[WOULD_BE].missed) == (0, 0)
    (nothing,) = [one for one in replayed.examples if one.what.endswith("for nothing")]
    assert (nothing.component, nothing.as_set_at) == ("frontend", None)


def test_more_strikes_find_later_what_an_attempt_has_ended(past: Estate) -> None:
    """It never got so far in the past: it is reckoned on, and said to be."""
    was, would = courses(past, "watching.strikes=9")
    late = [one for one in would if one.alarm.projected]
    assert late
    found = {one.alarm.since: one.alarm.raised_at for one in would}
    assert found.keys() == {one.alarm.since for one in was}
    assert all(found[one.alarm.since] > one.alarm.raised_at for one in was)


def test_nothing_is_written(past: Estate, empty: Engine) -> None:
    """A replay leaves every table as it is."""
    tables = "faults", "healing_actions", "healing_triggers", "trigger_answers", "health_history", "alert_outbox"
    counting = text(" UNION ALL ".join(f"SELECT '{one}', count(*) FROM {one}" for one in tables))  # noqa: S608 - above

    def counts() -> Counter[str]:
        with empty.connect() as connection:
            return Counter({row[0]: row[1] for row in connection.execute(counting)})

    before = counts()
    past.replay(asked(past, "watching.strikes=1", "healing.cooldown=1 s"))
    assert counts() == before


@pytest.mark.parametrize("seed", range(4))
def test_what_the_database_passes_over_changes_nothing(empty: Engine, seed: int) -> None:
    """Over two midnights: the looks that are read give the alarms that all of them give, and every gap."""
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    health = Health.HEALTHY
    at, all_of_them, rows = midnight - timedelta(days=1, minutes=10), list[LookRow](), list[ComponentHealth]()
    while at < midnight + timedelta(minutes=5):
        far = chance.random() < 0.01
        step = timedelta(seconds=600 if far else 30 if chance.random() < 0.9 else 20)
        at += step
        if chance.random() < 0.3:  # else as before
            health = chance.choices([Health.HEALTHY, Health.SICK, Health.UNKNOWN], [30, 4, 1])[0]
        look = Look(health=health)
        gap_s = step.total_seconds() if far and all_of_them else 0.0
        all_of_them.append(
            LookRow(at=at, status=HealthStatus.UNKNOWN, response_ms=1, detail="", look=look, gap_s=gap_s)
        )
        status = {Health.HEALTHY: "OPERATIONAL", Health.SICK: "DEGRADED", Health.UNKNOWN: "UNKNOWN"}[health]
        rows.append(
            ComponentHealth(
                component="backend", status=HealthStatus(status), response_ms=1, detail="", checked_at=at, look=look
            )
        )
    HealthHistory(empty).record(rows)
    settings = parse(settings_of(["backend"]), source="the test")
    estate = dict(settings.catalogue())
    pieces = History(empty).looks("backend", midnight - timedelta(days=2), at + timedelta(seconds=1), after=2, gap_s=60)
    read = [row for piece in pieces for row in piece]
    found, wanted = (
        [*run.take(some), *run.rest()]
        for some in (read, all_of_them)
        for run in [Sweeps(estate["backend"], estate, patience_of(settings), ())]
    )
    assert [(one.since, one.raised_at, one.ended_at) for one in found] == [
        (one.since, one.raised_at, one.ended_at) for one in wanted
    ]
    assert len(found) > 3
    assert [row.at for row in read if row.gap_s] == [row.at for row in all_of_them if row.gap_s]
    assert len(read) < len(all_of_them)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happened_is_found_again(empty: Engine, database_url: str, seed: int) -> None:
    """Troubles at random, some of them stubborn, in three runs of the watcher: the same faults, which ended alike."""
    del empty
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    troubles = [
        Trouble(
            sweep=chance.choice([0, 70, 140]) + chance.randint(5, 45),  # a run that ends raises nothing more
            name=name,
            looks=chance.choice([1, 2, 3, 6, FOR_EVER]),
            stubborn=chance.choice([0, 0, 1]),
            unknown=chance.random() < 0.1,
        )
        for name in NAMES
        for _ in range(4)
    ]
    values = settings_of(NAMES, storm_estate=0)
    with closing(lived_through(values, troubles, sweeps=210, runs=3, database_url=database_url)) as estate:
        question = asked(estate)
        recorded = History(estate.engine).faults(question.since, question.until)
        was, _ = courses(estate)
    found = {(one.alarm.component, one.alarm.since): one for one in was}
    assert found.keys() == {(one.component, one.since) for one in recorded}
    for one in recorded:
        alarm = found[one.component, one.since].alarm
        ended = End.OPEN if one.ended_at is None else End.RECOVERED if one.by_itself else End.HEALED
        assert (alarm.kind.value, alarm.end) == (one.kind, ended), (one, alarm)
