"""What only Postgres can show of admission: simultaneous triggers, counted refusals, text that it cannot keep.

What holds for every store is in `test_heal_store.py`.
"""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from uuid6 import uuid7

from selfheal.model.admission import Answer, Decision, Limits, Place, Refusal, Rung
from selfheal.model.attempt import Holder, Outcome, Plan, Status, Verification
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.store.heals import Heals

HOLDER = Holder(host="here", pid=1, started=1)
MINUTE = timedelta(minutes=1)
RESTART = Rung(action="restart-service", action_type="RESTART_SERVICE")


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
    return Heals(empty, Limits(lease=timedelta(seconds=3), at_once=100))


def ask(heals: Heals, trigger: Trigger | None = None, refusal: Refusal | None = None) -> Answer:
    trigger = trigger or a_trigger()
    return heals.admit(
        trigger,
        place=Place(target=f"supervisor/demo/{trigger.component}"),
        rungs=[RESTART],
        observation=sick(trigger.component),
        refusal=refusal,
    )


def peek(heals: Heals) -> Answer | None:
    outlook = heals.peek(a_trigger(), place=Place(target="supervisor/demo/backend"), rungs=[RESTART])
    return outlook.refusals[0] if outlook.refusals else None


def finish(heals: Heals, answer: Answer, *, status: Status, verification: Verification, interrupted: bool) -> None:
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


def test_an_interrupted_attempt_does_not_cool_down_until_the_third(heals: Heals, empty: Engine) -> None:
    """A healer's death says nothing about the action; the third one on a fault hands it to a person and rests."""
    failed = {"status": Status.FAILED, "verification": Verification.NOT_HEALED, "interrupted": True}
    for _ in range(3):
        finish(heals, ask(heals), **failed)
    assert ask(heals).decision is Decision.COOLDOWN
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT needs_person FROM faults WHERE closed_at IS NULL")) == "done"


def test_a_recovery_ends_the_rest_of_attempts_that_said_nothing(heals: Heals) -> None:
    """Three attempts that could not act rest while their fault is open; the target's next fault is healed at once."""
    for _ in range(3):
        finish(heals, ask(heals), status=Status.FAILED, verification=Verification.NOT_HEALED, interrupted=True)
    assert ask(heals).decision is Decision.COOLDOWN
    assert heals.close_recovered("supervisor/demo/backend", seen_at=datetime.now(UTC) + timedelta(minutes=1))
    assert ask(heals).decision is Decision.ADMITTED


def test_refusals_from_the_door_are_recorded_with_clean_text(heals: Heals, empty: Engine) -> None:
    """NUL bytes and lone surrogates in a name or a reason are stored replaced, and refused all the same."""
    odd = Refusal(decision=Decision.NOT_ALLOWED, reason="no component is named '\x00\ud800'")
    answer = heals.admit(a_trigger("\x00\ud800"), place=Place(), rungs=[], observation=None, refusal=odd)
    assert answer.decision is Decision.NOT_ALLOWED
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT component FROM healing_triggers")) == "\N{REPLACEMENT CHARACTER}?"


def test_peek_tells_the_refusal_and_records_nothing(heals: Heals, empty: Engine) -> None:
    """A dry run learns what would refuse it; no trigger and no fault is written."""
    assert peek(heals) is None
    ask(heals)
    assert peek(heals).decision is Decision.ALREADY_HEALING
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM healing_triggers")) == 1


def test_a_row_of_another_release_does_not_hide_the_others(heals: Heals, empty: Engine) -> None:
    """Of two expired attempts one cannot be read: the other is still found."""
    poisoned, fine = ask(heals), ask(heals, a_trigger("frontend"))
    with empty.begin() as connection:
        connection.execute(text("UPDATE healing_actions SET lease_until = now() - interval '1 minute'"))
        plan = {"id": poisoned.attempt_id, "plan": '{"before": {"container": "of a newer release"}}'}
        connection.execute(text("UPDATE healing_actions SET plan = CAST(:plan AS jsonb) WHERE id = :id"), plan)
    assert [one.id for one in heals.expired()] == [fine.attempt_id]


def test_a_fault_that_is_closed_during_admission_gets_no_attempt(heals: Heals, empty: Engine) -> None:
    """Admission has found the fault open, and it is closed before the lock is had: the trigger is stale."""
    finish(heals, ask(heals), status=Status.FAILED, verification=Verification.NOT_HEALED, interrupted=True)
    with ThreadPoolExecutor(1) as pool:
        with empty.begin() as closing:
            closing.execute(text("SELECT pg_advisory_xact_lock(hashtext('selfheal.admission'))"))
            asked = pool.submit(ask, heals)
            while not closing.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")):
                assert not asked.done(), asked.result()
            closing.execute(text("UPDATE faults SET closed_at = now(), resolution = 'RECOVERED'"))
        assert asked.result().decision is Decision.STALE_TRIGGER
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM healing_actions WHERE completed_at IS NULL")) == 0
