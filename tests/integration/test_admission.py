"""Admission in Postgres: one heal per target, counted refusals, first answers repeated."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from uuid6 import uuid7

from selfheal.model.admission import Decision, Refusal
from selfheal.model.attempt import Holder, Outcome, Phase, Plan, Status, Verification
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.store.heals import Heals

HOLDER = Holder(host="here", pid=1, started=1)
MINUTE = timedelta(minutes=1)


def a_trigger(component: str = "backend") -> Trigger:
    return Trigger(
        id=uuid7(),
        type=TriggerType.SERVICE_DOWN,
        component=component,
        action="restart-service",
        source=Source.WATCHER,
        priority=Priority.CRITICAL,
        reason="it is down",
        detected_at=datetime.now(UTC),
    )


def sick(component: str = "backend") -> Observation:
    return Observation(component=component, health=Health.SICK, detail="gone", observed_at=datetime.now(UTC))


@pytest.fixture
def heals(empty: Engine) -> Heals:
    return Heals(empty, lease=timedelta(seconds=3), cooldown=10 * MINUTE, flap=10 * MINUTE)


def ask(heals: Heals, trigger: Trigger | None = None, refusal: Refusal | None = None):
    trigger = trigger or a_trigger()
    return heals.admit(
        trigger,
        target=f"supervisor/demo/{trigger.component}",
        action_type="RESTART_SERVICE",
        observation=sick(trigger.component),
        refusal=refusal,
    )


def finish(heals: Heals, answer, *, status=Status.SUCCESS, verification=Verification.HEALED, interrupted=False) -> None:
    attempt = heals.claim(answer.attempt_id, fence=0, holder=HOLDER)
    assert attempt is not None
    assert heals.record_plan(attempt.id, fence=1, plan=Plan())
    assert heals.announce_act(attempt.id, fence=1, timeout=MINUTE)
    outcome = Outcome(status=status, verification=verification, message="done", interrupted=interrupted)
    assert heals.settle(attempt.id, fence=1, outcome=outcome, execution_ms=5)


def test_the_first_trigger_is_admitted_with_fault_and_intent(heals: Heals) -> None:
    """An admitted trigger leaves an open fault and a PENDING attempt with its pre-observation."""
    answer = ask(heals)
    assert answer.decision is Decision.ADMITTED
    attempt = heals.attempt(answer.attempt_id)
    assert (attempt.status, attempt.fence, attempt.fault_id) == (Status.PENDING, 0, answer.fault_id)
    assert heals.has_open_fault("supervisor/demo/backend")


def test_simultaneous_triggers_of_one_fault_make_one_heal(heals: Heals, empty: Engine) -> None:
    """Of 60 triggers at the same moment one is admitted and 59 are counted in one refusal."""
    start = threading.Barrier(20)

    def one(_: int) -> Decision:
        start.wait()
        return ask(heals).decision

    with ThreadPoolExecutor(20) as pool:
        answers = Counter(pool.map(one, range(60)))
    assert answers == {Decision.ADMITTED: 1, Decision.ALREADY_HEALING: 59}
    with empty.connect() as connection:
        rows = connection.execute(text("SELECT decision, occurrences FROM healing_triggers")).all()
    assert sorted(map(tuple, rows)) == [("ADMITTED", 1), ("ALREADY_HEALING", 59)]


def test_the_same_id_again_gets_the_first_answer(heals: Heals) -> None:
    """An id that was answered gets that answer for ever, refused or admitted, even after the heal is over."""
    first, second = a_trigger(), a_trigger()
    admitted, refused = ask(heals, first), ask(heals, second)
    finish(heals, admitted)
    again, refused_again = ask(heals, first), ask(heals, second)
    assert (again.decision, again.attempt_id, again.repeated) == (Decision.ADMITTED, admitted.attempt_id, True)
    assert (refused_again.decision, refused_again.reason, refused_again.repeated) == (
        Decision.ALREADY_HEALING,
        refused.reason,
        True,
    )


def test_a_failed_attempt_begins_a_cool_down_that_doubles(heals: Heals) -> None:
    """After a failure the action rests on that target, and twice as long after the second."""
    finish(heals, ask(heals), status=Status.FAILED, verification=Verification.NOT_HEALED)
    refused = ask(heals)
    assert refused.decision is Decision.COOLDOWN
    assert timedelta(minutes=9) < refused.retry_at - datetime.now(UTC) < timedelta(minutes=11)
    other = ask(heals, a_trigger("frontend"))
    assert other.admitted


def test_two_heals_close_together_begin_a_cool_down_and_one_does_not(heals: Heals) -> None:
    """A second heal within ten minutes is admitted, the third is refused."""
    finish(heals, ask(heals))
    finish(heals, ask(heals))
    assert ask(heals).decision is Decision.COOLDOWN


def test_an_interrupted_attempt_does_not_cool_down_until_the_third(heals: Heals, empty: Engine) -> None:
    """A healer's death says nothing about the action; the third one on a fault hands it to a person and rests."""
    failed = {"status": Status.FAILED, "verification": Verification.NOT_HEALED, "interrupted": True}
    for _ in range(3):
        finish(heals, ask(heals), **failed)
    assert ask(heals).decision is Decision.COOLDOWN
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT needs_person FROM faults WHERE closed_at IS NULL")) == "done"


