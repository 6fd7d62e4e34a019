"""Replays as pure functions: strikes over recorded looks, thresholds over recorded counts, and their comparison."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from fakes import NOON
from hypothesis import given
from hypothesis import strategies as st

from selfheal.model.admission import Costs, Limits, Rung
from selfheal.model.breaker import Thresholds
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Permanent
from selfheal.model.health import HealthStatus, Look
from selfheal.model.observation import Health
from selfheal.model.recorded import Hold, LogCount, LookRow, Tried
from selfheal.model.replay import Alarm, Course, End, Rule, Verdict
from selfheal.model.trigger import Priority, TriggerType
from selfheal.protocol.deciding import INVESTIGATE
from selfheal.replay.asking import moment_of
from selfheal.replay.bounds import Bounds, Record
from selfheal.replay.changes import changed
from selfheal.replay.compare import paired
from selfheal.replay.courses import Courses
from selfheal.replay.lines import reached
from selfheal.replay.sweeps import Patience, Sweeps
from selfheal.settings.estate import Settings
from selfheal.settings.file import parse

SWEEP = timedelta(seconds=5)
BACKEND = Component(name="backend", target="supervisor/demo/backend", probe=ProbeKind.HTTP, ladder=("restart-service",))
ESTATE = {"backend": BACKEND}
RESTART = Rung(action="restart-service", action_type="RESTART_SERVICE", manual_minutes=10)
HEALTHS = st.lists(st.sampled_from([Health.HEALTHY, Health.HEALTHY, Health.SICK, Health.UNKNOWN]), max_size=60)


def looks(healths: Sequence[Health]) -> list[LookRow]:
    return [
        LookRow(
            at=NOON + number * SWEEP, status=HealthStatus.UNKNOWN, response_ms=1, detail="", look=Look(health=health)
        )
        for number, health in enumerate(healths)
    ]


def patience(strikes: int = 3, recoveries: int = 2) -> Patience:
    return Patience(strikes=strikes, recoveries=recoveries, grace=timedelta(seconds=10), sweep=SWEEP)


def alarms(rows: Sequence[LookRow], rule: Patience, tried: Sequence[Tried] = ()) -> list[Alarm]:
    run = Sweeps(BACKEND, ESTATE, rule, tried)
    return [*run.take(rows), *run.rest()]


def tried(began: int, ended: int, *, healed: bool = True) -> Tried:
    """From a second after noon to another."""
    return Tried(
        id=UUID(int=began),
        component="backend",
        target=BACKEND.target,
        action="restart-service",
        trigger_type="SERVICE_DOWN",
        began_at=NOON + timedelta(seconds=began),
        ended_at=NOON + timedelta(seconds=ended),
        acted=True,
        healed=healed,
        dollars=50.0 if healed else -50.0,
    )


def thinned(rows: Sequence[LookRow], after: int) -> list[LookRow]:
    """As the store reads them: healthy looks only near others, and the first and the last."""
    kept = []
    for number, row in enumerate(rows):
        near = rows[max(0, number - after) : number + 1]
        at_an_end = number in {0, len(rows) - 1}
        if at_an_end or any(one.look.health is not Health.HEALTHY for one in near):
            kept.append(row)
    return kept


@given(healths=HEALTHS, strikes=st.integers(1, 5), recoveries=st.integers(1, 4))
def test_healthy_looks_that_change_nothing_may_be_left_out(
    healths: list[Health], strikes: int, recoveries: int
) -> None:
    """What the store does not read changes no alarm."""
    rows, rule = looks(healths), patience(strikes, recoveries)
    assert alarms(thinned(rows, recoveries), rule) == alarms(rows, rule)


@given(healths=HEALTHS, cut=st.integers(0, 60))
def test_it_is_the_same_in_pieces(healths: list[Health], cut: int) -> None:
    """A day after the other gives what all of it at once gives."""
    rows, run = looks(healths), Sweeps(BACKEND, ESTATE, patience(), ())
    pieces = [*run.take(rows[:cut]), *run.take(rows[cut:]), *run.rest()]
    assert pieces == alarms(rows, patience())


@given(healths=HEALTHS, strikes=st.integers(1, 4))
def test_fewer_strikes_never_find_less(healths: list[Health], strikes: int) -> None:
    """Whatever a patient rule finds an impatient one has found by then, as long as nothing was healed."""
    rows = looks(healths)
    for one in alarms(rows, patience(strikes + 1)):
        assert any(
            other.raised_at <= one.raised_at and (other.ended_at is None or other.ended_at >= one.since)
            for other in alarms(rows, patience(strikes))
        )


@given(healths=HEALTHS)
def test_more_strikes_than_looks_find_nothing(healths: list[Health]) -> None:
    """Nothing is invented where nothing was tried."""
    assert alarms(looks(healths), patience(strikes=100)) == []


def test_an_attempt_that_healed_ends_it_and_a_slower_rule_is_reckoned_on() -> None:
    """Three strikes found it at 15 s and an attempt healed it: seven would have found it at 35 s."""
    rows = looks([Health.HEALTHY, *[Health.SICK] * 4, *[Health.HEALTHY] * 5])
    attempt = [tried(16, 22)]
    (was,) = alarms(rows, patience(3), attempt)
    (would,) = alarms(rows, patience(7), attempt)
    assert (was.raised_at, was.end, was.projected) == (NOON + timedelta(seconds=15), End.HEALED, False)
    assert (would.raised_at, would.end, would.projected) == (NOON + timedelta(seconds=35), End.HEALED, True)


def test_after_a_gap_strikes_begin_anew() -> None:
    """Nobody looked for an hour: two sick looks before it and two after are no three in a row."""
    rows = looks([Health.HEALTHY, *[Health.SICK] * 4, Health.HEALTHY])
    rows[3:] = [replace(one, at=one.at + timedelta(hours=1)) for one in rows[3:]]
    assert len(alarms(rows, patience(3))) == 1
    rows[3] = replace(rows[3], gap_s=3600.0)
    assert alarms(rows, patience(3)) == []


def test_what_ends_while_nobody_looks_is_no_recovery() -> None:
    """It is told as what it is, and never counts as healed for nothing."""
    rows = looks([*[Health.SICK] * 4, Health.HEALTHY])
    rows[4] = replace(rows[4], at=rows[4].at + timedelta(hours=1), gap_s=3600.0)
    (one,) = alarms(rows, patience(3))
    assert one.end is End.UNSEEN


@given(
    hits=st.lists(st.tuples(st.integers(0, 200), st.integers(1, 9)), max_size=40, unique_by=lambda one: one[0]),
    threshold=st.integers(1, 20),
)
def test_a_line_raises_once(hits: list[tuple[int, int]], threshold: int) -> None:
    """What was raised holds at least the threshold, and no line is part of two."""
    counts = [LogCount(at=NOON + place * timedelta(seconds=10), hits=lines) for place, lines in sorted(hits)]
    found = list(reached(counts, threshold=threshold, window=timedelta(minutes=5)))
    assert all(one.lines >= threshold for one in found)
    assert sum(one.lines for one in found) <= sum(one.hits for one in counts)
    assert all(one.at - one.since < timedelta(minutes=5) for one in found)


def bounds(**changes: object) -> Bounds:
    known = Bounds(
        components=ESTATE,
        allow=frozenset(ESTATE),
        limits=Limits(),
        thresholds=Thresholds(),
        costs=Costs(),
        rungs=lambda _component, _kind, _metric: [RESTART],
        holds=(),
        until=NOON + timedelta(hours=24),
        noted=timedelta(milliseconds=500),
    )
    return replace(known, **changes)


def alarm(since: int, ended: int | None, end: End, **changes: object) -> Alarm:
    """Sick from a second after noon on, and found ten seconds later."""
    known = Alarm(
        rule=Rule.DOWN,
        component="backend",
        target=BACKEND.target,
        kind=TriggerType.SERVICE_DOWN,
        priority=Priority.HIGH,
        since=NOON + timedelta(seconds=since),
        raised_at=NOON + timedelta(seconds=since + 10),
        ended_at=None if ended is None else NOON + timedelta(seconds=ended),
        end=end,
        why="",
    )
    return replace(known, **changes)


def course(one: Alarm, past: Sequence[Tried] = (), **changes: object) -> Course:
    """Of one alarm."""
    courses = Courses(bounds(**changes), {BACKEND.target: past}, Record.of(past))
    return courses.run([one])[0]


def test_what_is_well_again_by_itself_is_healed_for_nothing() -> None:
    """No later than a heal would have made it; it costs what a person's hand costs."""
    found = course(alarm(0, 40, End.RECOVERED))
    assert (found.verdict, len(found.began), found.dollars) == (Verdict.NOTHING, 1, -50.0)
    assert course(alarm(0, 4000, End.RECOVERED)).verdict is Verdict.MENDED


