"""Every limit of admission at its edge: refused by name, told when to come back, and what is allowed goes on."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from admission_desk import FAILED, HEALED, MINUTE, RESTART, SECOND, Desk, target
from sqlalchemy import text

from selfheal.model.admission import Answer, Decision, Place
from selfheal.model.breaker import BreakerDeed, State
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.store.breakers import Breakers

RACERS = 16


def race(ask: Callable[[int], Answer], racers: int = RACERS) -> Counter[Decision]:
    """All at the same moment."""
    start = threading.Barrier(racers, timeout=30)

    def one(number: int) -> Decision:
        start.wait()
        return ask(number).decision

    with ThreadPoolExecutor(racers) as pool:
        return Counter(pool.map(one, range(racers)))


def test_three_heals_at_once_and_a_place_for_a_critical_one(desk: Callable[..., Desk]) -> None:
    """Sixteen targets at the same moment: three are admitted, the others are told to come back; CRITICAL still may."""
    one = desk(at_once=3)
    assert race(lambda n: one.ask(f"c-{n}")) == {Decision.ADMITTED: 3, Decision.BLAST_RADIUS: RACERS - 3}
    assert race(lambda n: one.ask(f"k-{n}", priority=Priority.CRITICAL))[Decision.ADMITTED] == 1
    refused = one.ask("later")
    assert refused.retry_at is not None
    assert "4 heals are under way" in refused.reason


@pytest.mark.parametrize(
    ("limit", "back"), [("in_10_min", timedelta(minutes=10)), ("in_hour", timedelta(hours=1))], ids=["10 min", "1 h"]
)
def test_heals_within_a_time_are_limited(desk: Callable[..., Desk], limit: str, back: timedelta) -> None:
    """One place is left: of sixteen one gets it; when the oldest lies far enough back there is a place again."""
    one = desk(**{limit: 3})
    for number in range(2):
        one.end(one.ask(f"early-{number}"), HEALED)
    assert race(lambda n: one.ask(f"c-{n}")) == {Decision.ADMITTED: 1, Decision.BLAST_RADIUS: RACERS - 1}
    refused = one.ask("late")
    assert refused.retry_at is not None
    assert abs(refused.retry_at - datetime.now(UTC) - back) < MINUTE
    one.passes(back + MINUTE)
    assert one.ask("late").admitted


def test_a_fifth_of_a_large_group_at_once(desk: Callable[..., Desk]) -> None:
    """Of a group of ten two are healed at the same time; a smaller group has no such limit."""
    one = desk()
    assert race(lambda n: one.ask(f"r-{n}", group="replicas", group_size=10))[Decision.ADMITTED] == 2
    assert race(lambda n: one.ask(f"s-{n}", group="small", group_size=9))[Decision.ADMITTED] == RACERS


def test_a_storm_of_the_estate_stops_heals_until_it_is_quiet(desk: Callable[..., Desk]) -> None:
    """The tenth sick component begins it, a person is told once, and ten quiet minutes end it."""
    one = desk(storm_estate=10)
    decisions = race(lambda n: one.ask(f"c-{n}"))
    assert decisions[Decision.ADMITTED] <= 9
    assert decisions[Decision.STORM] >= RACERS - 9
    assert one.one("SELECT count(*) FROM storms") == 1
    assert one.one("SELECT count(*) FROM alert_outbox WHERE dedup_key LIKE 'storm/%'") == 1
    one.passes(timedelta(minutes=9))
    assert one.ask("c-1", seen=timedelta(0)).decision in {Decision.STORM, Decision.ALREADY_HEALING}
    one.passes(timedelta(minutes=2))
    assert one.ask("another").admitted


def test_a_critical_root_is_healed_in_a_storm_and_its_child_is_not(desk: Callable[..., Desk]) -> None:
    """The broker of everything is what a storm waits for."""
    one = desk(storm_estate=4)
    for number in range(4):
        one.ask(f"c-{number}", rungs=(RESTART,))
    assert one.ask("c-9").decision is Decision.STORM
    child = {"priority": Priority.CRITICAL, "parents": (target("broker"),)}
    assert one.ask("broker", priority=Priority.CRITICAL).admitted
    assert one.ask("consumer", **child).decision is Decision.ALREADY_HEALING


def test_more_than_half_of_a_group_is_a_storm_of_that_group_only(desk: Callable[..., Desk]) -> None:
    """Five of eight are one; another group's components are healed all the same."""
    one = desk(storm_group=5)
    group = {"group": "web", "group_size": 8}
    decisions = [one.ask(f"w-{n}", **group).decision for n in range(6)]
    assert decisions[:4] == [Decision.ADMITTED] * 4
    assert decisions[5] is Decision.STORM
    assert one.ask("db", group="data", group_size=2).admitted


