"""What was seen before something ended is looked at again at once, and nothing is done before that."""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from admission_desk import FAILED, RESTART, Desk, target
from uuid6 import uuid7

from selfheal.model.admission import Answer, Decision, Place
from selfheal.model.errors import StoodDown
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol.heal import Steps, heal
from selfheal.protocol.leases import Leases

SECOND = timedelta(seconds=1)
MINUTES = timedelta(minutes=2)


def pause(one: Desk) -> None:
    one.do("INSERT INTO pauses (paused_by, why) VALUES ('ada', 'new disks')")


def resume(one: Desk) -> None:
    one.do("UPDATE pauses SET ended_at = now(), ended_by = 'ada'")


def maintain(one: Desk) -> None:
    one.do(
        "INSERT INTO maintenance_windows (scope, name, begins_at, ends_at, zone, who, why)"
        " VALUES ('component', 'backend', now() - interval '1 min', now() + interval '1 h', 'UTC', 'ada', 'disks')"
    )


def end_maintenance(one: Desk) -> None:
    one.do("UPDATE maintenance_windows SET ends_at = now()")


def blow(one: Desk) -> None:
    one.do("INSERT INTO storms (estate_group, sick, quiet_at) VALUES ('', 10, now() + interval '10 min')")


def go(one: Desk) -> None:
    one.do("UPDATE storms SET go_at = now(), go_by = 'ada', go_why = 'the power is back'")


def trip(one: Desk) -> None:
    for number in range(5):
        one.end(one.ask(f"c-{number}"), FAILED)


def half_open(one: Desk) -> None:
    one.do("UPDATE circuit_breaker_state SET open_until = now()")


@pytest.mark.parametrize(
    ("begin", "end", "refusal"),
    [
        (pause, resume, Decision.PAUSED),
        (maintain, end_maintenance, Decision.MAINTENANCE),
        (blow, go, Decision.STORM),
        (trip, half_open, Decision.CIRCUIT_OPEN),
    ],
    ids=["pause", "maintenance", "storm", "breaker"],
)
def test_what_was_seen_before_the_end_is_looked_at_again(
    desk: Callable[..., Desk],
    begin: Callable[[Desk], None],
    end: Callable[[Desk], None],
    refusal: Decision,
) -> None:
    """An observation of meanwhile is old once it has ended, if by a second: STALE_TRIGGER; a new one is acted on."""
    one = desk()
    begin(one)
    assert one.ask().decision is refusal
    end(one)
    old = one.ask(seen=SECOND)
    assert (old.decision, "look again" in old.reason) == (Decision.STALE_TRIGGER, True)
    assert one.ask().admitted


def admitted_by(one: Desk, trigger: Trigger, ages: list[timedelta]) -> Answer:
    """What the admission of a heal says whose looks are that old."""
    left = iter(ages)

    def observe(trigger: Trigger) -> Observation:
        at = datetime.now(UTC) - next(left)
        return Observation(component=trigger.component, health=Health.SICK, detail="gone", observed_at=at)

    def admit(trigger: Trigger, seen: Observation | None) -> Answer:
        place = Place(target=target(trigger.component))
        return one.heals.admit(trigger, place=place, rungs=(RESTART,), observation=seen, refusal=None)

    steps = Mock(spec_set=[field.name for field in fields(Steps)], observe=observe, admit=admit)
    steps.leases = Leases(one.heals, lease=MINUTES)
    steps.claim.side_effect = StoodDown("the test wants no more than the admission")
    steps.follow.return_value = None
    return heal(steps, trigger).answer


def a_trigger() -> Trigger:
    return Trigger(
        id=uuid7(),
        type=TriggerType.SERVICE_DOWN,
        component="backend",
        source=Source.WATCHER,
        priority=Priority.HIGH,
        reason="",
        detected_at=datetime.now(UTC),
    )


def test_a_heal_looks_again_at_once(desk: Callable[..., Desk]) -> None:
    """One old look is followed by a fresh one, which is admitted; the same trigger again comes to the same attempt."""
    one, trigger = desk(), a_trigger()
    first = admitted_by(one, trigger, [MINUTES, timedelta(0)])
    again = admitted_by(one, trigger, [MINUTES, timedelta(0)])
    assert first.admitted
    assert (again.attempt_id, again.repeated) == (first.attempt_id, True)
    assert one.one("SELECT count(*) FROM healing_actions") == 1


def test_a_heal_does_not_look_for_ever(desk: Callable[..., Desk]) -> None:
    """Where every look is old the refusal stands; the next sweep raises it anew."""
    one = desk()
    assert admitted_by(one, a_trigger(), [MINUTES] * 4).decision is Decision.STALE_TRIGGER
    assert one.one("SELECT sum(occurrences) FROM healing_triggers") == 4