def test_recorded_heals_end_as_they_did() -> None:
    """The second attempt healed: as set it cools down for ten minutes, with a minute it would have been sooner."""
    past = [tried(11, 20, healed=False), tried(621, 630)]
    one = alarm(0, 630, End.HEALED)
    was, would = course(one, past), course(one, past, limits=Limits(cooldown=timedelta(minutes=1)))
    assert [len(found.began) for found in (was, would)] == [2, 2]
    assert would.began[1] < was.began[1] - timedelta(minutes=8)
    assert (was.dollars, was.refusals) == (0.0, ("COOLDOWN",))


def test_what_was_handed_to_a_person_is_not_investigated_again_and_again() -> None:
    """It cools down as it did: the one restart and the one investigation of the past, and no dollars beside."""
    investigated = replace(tried(21, 22, healed=False), action=INVESTIGATE, acted=False, dollars=0.0)
    rungs = [RESTART, Rung(action=INVESTIGATE, action_type="INVESTIGATE", manual_minutes=10)]
    past = [tried(11, 20, healed=False), investigated]
    found = course(alarm(0, 500, End.RECOVERED), past, rungs=lambda _component, _kind, _metric: rungs)
    assert (len(found.began), found.guessed, found.dollars) == (2, 0, -50.0)
    assert "COOLDOWN" in found.refusals


