"""What the protocol may rely on, of the store in Postgres and of the fake that stands in for it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from embedded_fixtures import Embedded
from fakes import FakeClock, FakeHeals
from sqlalchemy import Engine
from uuid6 import uuid7

from selfheal.model.admission import Answer, Decision, Limits, Place, Refusal, Rung
from selfheal.model.attempt import Attempt, Holder, Outcome, Phase, Plan, RollbackOutcome, Status, Verification
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.model.trigger import ForetoldMetric, Priority, Source, Trigger, TriggerType
from selfheal.ports import HealStore
from selfheal.store.heals import Heals

HOLDER = Holder(host="here", pid=1, started=1)
OTHER = Holder(host="there", pid=2, started=2)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LEASE = 60 * SECOND
FAILED = Outcome(status=Status.FAILED, verification=Verification.NOT_HEALED, message="still sick")
HEALED = Outcome(status=Status.SUCCESS, verification=Verification.HEALED, message="healed")
RESTART = Rung(action="restart-service", action_type="RESTART_SERVICE")
ANOTHER = Rung(action="another-action", action_type="ANOTHER_ACTION")
LIMITS = {"lease": LEASE, "cooldown": 10 * MINUTE, "flap": 10 * MINUTE}
SHIFT = """
    UPDATE healing_actions SET lease_until = lease_until - %(by)s, act_deadline = act_deadline - %(by)s,
        created_at = created_at - %(by)s, completed_at = completed_at - %(by)s
"""


FORETELL = """
    INSERT INTO predictions (id, rule, component, metric, value, threshold, why)
    VALUES (%(id)s, 'MEMORY_PRESSURE', 'backend', 'memory_percent', 91, 85, 'its memory is high')
"""
TAKE_BACK = "UPDATE predictions SET ended_at = now() WHERE id = %(id)s"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A store under test.

    Attributes:
        store: the real one, or the fake.
        now: its time.
        passes: lets time pass for it.
        foretells: a prediction of the backend stands from now on, or no longer.
    """

    store: HealStore
    now: Callable[[], datetime]
    passes: Callable[[timedelta], None]
    foretells: Callable[[UUID, bool], None]

    def ask(self, trigger: Trigger | None = None, *, refusal: Refusal | None = None) -> Answer:
        """Raise a trigger."""
        trigger = trigger or a_trigger()
        return self.store.admit(
            trigger,
            place=Place(target=target_of(trigger.component)),
            rungs=[RESTART],
            observation=sick(trigger.component),
            refusal=refusal,
        )

    def peek(self, *rungs: Rung) -> Answer | None:
        """What a heal of the backend would meet."""
        outlook = self.store.peek(a_trigger(), place=Place(target=target_of()), rungs=rungs or [RESTART])
        return outlook.refusals[0] if outlook.refusals else None

    def recovers(self) -> bool:
        """The backend is seen healthy a moment later."""
        return self.store.close_recovered(target_of(), seen_at=self.now() + MINUTE)

    def begun(self, component: str = "backend") -> Attempt:
        """An attempt that is admitted and claimed."""
        return self.claimed(self.ask(a_trigger(component)).attempt_id)

    def rolls_back_to_stopped(self) -> None:
        """An attempt that found the backend stopped, and left it so, two days ago."""
        attempt = self.begun()
        assert self.store.record_plan(attempt.id, fence=1, plan=Plan(rollback={"restore": "stopped"}))
        assert self.store.announce_act(attempt.id, fence=1, timeout=SECOND)
        outcome = replace(FAILED, status=Status.ROLLED_BACK, rollback=RollbackOutcome.DONE)
        assert self.store.settle(attempt.id, fence=1, outcome=outcome, execution_ms=5)
        self.passes(timedelta(days=2))

    def claimed(self, attempt_id: UUID | None, *, fence: int = 0, holder: Holder = HOLDER) -> Attempt:
        """The attempt, claimed."""
        assert attempt_id is not None
        attempt = self.store.claim(attempt_id, fence=fence, holder=holder)
        assert attempt is not None
        return attempt

    def acts(self, attempt: Attempt, *, timeout: timedelta = 10 * SECOND) -> None:
        """Announce the act of a claimed attempt."""
        assert self.store.record_plan(attempt.id, fence=attempt.fence, plan=Plan())
        assert self.store.announce_act(attempt.id, fence=attempt.fence, timeout=timeout)

    def finish(self, outcome: Outcome, *, component: str = "backend", acted: bool = True) -> Attempt:
        """A whole attempt."""
        attempt = self.begun(component)
        if acted:
            self.acts(attempt)
        assert self.store.settle(attempt.id, fence=1, outcome=outcome, execution_ms=5)
        return attempt

    def read(self, attempt: Attempt) -> Attempt:
        """The attempt as it is stored now."""
        found = self.store.attempt(attempt.id)
        assert found is not None
        return found