def test_a_lost_fence_writes_nothing(heals: Heals) -> None:
    """Whoever holds an older fence changes no row: not the plan, not the phase, not the outcome."""
    answer = ask(heals)
    assert heals.claim(answer.attempt_id, fence=0, holder=HOLDER) is not None
    assert heals.claim(answer.attempt_id, fence=0, holder=HOLDER) is None
    outcome = Outcome(status=Status.FAILED, verification=None, message="late")
    assert not heals.record_plan(answer.attempt_id, fence=0, plan=Plan())
    assert not heals.announce_act(answer.attempt_id, fence=0, timeout=MINUTE)
    assert not heals.enter(answer.attempt_id, fence=0, phase=Phase.VERIFYING)
    assert not heals.settle(answer.attempt_id, fence=0, outcome=outcome, execution_ms=None)
    assert heals.renew({answer.attempt_id: 0}) == set()
    assert heals.renew({answer.attempt_id: 1}) == {answer.attempt_id}


def test_settling_again_after_a_lost_answer_is_true(heals: Heals) -> None:
    """The holder that repeats its settle is told that it is settled; the outcome stays the first."""
    answer = ask(heals)
    finish(heals, answer)
    late = Outcome(status=Status.FAILED, verification=None, message="again")
    assert heals.settle(answer.attempt_id, fence=1, outcome=late, execution_ms=None)
    assert heals.attempt(answer.attempt_id).outcome.status is Status.SUCCESS


def test_refusals_from_the_door_are_recorded_with_clean_text(heals: Heals, empty: Engine) -> None:
    """NUL bytes and lone surrogates in a name or a reason are stored replaced, and refused all the same."""
    odd = Refusal(decision=Decision.NOT_ALLOWED, reason="no component is named '\x00\ud800'")
    answer = heals.admit(a_trigger("\x00\ud800"), target="", action_type="", observation=None, refusal=odd)
    assert answer.decision is Decision.NOT_ALLOWED
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT component FROM healing_triggers")) == "\N{REPLACEMENT CHARACTER}?"


def test_peek_tells_the_refusal_and_records_nothing(heals: Heals, empty: Engine) -> None:
    """A dry run learns what would refuse it; no trigger and no fault is written."""
    assert heals.peek("supervisor/demo/backend", "RESTART_SERVICE") is None
    ask(heals)
    assert heals.peek("supervisor/demo/backend", "RESTART_SERVICE").decision is Decision.ALREADY_HEALING
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM healing_triggers")) == 1