def test_what_nobody_tried_ends_as_the_same_action_did_before() -> None:
    """After ten minutes the restart would fail again: it counts as one that failed, not as one that changed nothing."""
    investigated = replace(tried(21, 22, healed=False), action=INVESTIGATE, acted=False, dollars=0.0)
    rungs = [RESTART, Rung(action=INVESTIGATE, action_type="INVESTIGATE", manual_minutes=10)]
    past = [tried(11, 20, healed=False), investigated]
    found = course(alarm(0, 900, End.RECOVERED), past, rungs=lambda _component, _kind, _metric: rungs)
    assert (len(found.began), found.failed) == (4, 2)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"allow": frozenset()}, "NOT_ALLOWED"),
        ({"rungs": lambda _component, _kind, _metric: []}, "NO_ACTION"),
        ({"rungs": lambda _component, _kind, _metric: [replace(RESTART, mode="observe")]}, "NOT_ALLOWED"),
        ({"rungs": lambda _component, _kind, _metric: [replace(RESTART, mode="approve")]}, "AWAITING_APPROVAL"),
        ({"limits": Limits(at_once=0)}, "BLAST_RADIUS"),
        ({"limits": Limits(storm_estate=1)}, "STORM"),
        ({"holds": [Hold(what="PAUSED", scope="estate", name="", begins_at=NOON, ends_at=None)]}, "PAUSED"),
    ],
)
def test_what_is_refused_says_why_and_costs_nothing(changes: dict[str, object], refusal: str) -> None:
    """No heal begins while it lasts."""
    found = course(alarm(0, 300, End.RECOVERED), **changes)
    assert (found.verdict, found.began, found.refusals, found.dollars) == (Verdict.REFUSED, (), (refusal,), 0.0)


def test_what_found_it_well_was_for_nothing_to_nobody() -> None:
    """The recorded attempt looked again before it acted: nothing was done, and nothing is lost."""
    found = course(alarm(0, 40, End.RECOVERED), [replace(tried(11, 20, healed=False), acted=False, dollars=0.0)])
    assert (found.verdict, len(found.began), found.failed, found.lost) == (Verdict.MENDED, 1, 0, 0.0)


def test_failed_and_harmful_heals_are_told_with_what_they_cost() -> None:
    """As recorded where it was; what nobody tried fails and harms as often as its action did."""
    past = [replace(tried(11, 20, healed=False), harmed=True, dollars=-265.0), tried(621, 630)]
    found = course(alarm(0, 630, End.HEALED), past)
    assert (found.failed, found.harmed, found.lost, found.dollars) == (1, 1, 265.0, -215.0)
    courses = Courses(bounds(), {}, Record.of(past))
    guessed = courses.run([alarm(0, 4000, End.RECOVERED)])[0]
    assert (guessed.guessed, guessed.lost, guessed.dollars) == (1, 25.0 + 107.5, 25.0 - 25.0 - 107.5)


def ahead(raised: int, until: int | None, **changes: object) -> Alarm:
    """Foretold so many minutes after noon, and taken back at another."""
    known = alarm(60 * raised, None, End.OPEN, rule=Rule.FORETOLD, kind=TriggerType.MEMORY_PRESSURE)
    at = NOON + timedelta(minutes=raised)
    stands_until = None if until is None else NOON + timedelta(minutes=until)
    return replace(known, raised_at=at, stands_until=stands_until, **{"about": "memory_percent", **changes})