def test_a_go_ahead_lets_a_storm_be_healed(desk: Callable[..., Desk]) -> None:
    """After a person's word the same components are admitted, and who it was stays written."""
    one = desk(storm_estate=3)
    for number in range(4):
        one.ask(f"c-{number}")
    assert one.ask("c-4").decision is Decision.STORM
    with one.engine.begin() as connection:
        connection.execute(text("UPDATE storms SET go_at = now(), go_by = 'ada', go_why = 'power is back'"))
    assert one.ask("c-4").admitted


@pytest.mark.parametrize(
    ("scope", "name"),
    [("estate", ""), ("group", "web"), ("component", "backend")],
    ids=["estate", "group", "component"],
)
def test_in_maintenance_nothing_of_its_scope_is_healed(desk: Callable[..., Desk], scope: str, name: str) -> None:
    """The refusal names who, why and until when; what is outside of the scope, or after it, is healed."""
    one = desk()
    with one.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO maintenance_windows (scope, name, begins_at, ends_at, zone, who, why)"
                " VALUES (:scope, :name, now() - interval '1 min', now() + interval '1 h', 'UTC', 'ada', 'new disks')"
            ),
            {"scope": scope, "name": name},
        )
    refused = one.ask("backend", group="web", group_size=2)
    assert refused.decision is Decision.MAINTENANCE
    assert "ada" in refused.reason
    assert "new disks" in refused.reason
    assert refused.retry_at is not None
    assert one.ask("other").admitted == (scope != "estate")
    with one.engine.begin() as connection:
        connection.execute(text("UPDATE maintenance_windows SET ends_at = now()"))
    assert one.ask("backend", group="web", group_size=2).admitted


def test_a_child_waits_for_its_parent_and_is_looked_at_again(desk: Callable[..., Desk]) -> None:
    """While the parent is sick or being healed the child is not touched; afterwards it is."""
    one = desk()
    parent, child = one.ask("broker"), {"parents": (target("broker"),)}
    assert one.ask("consumer", **child).attempt_id == parent.attempt_id
    one.end(parent, FAILED)
    waiting = one.ask("consumer", **child)
    assert (waiting.decision, "roots first" in waiting.reason) == (Decision.ALREADY_HEALING, True)
    one.passes(timedelta(minutes=11))
    one.end(one.ask("broker"), HEALED)
    assert one.ask("consumer", **child).admitted


def test_the_next_rung_begins_at_once(desk: Callable[..., Desk]) -> None:
    """While the first action rests after its failure, the second of the ladder is taken."""
    one = desk()
    one.end(one.ask(rungs=(RESTART, SECOND)), FAILED)
    second = one.ask(rungs=(RESTART, SECOND))
    assert second.reason.startswith(SECOND.action)
    assert one.one("SELECT ladder_step FROM faults WHERE closed_at IS NULL") == 1
    one.end(second, FAILED)
    assert one.ask(rungs=(RESTART, SECOND)).decision is Decision.COOLDOWN


def test_three_failures_of_each_action_hand_it_to_a_person_once(desk: Callable[..., Desk]) -> None:
    """Then it is refused, a person is told with every attempt, and their own word still counts."""
    one = desk()
    for _ in range(3):
        one.end(one.ask(), FAILED)
        one.passes(timedelta(minutes=45))
    for _ in range(3):
        assert one.ask().decision is Decision.ATTEMPTS_EXHAUSTED
    assert one.one("SELECT needs_person IS NOT NULL FROM faults") is True
    assert one.one("SELECT count(*) FROM alert_outbox") == 1
    assert one.one("SELECT jsonb_array_length(details -> 'attempts') FROM alert_outbox") == 3
    assert one.ask(source=Source.PERSON).admitted


def test_five_attempts_on_one_fault_are_enough(desk: Callable[..., Desk]) -> None:
    """Whatever the ladder still offers."""
    one = desk(per_action=100, cooldown=timedelta(microseconds=1))
    for _ in range(5):
        one.end(one.ask(), FAILED)
    assert one.ask().decision is Decision.ATTEMPTS_EXHAUSTED
    one.passes(timedelta(hours=25))
    assert one.ask().admitted