def target_of(component: str = "backend") -> str:
    return f"supervisor/demo/{component}"


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


def sick(component: str) -> Observation:
    return Observation(component=component, health=Health.SICK, detail="gone", observed_at=datetime.now(UTC))


@pytest.fixture(params=["fake", "postgres"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """The same promises of both."""
    if request.param == "fake":
        clock = FakeClock()
        fake = FakeHeals(clock, **LIMITS)

        def remembers(prediction: UUID, stands: bool) -> None:  # noqa: FBT001 - as the real one
            (fake.predictions.add if stands else fake.predictions.discard)(prediction)

        return Bench(
            store=fake,
            now=clock.now,
            passes=lambda time: clock.wait(time.total_seconds()),
            foretells=remembers,
        )
    engine: Engine = request.getfixturevalue("empty")
    embedded: Embedded = request.getfixturevalue("embedded_postgres")

    def passes(time: timedelta) -> None:
        """Time passes in Postgres by moving what is stored into the past."""
        dsn = embedded.servers.postgres.superuser_dsn()
        with psycopg.connect(dsn, dbname="selfheal") as superuser:
            superuser.execute(SHIFT, {"by": time})

    def foretells(prediction: UUID, stands: bool) -> None:  # noqa: FBT001 - it stands, or no longer
        with psycopg.connect(embedded.servers.postgres.superuser_dsn(), dbname="selfheal") as superuser:
            superuser.execute(FORETELL if stands else TAKE_BACK, {"id": prediction})

    return Bench(
        foretells=foretells,
        store=Heals(engine, Limits(**LIMITS, at_once=100, in_10_min=100, in_hour=100, storm_estate=0)),
        now=lambda: datetime.now(UTC),
        passes=passes,
    )


def test_an_admitted_trigger_has_a_fault_and_an_intent(bench: Bench) -> None:
    """ADMITTED leaves an open fault and a PENDING attempt that nobody holds."""
    answer = bench.ask()
    assert (answer.decision, answer.repeated) == (Decision.ADMITTED, False)
    attempt = bench.store.attempt(answer.attempt_id)
    assert (attempt.status, attempt.fence, attempt.runs, attempt.holder) == (Status.PENDING, 0, 0, None)
    assert (attempt.component, attempt.action, attempt.fault_id) == ("backend", "restart-service", answer.fault_id)
    assert attempt.outcome is None
    assert bench.store.has_open_fault(target_of())
    assert not bench.store.has_open_fault(target_of("frontend"))


def test_one_attempt_at_a_time_on_a_target(bench: Bench) -> None:
    """A second trigger joins the fault and is refused with the attempt in its way and the end of its lease."""
    first = bench.ask()
    second, other = bench.ask(), bench.ask(a_trigger("frontend"))
    assert (second.decision, second.attempt_id) == (Decision.ALREADY_HEALING, first.attempt_id)
    assert second.fault_id == first.fault_id
    assert bench.now() < second.retry_at <= bench.now() + LEASE
    assert other.admitted


def test_the_same_id_again_gets_the_first_answer(bench: Bench) -> None:
    """An id that was answered gets that answer for ever, refused or admitted, even after the heal is over."""
    first, second = a_trigger(), a_trigger()
    admitted, refused = bench.ask(first), bench.ask(second)
    attempt = bench.claimed(admitted.attempt_id)
    bench.store.settle(attempt.id, fence=1, outcome=HEALED, execution_ms=5)
    assert bench.ask(first) == replace(admitted, repeated=True)
    assert bench.ask(second) == replace(refused, repeated=True)


def test_a_refusal_from_the_door_is_the_answer(bench: Bench) -> None:
    """What was refused without the database is refused with those words, and nothing is begun."""
    answer = bench.ask(refusal=Refusal(decision=Decision.NOT_ALLOWED, reason="not on the list"))
    assert (answer.decision, answer.reason, answer.attempt_id) == (Decision.NOT_ALLOWED, "not on the list", None)
    assert bench.ask().admitted


def test_peek_tells_what_admit_would_answer(bench: Bench) -> None:
    """A peek is the standing refusal or nothing, and it changes nothing."""
    assert bench.peek() is None
    assert not bench.store.has_open_fault(target_of())
    admitted = bench.ask()
    peeked = bench.peek()
    assert (peeked.decision, peeked.attempt_id) == (Decision.ALREADY_HEALING, admitted.attempt_id)


def test_a_claim_is_won_once(bench: Bench) -> None:
    """Of two claims under one fence the first wins; it is RUNNING, held, under the next fence."""
    answer = bench.ask()
    attempt = bench.claimed(answer.attempt_id)
    assert (attempt.status, attempt.fence, attempt.runs, attempt.holder) == (Status.RUNNING, 1, 1, HOLDER)
    assert bench.store.claim(attempt.id, fence=0, holder=OTHER) is None
    assert bench.store.claim(attempt.id, fence=1, holder=OTHER) is None, "its lease is not over"
    assert bench.store.claim(uuid7(), fence=0, holder=OTHER) is None


def test_every_flow_run_that_carries_an_attempt_out_is_kept_once(bench: Bench) -> None:
    """The first one stays the first, whoever takes over; a claim without a run, or by a known one, adds nothing."""
    first, second, third = uuid7(), uuid7(), uuid7()
    attempt_id, known = bench.ask().attempt_id, []
    for fence, run in enumerate([None, first, None, first, second, second, third]):
        taken = bench.store.claim(attempt_id, fence=fence, holder=OTHER, run=run)
        known.append(taken.flow_runs)
        bench.passes(LEASE + SECOND)
    found = [(), (first,), (first,), (first,), (first, second), (first, second), (first, second, third)]
    assert known == found
    assert bench.read(taken).flow_runs == found[-1]


def test_a_lease_that_is_over_can_be_taken(bench: Bench) -> None:
    """After the lease another holder takes the attempt, and the first one writes nothing any more."""
    attempt = bench.begun()
    bench.passes(LEASE + SECOND)
    assert [one.id for one in bench.store.expired()] == [attempt.id]
    taken = bench.claimed(attempt.id, fence=1, holder=OTHER)
    assert (taken.fence, taken.runs, taken.holder) == (2, 2, OTHER)
    store = bench.store
    assert list(store.expired()) == []
    assert not store.record_plan(attempt.id, fence=1, plan=Plan())
    assert not store.announce_act(attempt.id, fence=1, timeout=SECOND)
    assert not store.enter(attempt.id, fence=1, phase=Phase.VERIFYING)
    assert not store.settle(attempt.id, fence=1, outcome=HEALED, execution_ms=None)
    assert store.renew({attempt.id: 1}) == set()
    assert bench.read(attempt) == taken


def test_who_did_not_let_go_is_told_of_to_everybody_after(bench: Bench) -> None:
    """Each claim names all holders before; who has let go of it by themselves is none of them."""
    attempt, third = bench.begun(), Holder(host="there", pid=3, started=3)
    assert attempt.displaced == ()
    bench.passes(LEASE + SECOND)
    assert bench.claimed(attempt.id, fence=1, holder=OTHER).displaced == (HOLDER,)
    bench.store.release(attempt.id, fence=2, holder=OTHER)
    assert bench.claimed(attempt.id, fence=2, holder=third).displaced == (HOLDER,)
    bench.passes(LEASE + SECOND)
    assert bench.claimed(attempt.id, fence=3).displaced == (HOLDER, third)
    assert bench.read(attempt).displaced == (HOLDER, third)


def test_an_act_is_announced_once(bench: Bench) -> None:
    """Two that hold it under one fence, since an answer was lost, do not both act; nor does one that has no plan."""
    attempt = bench.begun()
    assert not bench.store.announce_act(attempt.id, fence=1, timeout=SECOND)
    bench.acts(attempt)
    assert not bench.store.record_plan(attempt.id, fence=1, plan=Plan())
    assert not bench.store.announce_act(attempt.id, fence=1, timeout=SECOND)
    assert bench.read(attempt).phase is Phase.ACTING


@pytest.mark.parametrize(("mode", "word"), [("auto", ""), ("approve", "mode approve"), ("observe", "mode observe")])
def test_what_holds_back_an_attempt_is_asked_anew(bench: Bench, mode: str, word: str) -> None:
    """Its action goes less far than when it was admitted: it is told why; what goes as far is not held back."""
    attempt = bench.begun()
    held_back = bench.store.held_back(attempt.id, mode=mode)
    assert word in held_back
    assert bool(held_back) is bool(word)


def test_a_renewed_lease_lasts_longer(bench: Bench) -> None:
    """What is renewed in time is not expired when the first lease is over."""
    attempt, other = bench.begun(), bench.begun("frontend")
    bench.passes(LEASE / 2)
    assert bench.store.renew({attempt.id: 1, other.id: 7}) == {attempt.id}
    bench.passes(LEASE * 0.75)
    assert [one.id for one in bench.store.expired()] == [other.id]


def test_a_released_attempt_is_anybodys_at_once(bench: Bench) -> None:
    """Who lets go of an attempt leaves no holder behind that would be ended, and no lease to wait for."""
    attempt = bench.begun()
    bench.store.release(attempt.id, fence=attempt.fence, holder=OTHER)
    assert list(bench.store.expired()) == [], "it is somebody else's"
    bench.store.release(attempt.id, fence=attempt.fence, holder=HOLDER)
    assert [one.id for one in bench.store.expired()] == [attempt.id]
    assert bench.read(attempt).holder is None
    assert bench.claimed(attempt.id, fence=attempt.fence).fence == attempt.fence + 1


@pytest.mark.parametrize(
    ("outcome", "acted", "restore", "ours"),
    [
        (FAILED, True, "running", False),
        (replace(FAILED, interrupted=True), True, "running", True),
        (replace(FAILED, interrupted=True), False, "running", False),
        (replace(FAILED, status=Status.ROLLED_BACK, rollback=RollbackOutcome.DONE), True, "running", False),
        (replace(FAILED, status=Status.ROLLED_BACK, rollback=RollbackOutcome.DONE), True, "stopped", True),
    ],
)
def test_whose_stop_it_was(bench: Bench, outcome: Outcome, acted: bool, restore: str, ours: bool) -> None:  # noqa: FBT001
    """An interrupted act, or a rollback to a stopped target, is ours; any other end of an attempt is not."""
    assert not bench.store.stopped_by_us(target_of())
    attempt = bench.begun()
    assert bench.store.record_plan(attempt.id, fence=1, plan=Plan(rollback={"restore": restore}))
    if acted:
        assert bench.store.announce_act(attempt.id, fence=1, timeout=SECOND)
    assert bench.store.settle(attempt.id, fence=1, outcome=outcome, execution_ms=5)
    assert bench.store.stopped_by_us(target_of()) is ours


@pytest.mark.parametrize("acted", [True, False])
def test_a_second_try_that_fails_leaves_it_ours(bench: Bench, acted: bool) -> None:  # noqa: FBT001
    """What we have stopped stays ours to start, whether the next attempt fails in its act or before it."""
    bench.rolls_back_to_stopped()
    second = bench.begun()
    stopped = Incarnation(pid=0, started_at=1, state="STOPPED")
    assert bench.store.record_plan(second.id, fence=1, plan=Plan(before=stopped, rollback={"restore": "stopped"}))
    if acted:
        assert bench.store.announce_act(second.id, fence=1, timeout=SECOND)
    failed = replace(FAILED, rollback=RollbackOutcome.NOT_NEEDED, interrupted=not acted)
    assert bench.store.settle(second.id, fence=1, outcome=failed, execution_ms=5)
    assert bench.store.stopped_by_us(target_of())


@pytest.mark.parametrize("ours", [True, False])
def test_what_declined_has_stopped_nothing(bench: Bench, ours: bool) -> None:  # noqa: FBT001
    """Found stopped and left so: whose stop it was is as it was before."""
    if ours:
        bench.rolls_back_to_stopped()
    declined = bench.begun()
    stopped = Incarnation(pid=0, started_at=1, state="STOPPED")
    assert bench.store.record_plan(declined.id, fence=1, plan=Plan(before=stopped))
    assert bench.store.announce_act(declined.id, fence=1, timeout=SECOND)
    assert bench.store.settle(declined.id, fence=1, outcome=FAILED, execution_ms=None)
    assert bench.store.stopped_by_us(target_of()) is ours


def test_the_third_attempt_that_never_acted_is_for_a_person(bench: Bench) -> None:
    """What cannot even begin is tried three times, not for ever."""
    for _ in range(3):
        bench.finish(FAILED, acted=False)
    assert bench.ask().decision is Decision.COOLDOWN


def test_an_intent_that_nobody_claimed_expires(bench: Bench) -> None:
    """A PENDING attempt whose healer died before its claim is found after a lease, under fence 0."""
    answer = bench.ask()
    assert list(bench.store.expired()) == []
    bench.passes(LEASE + SECOND)
    assert [(one.id, one.fence) for one in bench.store.expired()] == [(answer.attempt_id, 0)]


def test_an_act_is_announced_only_under_a_lease_that_covers_it(bench: Bench) -> None:
    """With less than a quarter of the lease left the act may not begin, and the phase stays."""
    attempt = bench.begun()
    assert bench.store.record_plan(attempt.id, fence=1, plan=Plan())
    bench.passes(LEASE * 0.8)
    assert not bench.store.announce_act(attempt.id, fence=1, timeout=SECOND)
    assert bench.read(attempt).phase is Phase.PREPARED
    bench.store.renew({attempt.id: 1})
    assert bench.store.announce_act(attempt.id, fence=1, timeout=SECOND)
    assert bench.read(attempt).phase is Phase.ACTING


def test_an_announced_act_is_left_alone_until_its_deadline(bench: Bench) -> None:
    """An expired attempt is not handed out while its announced act may still be under way."""
    attempt = bench.begun()
    bench.acts(attempt, timeout=3 * LEASE)
    bench.passes(2 * LEASE)
    assert list(bench.store.expired()) == []
    bench.passes(2 * LEASE)
    assert [one.phase for one in bench.store.expired()] == [Phase.ACTING]


def test_a_plan_comes_back_as_it_was(bench: Bench) -> None:
    """Incarnation, rollback, evidence and steps survive being stored."""
    plan = Plan(
        before=Incarnation(pid=7, started_at=8, state="RUNNING"),
        rollback={"restore": "running"},
        evidence={"log": "last words", "pid": 7},
        steps=("stop", "start"),
    )
    attempt = bench.begun()
    assert bench.store.record_plan(attempt.id, fence=1, plan=plan)
    assert (bench.read(attempt).plan, bench.read(attempt).phase) == (plan, Phase.PREPARED)


@pytest.mark.parametrize("rollback", list(RollbackOutcome))
def test_an_outcome_comes_back_as_it_was(bench: Bench, rollback: RollbackOutcome) -> None:
    """Status, verification, message, rollback and interruption survive being stored."""
    outcome = replace(FAILED, rollback=rollback, interrupted=True)
    attempt = bench.finish(outcome)
    assert bench.read(attempt).outcome == outcome
    assert bench.read(attempt).status is Status.FAILED


def test_settling_again_is_true_and_changes_nothing(bench: Bench) -> None:
    """The holder whose answer was lost is told that it is settled; the first outcome stays; another fence hears no."""
    attempt = bench.finish(HEALED)
    assert bench.store.settle(attempt.id, fence=1, outcome=FAILED, execution_ms=None)
    assert not bench.store.settle(attempt.id, fence=0, outcome=FAILED, execution_ms=None)
    assert not bench.store.settle(attempt.id, fence=2, outcome=FAILED, execution_ms=None)
    assert bench.read(attempt).outcome == HEALED
    assert bench.store.claim(attempt.id, fence=1, holder=OTHER) is None
    assert not bench.store.enter(attempt.id, fence=1, phase=Phase.VERIFYING)


def test_healed_closes_the_fault_and_nothing_else_does(bench: Bench) -> None:
    """A fault stays open over failed and unknown outcomes."""
    unknown = replace(FAILED, verification=Verification.UNKNOWN)
    for name, outcome, is_open in [("backend", HEALED, False), ("frontend", FAILED, True), ("consumer", unknown, True)]:
        bench.finish(outcome, component=name)
        assert bench.store.has_open_fault(target_of(name)) is is_open


def test_a_recovery_closes_the_fault_once_no_attempt_is_under_way(bench: Bench) -> None:
    """While somebody heals the fault is theirs; afterwards a recovery closes it, once."""
    attempt = bench.begun()
    assert not bench.recovers()
    bench.store.settle(attempt.id, fence=1, outcome=FAILED, execution_ms=None)
    assert bench.recovers()
    assert not bench.recovers()
    assert not bench.store.has_open_fault(target_of())


def test_what_was_seen_before_the_fault_or_its_last_attempt_closes_nothing(bench: Bench) -> None:
    """A watcher that was frozen meanwhile still has a healthy look: it is no recovery."""
    before = bench.now()
    bench.passes(SECOND)
    attempt = bench.begun()
    during = bench.now()
    bench.passes(SECOND)
    bench.store.settle(attempt.id, fence=1, outcome=FAILED, execution_ms=None)
    assert not bench.store.close_recovered(target_of(), seen_at=before)
    assert not bench.store.close_recovered(target_of(), seen_at=during)
    assert bench.recovers()


def test_a_failure_begins_a_cool_down_that_doubles(bench: Bench) -> None:
    """After a failure the action rests ten minutes on that target, twenty after the second; others are admitted."""
    bench.finish(FAILED)
    refused = bench.ask()
    assert refused.decision is Decision.COOLDOWN
    assert abs(refused.retry_at - bench.now() - 10 * MINUTE) < SECOND * 5
    assert bench.peek().decision is Decision.COOLDOWN
    assert bench.peek(ANOTHER) is None
    assert bench.ask(a_trigger("frontend")).admitted
    bench.passes(11 * MINUTE)
    bench.finish(FAILED)
    assert abs(bench.ask().retry_at - bench.now() - 20 * MINUTE) < SECOND * 5


def test_two_heals_close_together_begin_a_cool_down(bench: Bench) -> None:
    """One heal is no reason to rest, the second within ten minutes is; two that lie further apart are not."""
    bench.finish(HEALED)
    bench.passes(11 * MINUTE)
    bench.finish(HEALED)
    assert bench.peek() is None
    bench.finish(HEALED)
    assert bench.ask().decision is Decision.COOLDOWN


def test_an_attempt_that_never_acted_is_no_reason_to_rest(bench: Bench) -> None:
    """A failure before the act says nothing about the action."""
    bench.finish(FAILED, acted=False)
    assert bench.ask().admitted


def test_interruptions_are_no_reason_to_rest_until_the_third(bench: Bench) -> None:
    """A healer's death says nothing about the action; the third on one fault hands it to a person, and it rests."""
    for _ in range(2):
        bench.finish(replace(FAILED, interrupted=True))
        assert bench.peek() is None
    bench.finish(replace(FAILED, interrupted=True))
    assert bench.ask().decision is Decision.COOLDOWN


def test_a_fault_for_a_person_rests(bench: Bench) -> None:
    """An outcome that escalates keeps the action from the target, whatever else it was."""
    bench.finish(replace(FAILED, interrupted=True, escalate=True), acted=False)
    assert bench.ask().decision is Decision.COOLDOWN


def foreseen(bench: Bench) -> Trigger:
    """A prediction that stands, as a trigger."""
    foretold = ForetoldMetric(id=uuid7(), metric="memory_percent", value=91, well_below=85)
    bench.foretells(foretold.id, True)  # noqa: FBT003 - it stands
    trigger = replace(a_trigger(), type=TriggerType.MEMORY_PRESSURE, priority=Priority.MEDIUM)
    return replace(trigger, source=Source.PREDICTIVE_HEALTH, foretold=foretold)


def test_what_is_foretold_is_healed_without_an_open_fault(bench: Bench) -> None:
    """The attempt knows its prediction, which is over once it is healed; nothing was sick."""
    trigger = foreseen(bench)
    attempt = bench.claimed(bench.ask(trigger).attempt_id)
    assert attempt.foretold == trigger.foretold
    assert trigger.foretold is not None
    assert not bench.store.has_open_fault(target_of())
    bench.acts(attempt)
    assert bench.store.settle(attempt.id, fence=1, outcome=HEALED, execution_ms=5)
    assert not bench.store.stands(trigger.foretold.id)


def test_what_is_taken_back_is_neither_admitted_nor_announced(bench: Bench) -> None:
    """The act of a prediction that no longer stands does not begin."""
    trigger = foreseen(bench)
    assert trigger.foretold is not None
    attempt = bench.claimed(bench.ask(trigger).attempt_id)
    assert bench.store.record_plan(attempt.id, fence=1, plan=Plan())
    assert bench.store.stands(trigger.foretold.id)
    bench.foretells(trigger.foretold.id, False)  # noqa: FBT003 - no longer
    assert not bench.store.announce_act(attempt.id, fence=1, timeout=MINUTE)
    assert not bench.store.stands(trigger.foretold.id)
    assert bench.store.settle(attempt.id, fence=1, outcome=FAILED, execution_ms=None)
    again = replace(trigger, id=uuid7())
    assert bench.ask(again).decision is Decision.ALREADY_HEALTHY
