"""Sixteen processes at the edge of each limit: it is never exceeded, and every refusal has its name."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from admission_desk import FAILED, HEALED, MINUTE, Desk, target
from embedded_fixtures import until
from racers import RACERS, Move, Racers

from selfheal.model.admission import Decision, Refusal
from selfheal.model.breaker import BreakerDeed
from selfheal.model.maintenance import Scope
from selfheal.model.trigger import Priority
from selfheal.store.breakers import Breakers
from selfheal.store.maintenance import Maintenance
from selfheal.store.pauses import Pauses

Desks = Callable[..., Desk]
REFUSED = {  # what else a racer may meet while another one's attempt has just begun or ended
    Decision.ALREADY_HEALING,
    Decision.STALE_TRIGGER,
}


def begun(one: Desk) -> Any:
    return one.one("SELECT count(*) FROM healing_actions WHERE fault_id IS NOT NULL")


def test_one_heal_of_a_target(desk: Desks, racers: Racers) -> None:
    """ALREADY_HEALING: sixteen ask for the same target, one gets it."""
    answers = racers.race(Move(limits=desk().limits, component="backend", turns=5))
    assert answers == {Decision.ADMITTED: 1, Decision.ALREADY_HEALING: 5 * RACERS - 1}


def test_three_at_once_and_one_that_is_critical(desk: Desks, racers: Racers) -> None:
    """BLAST_RADIUS: three get a place, then one CRITICAL; whenever one place becomes free one gets it."""
    one = desk(at_once=3)
    move = Move(limits=one.limits)
    assert racers.race(move) == {Decision.ADMITTED: 3, Decision.BLAST_RADIUS: RACERS - 3}
    critical = Move(limits=one.limits, component="k-{racer}", asked={"priority": Priority.CRITICAL})
    assert racers.race(critical) == {Decision.ADMITTED: 1, Decision.BLAST_RADIUS: RACERS - 1}
    for number in range(3):
        one.do(
            "UPDATE healing_actions SET status = 'FAILED', success = false, completed_at = now()"
            " WHERE id IN (SELECT id FROM healing_actions WHERE completed_at IS NULL LIMIT 2)"
        )
        assert racers.race(Move(limits=one.limits, component=f"d{number}-{{racer}}"))[Decision.ADMITTED] == 1 + (
            number > 0
        )


@pytest.mark.parametrize(("limit", "most"), [("in_10_min", 10), ("in_hour", 30)], ids=["10 min", "1 h"])
def test_so_many_begin_within_a_time(desk: Desks, racers: Racers, limit: str, most: int) -> None:
    """BLAST_RADIUS: all of them heal one target after the other; together they begin exactly so many."""
    one = desk(**{limit: most})
    answers = racers.race(Move(limits=one.limits, component="c-{racer}-{turn}", turns=4, outcome=HEALED))
    assert answers == {Decision.ADMITTED: most, Decision.BLAST_RADIUS: 4 * RACERS - most}


def test_a_fifth_of_a_group(desk: Desks, racers: Racers) -> None:
    """BLAST_RADIUS: of a group of ten two are healed at the same time."""
    answers = racers.race(Move(limits=desk().limits, asked={"group": "replicas", "group_size": 10}))
    assert answers == {Decision.ADMITTED: 2, Decision.BLAST_RADIUS: RACERS - 2}


@pytest.mark.parametrize(
    ("limits", "asked"),
    [({"storm_estate": 10}, {}), ({"storm_group": 10}, {"group": "web", "group_size": 12})],
    ids=["estate", "group"],
)
def test_a_storm_begins_once(desk: Desks, racers: Racers, limits: dict[str, int], asked: dict[str, Any]) -> None:
    """STORM: of sixteen that become sick at once at most nine are admitted, a person is told once, then nobody is."""
    one = desk(**limits, group_from=100)
    answers = racers.race(Move(limits=one.limits, asked=asked))
    assert answers[Decision.ADMITTED] <= 9
    assert answers[Decision.ADMITTED] + answers[Decision.STORM] == RACERS
    assert one.one("SELECT count(*) FROM alert_outbox WHERE dedup_key LIKE 'storm/%'") == 1
    later = Move(limits=one.limits, component="later-{racer}-{turn}", asked=asked, turns=2)
    assert racers.race(later) == {Decision.STORM: 2 * RACERS}


@pytest.mark.parametrize(("limits", "most"), [({"per_action": 3}, 3), ({"per_fault": 5, "per_action": 99}, 5)])
def test_so_many_attempts_are_enough(desk: Desks, racers: Racers, limits: dict[str, int], most: int) -> None:
    """ATTEMPTS_EXHAUSTED: all try to heal what cannot be healed; exactly so many attempts, then one alert."""
    one = desk(**({"cooldown": timedelta(microseconds=1), "per_fault": 99} | limits))
    last = Decision.ATTEMPTS_EXHAUSTED
    answers = racers.race(Move(limits=one.limits, component="backend", turns=1000, last=last, outcome=FAILED))
    assert answers[Decision.ADMITTED] == most == begun(one)
    assert set(answers) <= {Decision.ADMITTED, last, Decision.COOLDOWN, *REFUSED}
    assert answers[last] == RACERS
    assert one.one("SELECT count(*) FROM alert_outbox WHERE dedup_key LIKE 'fault/%'") == 1


def test_a_failed_attempt_is_not_repeated_before_its_time(desk: Desks, racers: Racers) -> None:
    """COOLDOWN: the first of all fails, and nobody tries again."""
    last = Decision.COOLDOWN
    answers = racers.race(Move(limits=desk().limits, component="backend", turns=1000, last=last, outcome=FAILED))
    assert (answers[Decision.ADMITTED], answers[last]) == (1, RACERS)
    assert set(answers) <= {Decision.ADMITTED, last, *REFUSED}


def test_no_admission_gets_past_a_pause(desk: Desks, racers: Racers) -> None:
    """PAUSED: once the command has returned not one more heal begins, however many are on their way."""
    one = desk()
    started = racers.start(Move(limits=one.limits, component="c-{racer}-{turn}", turns=15, outcome=HEALED))
    until(lambda: begun(one) > RACERS)
    Pauses(one.engine).pause(who="ada", why="new disks")
    then = begun(one)
    assert racers.answers(started) == {Decision.ADMITTED: then, Decision.PAUSED: 15 * RACERS - then}
    assert begun(one) == then < 15 * RACERS


def test_no_admission_gets_past_a_maintenance_window(desk: Desks, racers: Racers) -> None:
    """MAINTENANCE: the same for a window that begins now, and for its group only."""
    one = desk()
    asked = {"group": "web", "group_size": 3}
    move = Move(limits=one.limits, component="c-{racer}-{turn}", turns=15, outcome=HEALED, asked=asked)
    started = racers.start(move)
    until(lambda: begun(one) > RACERS)
    begins = one.one("SELECT now()")
    words = {"zone": "UTC", "who": "ada", "why": "new disks"}
    Maintenance(one.engine).plan(scope=Scope.GROUP, name="web", begins_at=begins, ends_at=begins + MINUTE, **words)
    then = begun(one)
    assert racers.answers(started) == {Decision.ADMITTED: then, Decision.MAINTENANCE: 15 * RACERS - then}
    assert begun(one) == then < 15 * RACERS
    assert racers.race(Move(limits=one.limits, component="other-{racer}")) == {Decision.ADMITTED: RACERS}


def test_five_probes_of_a_half_open_breaker(desk: Desks, racers: Racers) -> None:
    """CIRCUIT_OPEN: nobody is let through while it is open, five once it is half-open."""
    one = desk()
    for number in range(5):
        one.end(one.ask(f"c-{number}"), FAILED)
    assert racers.race(Move(limits=one.limits, component="o-{racer}")) == {Decision.CIRCUIT_OPEN: RACERS}
    one.passes(timedelta(minutes=6))
    answers = racers.race(Move(limits=one.limits, component="p-{racer}"))
    assert answers == {Decision.ADMITTED: 5, Decision.CIRCUIT_OPEN: RACERS - 5}


def test_no_admission_gets_past_a_breaker_that_was_forced_open(desk: Desks, racers: Racers) -> None:
    """CIRCUIT_OPEN: once the command has returned not one more heal by that action begins."""
    one = desk()
    started = racers.start(Move(limits=one.limits, component="c-{racer}-{turn}", turns=15, outcome=HEALED))
    until(lambda: begun(one) > RACERS)
    Breakers(one.engine).decide("heal:restart-service", BreakerDeed.OPEN, who="ada", why="it loses data")
    then = begun(one)
    assert racers.answers(started) == {Decision.ADMITTED: then, Decision.CIRCUIT_OPEN: 15 * RACERS - then}
    assert begun(one) == then < 15 * RACERS


def test_what_was_seen_before_is_nothing_to_act_on(desk: Desks, racers: Racers) -> None:
    """STALE_TRIGGER: an attempt has just ended, and sixteen come with what they saw before."""
    one = desk()
    one.end(one.ask(), HEALED)
    old = Move(limits=one.limits, component="backend", asked={"seen": timedelta(seconds=5)}, turns=3)
    assert racers.race(old) == {Decision.STALE_TRIGGER: 3 * RACERS}
    assert racers.race(Move(limits=one.limits, component="backend"))[Decision.ADMITTED] == 1


def test_a_child_does_not_overtake_its_parent(desk: Desks, racers: Racers) -> None:
    """ALREADY_HEALING: while the parent is sick not one of sixteen children is touched."""
    one = desk()
    one.end(one.ask("broker"), FAILED)
    children = {"parents": (target("broker"),), "priority": Priority.CRITICAL}
    assert racers.race(Move(limits=one.limits, asked=children)) == {Decision.ALREADY_HEALING: RACERS}


@pytest.mark.parametrize("decision", [Decision.NOT_ALLOWED, Decision.NO_ACTION, Decision.ALREADY_HEALTHY])
def test_what_the_door_refuses_is_one_counted_row(desk: Desks, racers: Racers, decision: Decision) -> None:
    """NOT_ALLOWED, NO_ACTION, ALREADY_HEALTHY: nobody is admitted, and all are counted in one row."""
    one = desk()
    asked = {"refusal": Refusal(decision=decision, reason="no")}
    assert racers.race(Move(limits=one.limits, component="backend", asked=asked, turns=5)) == {decision: 5 * RACERS}
    assert begun(one) == 0
    assert one.one("SELECT array_agg(occurrences) FROM healing_triggers") == [5 * RACERS]