def test_what_was_seen_before_a_heal_ended_is_looked_at_again(desk: Callable[..., Desk]) -> None:
    """An observation that is older than the last attempt's end, or than a minute, is nothing to act on."""
    one = desk()
    one.end(one.ask(), HEALED)
    assert one.ask(seen=timedelta(seconds=30)).decision is Decision.STALE_TRIGGER
    assert one.ask(seen=timedelta(seconds=61)).decision is Decision.STALE_TRIGGER
    assert one.ask().admitted


def test_an_action_that_fails_everywhere_is_not_tried_further(desk: Callable[..., Desk]) -> None:
    """Five failures on five targets trip its breaker; the next rung is taken, or CIRCUIT_OPEN says until when."""
    one = desk()
    for number in range(5):
        one.end(one.ask(f"c-{number}"), FAILED)
    refused = one.ask("another")
    assert refused.decision is Decision.CIRCUIT_OPEN
    assert refused.retry_at is not None
    assert one.ask("another", rungs=(RESTART, SECOND)).reason.startswith(SECOND.action)


def test_a_half_open_breaker_lets_five_probes_through(desk: Callable[..., Desk]) -> None:
    """Of sixteen targets at once five are tried; four good ones close it."""
    one = desk()
    for number in range(5):
        one.end(one.ask(f"c-{number}"), FAILED)
    one.passes(timedelta(minutes=6))
    answers: list[Answer] = []

    def probe(number: int) -> Answer:
        answers.append(one.ask(f"p-{number}"))
        return answers[-1]

    assert race(probe) == {Decision.ADMITTED: 5, Decision.CIRCUIT_OPEN: RACERS - 5}
    for answer in [one for one in answers if one.admitted][:4]:
        one.end(answer, HEALED)
    assert Breakers(one.engine).state("heal:restart-service").state is State.CLOSED


def test_a_refused_probe_gives_its_permit_back(desk: Callable[..., Desk]) -> None:
    """What another limit refuses does not use up a probe."""
    wide, narrow = desk(), desk(at_once=1)
    for number in range(5):
        wide.end(wide.ask(f"c-{number}"), FAILED)
    wide.passes(timedelta(minutes=6))
    assert narrow.ask("p-0").admitted
    for number in range(1, 9):
        assert narrow.ask(f"p-{number}").decision is Decision.BLAST_RADIUS
    assert len(Breakers(wide.engine).state("heal:restart-service").permits) == 1


def test_a_forced_open_breaker_refuses_by_name(desk: Callable[..., Desk]) -> None:
    """Who forced it and why is in the refusal."""
    one = desk()
    Breakers(one.engine).decide("heal:restart-service", BreakerDeed.OPEN, who="ada", why="restarts lose data today")
    refused = one.ask()
    assert refused.decision is Decision.CIRCUIT_OPEN
    assert "ada: restarts lose data today" in refused.reason


def test_two_thousand_equal_triggers_are_one_heal_and_one_refusal(desk: Callable[..., Desk]) -> None:
    """Equal refusals are counted in one row, from sixteen threads."""
    one = desk()
    with ThreadPoolExecutor(RACERS) as pool:
        answers = Counter(answer.decision for answer in pool.map(lambda _: one.ask(), range(2_000)))
    assert answers == {Decision.ADMITTED: 1, Decision.ALREADY_HEALING: 1_999}
    assert one.one("SELECT count(*) FROM healing_triggers") == 2
    assert one.one("SELECT sum(occurrences) FROM healing_triggers") == 2_000


def test_the_same_id_gets_its_first_answer_whatever_has_changed(desk: Callable[..., Desk]) -> None:
    """Also from a breaker that is open by now."""
    one = desk()
    trigger = Trigger(
        id=UUID(str(uuid4())),
        type=TriggerType.SERVICE_DOWN,
        component="backend",
        source=Source.WATCHER,
        priority=Priority.HIGH,
        reason="",
        detected_at=datetime.now(UTC),
    )
    sick = Observation(component="backend", health=Health.SICK, detail="", observed_at=datetime.now(UTC))
    asked = {"place": Place(target=target("backend")), "rungs": (RESTART,), "observation": sick, "refusal": None}
    first = one.heals.admit(trigger, **asked)
    one.end(first, FAILED)
    Breakers(one.engine).decide("heal:restart-service", BreakerDeed.OPEN, who="ada", why="later")
    again = one.heals.admit(trigger, **asked)
    assert (again.decision, again.attempt_id, again.repeated) == (Decision.ADMITTED, first.attempt_id, True)