def test_what_a_cap_refuses_is_asked_again_while_it_stands() -> None:
    """Of two that come together one begins; the other when the hour is over, if it is foretold until then."""
    one = replace(BACKEND, name="other", target="other")
    estate = {"components": ESTATE | {"other": one}, "allow": frozenset({"backend", "other"})}
    limits = Limits(foretold_at_once=5, foretold_in_hour=1)
    for until, began in ((50, []), (70, [NOON + timedelta(minutes=60)])):
        second = ahead(0, until, component="other", target="other")
        first, last = Courses(bounds(limits=limits, **estate), {}, Record.of([])).run([ahead(0, 200), second])
        assert len(first.began) == 1
        assert [at.replace(second=0, microsecond=0) for at in last.began] == began
        assert last.caps == ("in_an_hour",)
        assert (last.dollars, last.lost, last.guessed) == (0.0, 0.0, 0)


def test_what_was_done_ahead_of_time_is_no_attempt_on_what_is_sick() -> None:
    """Each is given its own attempts of the past: neither shares a length, a result or a rate with the other."""
    before = replace(tried(30, 90, healed=False), metric="memory_percent", trigger_type="MEMORY_PRESSURE", dollars=0.0)
    sick = alarm(0, 300, End.RECOVERED)
    assert course(sick, [before]).failed == 0
    assert course(ahead(0, 10), [before]).failed >= 1
    assert course(ahead(0, 10, about="memory_bytes"), [before]).failed == 0
    assert Record.of([before]).rate == {"preempt:restart-service": 0.0}


def test_a_suspicion_of_what_is_well_is_for_nothing() -> None:
    """A log suggests it, and the look says that it is healthy: one trigger, no heal, no fault."""
    found = course(alarm(0, None, End.MOMENT, kind=TriggerType.LOG_ERROR, confirmed=False))
    assert (found.verdict, found.triggers, found.began) == (Verdict.NOTHING, 1, ())
    assert found.refusals == ("ALREADY_HEALTHY",)


@given(st.lists(st.integers(0, 50), max_size=8, unique=True), st.lists(st.integers(0, 50), max_size=8, unique=True))
def test_every_alarm_is_in_one_pair(was: list[int], would: list[int]) -> None:
    """None is told twice, and none is lost."""
    first, second = (
        [course(alarm(100 * one, 100 * one + 40, End.RECOVERED)) for one in sorted(some)] for some in (was, would)
    )
    pairs = list(paired(first, second))
    assert [one.was for one in pairs if one.was] == first
    assert sorted(one.would.alarm.since for one in pairs if one.would) == [one.alarm.since for one in second]
    assert sum(one.was is not None and one.would is not None for one in pairs) == len({*was} & {*would})


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("2 h", NOON - timedelta(hours=2)),
        (f"{NOON:%Y-%m-%d}T01:30+02:00", NOON - timedelta(hours=12, minutes=30)),
        (f"{NOON:%Y-%m-%d} 11:00", NOON - timedelta(hours=1)),
        ("2999-01-01", NOON),
    ],
)
def test_a_time_is_told_in_utc_and_never_ahead(words: str, at: datetime) -> None:
    """Whatever its offset; the artifacts of the flow print it as UTC."""
    found = moment_of(words, NOON)
    assert (found, found.utcoffset()) == (at, timedelta(0))


def settings() -> Settings:
    component = {"probe": "http", "url": "http://127.0.0.1:9/"}
    ladder = {"ladder": ["restart-service"]}
    return parse({"components": {"back.end": component | ladder, "web": component}}, source="the test")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("watching.strikes=2", lambda one: one.watching.strikes == 2),
        ("healing.cooldown=5min", lambda one: one.healing.cooldown == timedelta(minutes=5)),
        ("components.back.end.start_timeout=9 s", lambda one: one.components["back.end"].start_timeout.seconds == 9),
        ('components."back.end".start_timeout=9 s', lambda one: one.components["back.end"].start_timeout.seconds == 9),
        ("log_monitor.patterns.heap.threshold=20", lambda one: one.log_monitor.patterns["heap"].threshold == 20),
        ('healing.allow=["web"]', lambda one: one.healing.allow == {"web"}),
        ("actions.restart-service.mode=observe", lambda one: one.actions["restart-service"].mode == "observe"),
    ],
)
def test_a_setting_is_changed_by_its_path(asked: str, found: object) -> None:
    """A name with a dot in it is found as it is, or stands in quotes."""
    assert found(changed(settings(), [asked]))  # type: ignore[operator] # a function of the settings


def test_nothing_asked_changes_nothing() -> None:
    """The settings are what they were."""
    assert changed(settings(), []) == settings()


@pytest.mark.parametrize("asked", ["watching.strikes.x=1", "components=1", "a b=1", "=1", "healing=1", "x.=1"])
def test_what_is_no_path_is_refused(asked: str) -> None:
    """In our words."""
    with pytest.raises(Permanent):
        changed(settings(), [asked])
