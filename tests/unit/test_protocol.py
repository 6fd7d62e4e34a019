"""One heal and its settlement on a store in memory, a target that obeys, and a clock that passes by waiting."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from fakes import NOON, FakeClock, FakeHeals
from uuid6 import uuid7

from selfheal.model.admission import Decision
from selfheal.model.attempt import Attempt, Holder, Outcome, Phase, Plan, RollbackOutcome, Status, Verification
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Declined, ForAPerson, Permanent, SelfhealError, StoodDown, Transient, Undone
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.model.prediction import PreemptingRules
from selfheal.model.trigger import ForetoldMetric, Priority, Source, Trigger, TriggerType
from selfheal.policy.approval import fingerprint
from selfheal.protocol import holder
from selfheal.protocol.dry_run import preview
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.healer import Healer
from selfheal.protocol.holder import holder_of
from selfheal.protocol.leases import Leases
from selfheal.protocol.plain import RETRY_DELAYS_S, plain_steps, retried
from selfheal.protocol.reconcile import Settled, reconcile
from selfheal.protocol.steps import TargetChanged
from selfheal.store.text import shorten

pytestmark = pytest.mark.timeout(30)

LEASE = timedelta(seconds=60)
ELSEWHERE = Holder(host="elsewhere", pid=1, started=1)
AWAY = Transient("the database does not answer")


class Patient:
    """A target and the one action on it: `fakes.FakeHeals.calls` gets its deeds too, so that the order can be seen.

    Attributes:
        health: what one look says.
        life: the process behind it.
        parameters: what its act depends on.
        on: what to do at `prepare`, `commit`, `validate` and `rollback`, instead of the usual.
    """

    name = "restart-service"
    action_type = "RESTART_SERVICE"
    mode = "auto"
    risk = "What was in its memory is lost."
    manual_minutes = 1
    timeout = timedelta(seconds=10)

    def __init__(self, calls: list[str], component: Component) -> None:
        self.health = Health.SICK
        self.life = Incarnation(pid=100, started_at=1, state="RUNNING")
        self.parameters: dict[str, int] = {}
        self.on: dict[str, Callable[[], object]] = {}
        self._calls, self._component = calls, component

    def look(self, _: Component | None = None) -> Observation:
        return Observation(
            component=self._component.name,
            health=self.health,
            detail="as it is",
            observed_at=NOON,
            incarnation=self.life,
        )

    def restart(self, health: Health = Health.HEALTHY) -> None:
        self.life = replace(self.life, pid=self.life.pid + 1, started_at=self.life.started_at + 1)
        self.health = health

    def can_handle(self, trigger: Trigger, component: Component) -> bool:  # noqa: ARG002
        return True

    def prepare(self, component: Component) -> Plan:  # noqa: ARG002
        plan = Plan(
            before=self.life, rollback={"restore": "running"}, steps=("stop", "start"), parameters=self.parameters
        )
        self._do("prepare", lambda: None)
        return plan

    def commit(self, component: Component, plan: Plan) -> str:  # noqa: ARG002
        self._do("commit", self.restart)
        return "restarted"

    def validate(self, component: Component) -> Observation:  # noqa: ARG002
        self._do("validate", lambda: None)
        return self.look()

    def rollback(self, component: Component, plan: Plan) -> str:  # noqa: ARG002
        self._do("rollback", lambda: None)
        return "as it was"

    def _do(self, name: str, usual: Callable[[], object]) -> None:
        self._calls.append(name)
        self.on.get(name, usual)()


class Shelf:
    """The registry: one action, unless it was taken away."""

    def __init__(self, action: Patient) -> None:
        self.action: Patient | None = action

    def find_actions(self, trigger: Trigger, component: Component) -> list[Patient]:
        return [self.action] if self.action is not None and self.action.can_handle(trigger, component) else []

    def mode(self, action: Patient) -> str:
        return action.mode

    def get(self, name: str) -> Patient:
        if self.action is None or name != self.action.name:
            raise Permanent(f"no action is named {name!r}")
        return self.action


class Ward:
    """A healer and its world."""

    def __init__(self, *, lease: timedelta = LEASE) -> None:
        component = Component(
            name="backend",
            target="supervisor/demo/backend",
            probe=ProbeKind.HTTP,
            start_timeout=timedelta(seconds=3),
            healthy_delay=timedelta(seconds=1),
        )
        self.clock = FakeClock()
        self.store = FakeHeals(self.clock, lease=LEASE, cooldown=timedelta(microseconds=1))
        self.patient = Patient(self.store.calls, component)
        self.shelf = Shelf(self.patient)
        self.leases = Leases(self.store, lease=lease)
        self.healer = Healer(
            components={"backend": component},
            allow=frozenset({"backend"}),
            actions=self.shelf,
            store=self.store,
            observe=self.patient.look,
            leases=self.leases,
            clock=self.clock,
        )
        self.steps = plain_steps(self.healer)

    def heal(self, trigger: Trigger | None = None) -> Result:
        return heal(self.steps, trigger or a_trigger())

    def reconcile(self) -> list[Settled]:
        return list(reconcile(self.healer, self.steps))

    def left(self, phase: Phase | None, *, runs: int = 1) -> Attempt:
        """An attempt that a healer on another host left behind, expired."""
        answer = self.steps.admit(a_trigger(), self.patient.look())
        assert answer.attempt_id is not None
        fence = 0
        for _ in range(runs):
            self.clock.wait(LEASE.total_seconds() + 1)
            assert self.store.claim(answer.attempt_id, fence=fence, holder=ELSEWHERE) is not None
            fence += 1
        plan = Plan(before=self.patient.life, rollback={"restore": "running"})
        if phase is not None:
            assert self.store.record_plan(answer.attempt_id, fence=fence, plan=plan)
        if phase not in (None, Phase.PREPARED):
            assert self.store.announce_act(answer.attempt_id, fence=fence, timeout=timedelta(seconds=1))
        if phase in (Phase.VERIFYING, Phase.ROLLING_BACK):
            assert self.store.enter(answer.attempt_id, fence=fence, phase=phase)
        self.clock.wait(LEASE.total_seconds() + 1)
        self.store.calls.clear()
        attempt = self.store.attempt(answer.attempt_id)
        assert attempt is not None
        return attempt

    def take_over(self) -> None:
        """Another host finds the lease over and takes the attempt."""
        self.clock.wait(LEASE.total_seconds() + 1)
        (row,) = self.store.rows.values()
        assert self.store.claim(row.attempt.id, fence=row.attempt.fence, holder=ELSEWHERE) is not None

    def deeds(self) -> list[str]:
        """What was done to the target."""
        return [one for one in self.store.calls if one in {"commit", "rollback"}]

    def recorded(self) -> list[Outcome | None]:
        """The outcome of each attempt."""
        return [row.attempt.outcome for row in self.store.rows.values()]


def a_trigger() -> Trigger:
    return Trigger(
        id=uuid7(),
        type=TriggerType.SERVICE_DOWN,
        component="backend",
        source=Source.WATCHER,
        priority=Priority.CRITICAL,
        reason="it is down",
        detected_at=NOON,
    )


def raises(error: BaseException) -> Callable[[], object]:
    def run() -> object:
        raise error

    return run


@pytest.fixture
def ward() -> Ward:
    return Ward()


ANYTHING = [
    Transient("the supervisor does not answer"),
    Permanent("it cannot be spawned"),
    ValueError("a bug"),
    OSError(5, "broken"),
    MemoryError(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no text"),
]


# -- one heal


def test_a_heal_announces_before_it_acts_and_records_once(ward: Ward) -> None:
    """The phases are committed before what they announce, the act is done once, and the outcome is SUCCESS."""
    result = ward.heal()
    written = [one for one in ward.store.calls if one not in {"validate", "attempt"}]
    assert written == [
        "admit",
        "claim",
        "prepare",
        "record_plan",
        "announce_act",
        "commit",
        "enter verifying",
        "settle",
    ]
    assert (result.outcome.status, result.outcome.verification) == (Status.SUCCESS, Verification.HEALED)
    assert ward.recorded() == [result.outcome]
    assert not ward.leases.holds(result.answer.attempt_id)


def test_healthy_must_still_be_healthy_after_the_delay(ward: Ward) -> None:
    """A target that answers once and falls sick within its healthy delay is not healed."""
    looks = iter([Health.SICK, Health.HEALTHY, Health.SICK, Health.SICK])  # the last one is the rollback's
    ward.patient.on["validate"] = lambda: setattr(ward.patient, "health", next(looks))
    assert ward.heal().outcome.verification is Verification.NOT_HEALED
    assert list(looks) == []


def test_a_refused_trigger_touches_nothing(ward: Ward) -> None:
    """Healthy, unknown or not allowed: answered, recorded, and neither claimed nor acted on."""
    ward.patient.health = Health.HEALTHY
    assert ward.heal().answer.decision is Decision.ALREADY_HEALTHY
    assert ward.heal(replace(a_trigger(), component="../backend")).answer.decision is Decision.NOT_ALLOWED
    ward.shelf.action = None
    refused = ward.heal().answer
    assert refused.decision is Decision.NO_ACTION
    assert "(ladder: empty)" in refused.reason
    assert ward.store.calls == ["admit"] * 3


def test_without_the_database_nothing_is_done(ward: Ward) -> None:
    """Admission that cannot be recorded is tried four times and then raised; the target is not touched."""
    ward.store.fail["admit"] = [AWAY] * 4
    with pytest.raises(Transient):
        ward.heal()
    assert ward.store.calls == ["admit"] * 4
    assert ward.clock.waits == list(RETRY_DELAYS_S)


@pytest.mark.parametrize("error", [AWAY, StoodDown("no"), None])
def test_nothing_is_done_without_an_announced_act(ward: Ward, error: SelfhealError | None) -> None:
    """When the announcement fails, is refused or comes too late for its lease, the target is not touched."""
    if error is None:
        ward.patient.on["prepare"] = lambda: ward.clock.wait(LEASE.total_seconds() * 0.8)
    else:
        ward.store.fail["announce_act"] = [error]
    result = ward.heal()
    assert ward.deeds() == []
    assert result.outcome is None or result.outcome.status is Status.FAILED
    assert result.outcome is not None or result.note.startswith("stood down")


def test_an_act_that_could_not_be_announced_is_not_tried_again(ward: Ward) -> None:
    """The announcement belongs to the act, which is never retried: one try, one recorded failure."""
    ward.store.fail["announce_act"] = [AWAY]
    outcome = ward.heal().outcome
    assert ward.store.calls.count("announce_act") == 1
    assert (outcome.status, outcome.rollback) == (Status.FAILED, RollbackOutcome.NOT_NEEDED)


@pytest.mark.parametrize("error", ANYTHING, ids=lambda error: type(error).__name__)
def test_an_act_that_raises_ends_in_one_outcome(ward: Ward, error: Exception) -> None:
    """Whatever an action raises, it acted once, observation decides, and one outcome says what happened."""
    ward.patient.on["commit"] = raises(error)
    result = ward.heal()
    assert ward.store.calls.count("commit") == ward.store.calls.count("settle") == 1
    assert (result.outcome.status, result.outcome.verification) == (Status.FAILED, Verification.NOT_HEALED)
    assert ward.recorded() == [result.outcome]


@pytest.mark.parametrize("error", ANYTHING, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", ["prepare", "validate", "rollback"])
def test_whatever_an_action_raises_elsewhere_ends_in_one_outcome(ward: Ward, place: str, error: Exception) -> None:
    """Preparing, looking and going back may break as well: the attempt is settled, and not as a success."""
    ward.patient.on |= {"commit": lambda: ward.patient.restart(Health.SICK), place: raises(error)}
    result = ward.heal()
    assert result.outcome is not None
    assert result.outcome.status is Status.FAILED
    assert ward.recorded() == [result.outcome]
    assert ward.store.calls.count("commit") == (0 if place == "prepare" else 1)


def test_an_act_that_raised_after_it_worked_is_a_success(ward: Ward) -> None:
    """An error after the effect does not hide the effect: a new life that is healthy is healed."""

    def late() -> None:
        ward.patient.restart()
        raise Transient("the answer was lost")

    ward.patient.on["commit"] = late
    assert ward.heal().outcome.status is Status.SUCCESS


def test_healthy_without_an_effect_is_no_success(ward: Ward) -> None:
    """The act failed, the target lives its old life and is healthy all the same: nothing proves that we healed it."""

    def fail() -> None:
        ward.patient.health = Health.HEALTHY
        raise Transient("the supervisor does not answer")

    ward.patient.on["commit"] = fail
    outcome = ward.heal().outcome
    assert (outcome.status, outcome.verification) == (Status.FAILED, Verification.UNKNOWN)
    assert ward.deeds() == ["commit"]


def test_not_healed_goes_back_once(ward: Ward) -> None:
    """A restarted target that stays sick is rolled back once, under its own phase."""
    ward.patient.on["commit"] = lambda: ward.patient.restart(Health.SICK)
    outcome = ward.heal().outcome
    assert ward.deeds() == ["commit", "rollback"]
    assert ward.store.calls.index("enter rolling_back") < ward.store.calls.index("rollback")
    assert (outcome.status, outcome.rollback) == (Status.ROLLED_BACK, RollbackOutcome.DONE)


@pytest.mark.parametrize("error", ANYTHING, ids=lambda error: type(error).__name__)
def test_a_failed_rollback_is_recorded_and_not_repeated(ward: Ward, error: Exception) -> None:
    """A rollback that raises is told as FAILED; it was tried once."""
    ward.patient.on |= {"commit": lambda: ward.patient.restart(Health.SICK), "rollback": raises(error)}
    outcome = ward.heal().outcome
    assert ward.deeds() == ["commit", "rollback"]
    assert (outcome.status, outcome.rollback) == (Status.FAILED, RollbackOutcome.FAILED)
    assert ward.recorded() == [outcome]


def test_what_somebody_stops_during_the_verification_stays_stopped(ward: Ward) -> None:
    """Restarted, sick still, and then stopped on request: going back to running would undo a person's word."""

    def stop() -> None:
        ward.patient.life = replace(ward.patient.life, pid=0, state="STOPPED")

    ward.patient.on |= {"commit": lambda: ward.patient.restart(Health.SICK), "validate": stop}
    outcome = ward.heal().outcome
    assert (outcome.status, outcome.rollback) == (Status.FAILED, RollbackOutcome.NOT_NEEDED)
    assert "somebody stopped it" in outcome.message
    assert ward.deeds() == ["commit"]


def test_what_an_act_that_failed_left_stopped_is_started_again(ward: Ward) -> None:
    """Stopped, and not started since the act broke off: that stop was ours."""

    def half() -> None:
        ward.patient.life = replace(ward.patient.life, pid=0, state="STOPPED")
        raise Transient("the supervisor does not answer")

    ward.patient.on["commit"] = half
    assert ward.heal().outcome.status is Status.ROLLED_BACK
    assert ward.deeds() == ["commit", "rollback"]


def test_what_is_well_just_before_its_rollback_is_left_alone(ward: Ward) -> None:
    """The last look of the rollback: it became healthy after its time was up."""
    enter = ward.store.enter

    def late(attempt_id: UUID, *, fence: int, phase: Phase) -> bool:
        if phase is Phase.ROLLING_BACK:
            ward.patient.health = Health.HEALTHY
        return enter(attempt_id, fence=fence, phase=phase)

    ward.store.enter = late  # type: ignore[method-assign]
    ward.patient.on["commit"] = lambda: ward.patient.restart(Health.SICK)
    outcome = heal(plain_steps(ward.healer), a_trigger()).outcome
    assert ward.deeds() == ["commit"]
    assert (outcome.status, outcome.verification) == (Status.FAILED, Verification.UNKNOWN)
    assert outcome.rollback is RollbackOutcome.NOT_NEEDED


def test_an_unknown_state_is_left_alone(ward: Ward) -> None:
    """Where nobody can tell what became of the target it is not rolled back."""
    ward.patient.on["commit"] = lambda: ward.patient.restart(Health.UNKNOWN)
    outcome = ward.heal().outcome
    assert (outcome.verification, outcome.rollback) == (Verification.UNKNOWN, RollbackOutcome.NOT_NEEDED)
    assert ward.deeds() == ["commit"]


@pytest.mark.parametrize("health", [Health.SICK, Health.HEALTHY])
def test_a_target_that_changed_after_it_was_prepared_for_is_not_touched(ward: Ward, health: Health) -> None:
    """Restarted by somebody else, or healthy by itself: the act is off, and says so."""
    ward.patient.on["prepare"] = lambda: ward.patient.restart(health)
    outcome = ward.heal().outcome
    assert ward.deeds() == []
    assert "announce_act" not in ward.store.calls
    assert (outcome.status, outcome.rollback) == (Status.FAILED, RollbackOutcome.NOT_NEEDED)
    assert issubclass(TargetChanged, SelfhealError)


@pytest.mark.parametrize("place", ["prepare", "commit", "validate", "rollback"])
def test_whoever_lost_the_attempt_stands_down(ward: Ward, place: str) -> None:
    """Taken over at any place, the old holder writes nothing and the new one keeps the attempt."""
    begun: list[str] = []

    def lose() -> None:
        if not begun:
            begun.append(place)
            ward.take_over()
        if place == "commit":
            ward.patient.restart()

    ward.patient.on = {"commit": lambda: ward.patient.restart(Health.SICK)}
    ward.patient.on[place] = lose
    result = ward.heal()
    (row,) = ward.store.rows.values()
    assert (result.outcome, row.attempt.outcome) == (None, None)
    assert (row.attempt.holder, row.attempt.fence) == (ELSEWHERE, 2)
    assert "stood down" in result.note
    assert ward.deeds() == {"prepare": [], "commit": ["commit"]}.get(place, ward.deeds())


def test_an_intent_taken_over_before_its_claim_is_left_to_the_taker(ward: Ward) -> None:
    """A healer that slept past the intent's lease stands down without a look at the target."""
    admit = ward.store.admit

    def slow(*args: object, **kwargs: object) -> object:
        answer = admit(*args, **kwargs)  # type: ignore[arg-type]
        ward.take_over()
        return answer

    ward.store.admit = slow  # type: ignore[assignment, method-assign]
    result = heal(plain_steps(ward.healer), a_trigger())
    assert result.note.startswith("stood down")
    assert "prepare" not in ward.store.calls


def test_a_claim_whose_answer_was_lost_is_ours(ward: Ward) -> None:
    """The commit went through and the connection broke: who asks again holds it, and goes on at once."""
    claim = ward.store.claim

    def lost(attempt_id: UUID, **values: object) -> Attempt | None:
        taken = claim(attempt_id, **values)  # type: ignore[arg-type]
        if taken is not None:
            raise AWAY
        return None

    ward.store.claim = lost  # type: ignore[method-assign]
    result = heal(plain_steps(ward.healer), a_trigger())
    assert (result.note, result.outcome.status) == ("", Status.SUCCESS)
    assert ward.deeds() == ["commit"]


def test_a_claim_of_which_nobody_knows_is_let_go_of(ward: Ward) -> None:
    """It went through, and the database stayed away for longer than is asked again: nobody is ended for it."""
    claim = ward.store.claim

    def lost(attempt_id: UUID, **values: object) -> Attempt | None:
        claim(attempt_id, **values)  # type: ignore[arg-type]
        raise AWAY

    ward.store.claim = lost  # type: ignore[method-assign]
    result = heal(plain_steps(ward.healer), a_trigger())
    assert result.note.startswith("left to reconcile")
    ward.store.claim = claim  # type: ignore[method-assign]
    ward.leases.close()  # it ends when nothing is left to be told
    (left,) = ward.store.expired()
    assert left.holder is None
    (settled,) = ward.reconcile()
    assert settled.outcome.status is Status.SUCCESS


def test_what_was_approved_is_done_and_nothing_else(ward: Ward) -> None:
    """Between the word and the act the settings, or the world, made something else of it: nothing is done."""
    for parameters, deeds in (({"to": 3}, ["commit"]), ({"to": 4}, [])):
        ward = Ward()
        ward.patient.parameters = parameters
        answer = ward.steps.admit(a_trigger(), ward.patient.look())
        row = ward.store.rows[answer.attempt_id]
        approved = fingerprint("restart-service", row.target, {"to": 3})
        row.attempt = replace(row.attempt, approved=approved)
        ward.clock.wait(LEASE.total_seconds() + 1)
        (settled,) = ward.reconcile()
        assert (ward.deeds(), settled.outcome.status is Status.SUCCESS) == (deeds, bool(deeds))


def test_what_a_person_stopped_is_not_healed_by_what_was_raised_before(ward: Ward) -> None:
    """The trigger had waited for its turn, or for somebody's word; a person who asks now has it started."""
    ward.patient.life = replace(ward.patient.life, pid=0, state="STOPPED")
    result = ward.heal()
    assert (result.answer.decision, ward.deeds()) == (Decision.NOT_ALLOWED, [])
    assert "stopped on request" in result.answer.reason
    assert ward.heal(replace(a_trigger(), type=TriggerType.MANUAL)).outcome.status is Status.SUCCESS


def test_what_we_have_stopped_ourselves_is_started(ward: Ward) -> None:
    """A heal of ours that broke off, or was rolled back to stopped, leaves the next one to be done."""
    ward.patient.life = replace(ward.patient.life, pid=0, state="STOPPED")
    ward.store.stopped_by_us = lambda target: True  # type: ignore[method-assign] # noqa: ARG005
    assert ward.heal().outcome.status is Status.SUCCESS


def test_what_nobody_can_tell_moves_nothing(ward: Ward) -> None:
    """It was sick when it was raised, and at admission nobody can tell: looked at again, and left alone."""
    ward.patient.health = Health.UNKNOWN
    result = ward.heal()
    assert (result.answer.decision, ward.store.rows, ward.deeds()) == (Decision.STALE_TRIGGER, {}, [])
    assert ward.heal(replace(a_trigger(), type=TriggerType.MANUAL)).answer.admitted  # a person's own word


def test_an_outcome_that_cannot_be_written_is_left_to_reconcile(ward: Ward) -> None:
    """The act was done once; while the database is away nothing is lost, and reconcile settles it by observation."""
    ward.store.fail["settle"] = [AWAY] * 4
    result = ward.heal()
    assert (result.outcome, result.note.startswith("left to reconcile")) == (None, True)
    ward.clock.wait(LEASE.total_seconds() + 1)
    ward.store.rows[result.answer.attempt_id].attempt = replace(
        ward.store.rows[result.answer.attempt_id].attempt, holder=ELSEWHERE
    )
    (settled,) = ward.reconcile()
    assert (settled.outcome.status, settled.outcome.interrupted) == (Status.SUCCESS, True)
    assert ward.deeds() == ["commit"]


def test_the_same_trigger_again_is_followed_to_its_outcome(ward: Ward) -> None:
    """A run that is retried gives the recorded outcome and does nothing to the target."""
    trigger = a_trigger()
    first, again = ward.heal(trigger), ward.heal(trigger)
    assert (again.outcome, again.answer.repeated) == (first.outcome, True)
    assert ward.deeds() == ["commit"]


def test_the_same_trigger_again_takes_over_from_a_dead_healer(ward: Ward) -> None:
    """Following waits until the lease is over, and then brings the attempt to its end itself."""
    trigger = a_trigger()
    answer = ward.steps.admit(trigger, ward.patient.look())
    assert ward.store.claim(answer.attempt_id, fence=0, holder=ELSEWHERE) is not None
    assert ward.heal(trigger).outcome.status is Status.SUCCESS
    assert ward.deeds() == ["commit"]


def test_a_dry_run_changes_and_records_nothing(ward: Ward) -> None:
    """A preview tells decision, action and steps; no fault, no attempt, no act."""
    told = preview(ward.healer, a_trigger())
    assert (told.decision, told.action, told.steps) == ("ADMITTED", "restart-service", ("stop", "start"))
    assert (ward.store.calls, ward.store.rows, ward.store.faults) == (["peek", "prepare"], {}, {})


# -- settling what others left


@pytest.mark.parametrize("phase", [None, Phase.PREPARED])
def test_what_was_not_announced_is_healed_again(ward: Ward, phase: Phase | None) -> None:
    """Without an announced act the heal is run anew under the next fence."""
    left = ward.left(phase)
    (settled,) = ward.reconcile()
    assert (settled.attempt, settled.outcome.status, settled.outcome.interrupted) == (left, Status.SUCCESS, False)
    assert ward.deeds() == ["commit"]


@pytest.mark.parametrize("phase", [Phase.ACTING, Phase.VERIFYING])
@pytest.mark.parametrize(
    ("restarted", "health", "status", "verification", "deeds"),
    [
        (True, Health.HEALTHY, Status.SUCCESS, Verification.HEALED, []),
        (False, Health.HEALTHY, Status.FAILED, Verification.UNKNOWN, []),
        (True, Health.SICK, Status.ROLLED_BACK, Verification.NOT_HEALED, ["rollback"]),
        (False, Health.SICK, Status.FAILED, Verification.NOT_HEALED, []),
        (True, Health.UNKNOWN, Status.FAILED, Verification.UNKNOWN, []),
    ],
)
def test_what_was_announced_is_settled_by_observation(
    ward: Ward,
    phase: Phase,
    *,
    restarted: bool,
    health: Health,
    status: Status,
    verification: Verification,
    deeds: list[str],
) -> None:
    """After an announced act nothing is done again: what is seen decides, and whether its life is a new one."""
    ward.left(phase)
    if restarted:
        ward.patient.restart()
    ward.patient.health = health
    (settled,) = ward.reconcile()
    assert (settled.outcome.status, settled.outcome.verification) == (status, verification)
    assert settled.outcome.interrupted
    assert ward.deeds() == deeds


def test_an_interrupted_rollback_is_finished(ward: Ward) -> None:
    """Going back is safe to repeat: it is done again, recorded, and a person is told."""
    ward.left(Phase.ROLLING_BACK)
    (settled,) = ward.reconcile()
    assert ward.deeds() == ["rollback"]
    assert (settled.outcome.status, settled.outcome.escalate) == (Status.ROLLED_BACK, True)
    assert [fault.needs_person is not None for fault in ward.store.faults.values()] == [True]


@pytest.mark.parametrize("phase", [None, Phase.PREPARED])
def test_the_third_run_gives_up_and_asks_a_person(ward: Ward, phase: Phase | None) -> None:
    """Two healers died before they acted: the third does not act, but hands the fault over."""
    ward.left(phase, runs=2)
    (settled,) = ward.reconcile()
    assert ward.deeds() == []
    assert (settled.outcome.status, settled.outcome.escalate) == (Status.FAILED, True)
    assert "died 2 times" in settled.outcome.message
    assert [fault.needs_person for fault in ward.store.faults.values()] == [shorten(settled.outcome.message, 500)]


def test_an_act_under_way_is_left_alone(ward: Ward) -> None:
    """Until its deadline an announced act may still be under way, whatever became of its lease."""
    answer = ward.steps.admit(a_trigger(), ward.patient.look())
    assert ward.store.claim(answer.attempt_id, fence=0, holder=ELSEWHERE) is not None
    assert ward.store.record_plan(answer.attempt_id, fence=1, plan=Plan())
    assert ward.store.announce_act(answer.attempt_id, fence=1, timeout=3 * LEASE)
    ward.clock.wait(2 * LEASE.total_seconds())
    assert ward.reconcile() == []


def test_what_this_process_carries_out_is_not_taken_from_itself(ward: Ward) -> None:
    """An expired lease of our own is not taken over: the thread that holds it is alive, and killing it is suicide."""
    left = ward.left(Phase.PREPARED)
    with ward.leases.keep(left):
        assert ward.reconcile() == []
    assert "claim" not in ward.store.calls


def test_one_poisoned_row_does_not_stop_the_others(ward: Ward) -> None:
    """A row that breaks in a way that nobody thought of is left for the next turn; the others are settled."""
    poisoned = ward.left(None)
    ward.store.rows[poisoned.id].target = "another"
    fine = ward.left(None)
    claim = ward.store.claim

    def broken(attempt_id: object, **kwargs: object) -> Attempt | None:
        if attempt_id == poisoned.id:
            raise KeyError("an old release wrote this")
        return claim(attempt_id, **kwargs)  # type: ignore[arg-type]

    ward.store.claim = broken  # type: ignore[assignment, method-assign]
    settled = {one.attempt.id: one for one in reconcile(ward.healer, plain_steps(ward.healer))}
    assert settled[fine.id].outcome.status is Status.SUCCESS
    assert settled[poisoned.id].outcome is None
    assert "an old release" in settled[poisoned.id].note


def test_a_component_that_is_gone_is_settled(ward: Ward) -> None:
    """An attempt on what is no longer configured fails and goes to a person."""
    left = ward.left(Phase.ACTING)
    row = ward.store.rows[left.id]
    row.attempt = replace(row.attempt, component="of old")
    (settled,) = ward.reconcile()
    assert (settled.outcome.status, settled.outcome.escalate) == (Status.FAILED, True)


@pytest.mark.parametrize("phase", [None, *Phase])
def test_an_action_that_is_gone_does_not_keep_the_attempt_open(ward: Ward, phase: Phase | None) -> None:
    """Without its action (a package was removed) an attempt cannot be carried on, at any phase: it is settled."""
    ward.left(phase)
    ward.shelf.action = None
    (settled,) = ward.reconcile()
    assert settled.outcome is not None
    assert settled.outcome.status is Status.FAILED
    assert settled.outcome.verification is not Verification.HEALED
    assert ward.deeds() == []


def test_a_holder_that_cannot_be_asked_is_tried_at_the_next_turn(ward: Ward) -> None:
    """A Transient while settling leaves the row to the turn after the new lease; nothing is done twice."""
    ward.left(Phase.PREPARED)
    ward.store.fail["record_plan"] = [AWAY] * 4
    ward.store.fail["settle"] = [AWAY] * 4
    (settled,) = ward.reconcile()
    assert (settled.outcome, ward.deeds()) == (None, [])
    assert ward.recorded() == [None]


@pytest.mark.parametrize("phase", [None, *Phase])
def test_what_is_another_thing_by_now_is_not_touched(ward: Ward, phase: Phase | None) -> None:
    """The settings gave the component another program meanwhile: it is neither acted on nor judged by, at any phase."""
    ward.left(phase)
    ward.patient.restart()  # the other program is well, and lives another life
    component = replace(ward.healer.components["backend"], target="supervisor/demo/other")
    ward.healer = replace(ward.healer, components={"backend": component})
    (settled,) = reconcile(ward.healer, plain_steps(ward.healer))
    assert (settled.outcome.status, settled.outcome.escalate, ward.deeds()) == (Status.FAILED, True, [])
    assert "this was for supervisor/demo/backend" in settled.outcome.message


@pytest.mark.parametrize("phase", [None, Phase.PREPARED])
@pytest.mark.parametrize("why", ["not allowed", "paused", "observe"])
def test_what_may_not_be_begun_any_more_is_not_begun_anew(ward: Ward, why: str, phase: Phase | None) -> None:
    """Off the allow-list, under a pause, or by an action that only observes by now: recorded, and nobody is called."""
    ward.left(phase)
    if why == "not allowed":
        ward.healer = replace(ward.healer, allow=frozenset())
    elif why == "paused":
        ward.store.paused = "paused by ada: the healer harms"
    else:
        ward.patient.mode = why
    (settled,) = reconcile(ward.healer, plain_steps(ward.healer))
    assert (settled.outcome.status, settled.outcome.escalate, ward.deeds()) == (Status.FAILED, False, [])
    assert settled.outcome.message.startswith("not begun: ")
    assert {"not allowed": "allow-list", "paused": "the healer harms", "observe": "mode observe"}[why] in (
        settled.outcome.message
    )


def test_what_was_begun_is_settled_although_it_may_not_be_begun_any_more(ward: Ward) -> None:
    """A pause does not hide what an act has done: it is observed, and recorded."""
    ward.left(Phase.ACTING)
    ward.patient.restart()
    ward.store.paused = "paused by ada"
    ward.healer = replace(ward.healer, allow=frozenset())
    (settled,) = reconcile(ward.healer, plain_steps(ward.healer))
    assert settled.outcome.status is Status.SUCCESS


@pytest.mark.parametrize("health", [Health.HEALTHY, Health.UNKNOWN])
def test_an_interrupted_rollback_leaves_alone_what_is_not_sick_any_more(ward: Ward, health: Health) -> None:
    """Somebody mended it before the rollback could be repeated: going back would break it again."""
    ward.left(Phase.ROLLING_BACK)
    ward.patient.restart(health)
    (settled,) = ward.reconcile()
    assert ward.deeds() == []
    assert (settled.outcome.status, settled.outcome.verification) == (Status.FAILED, Verification.UNKNOWN)
    assert (settled.outcome.rollback, settled.outcome.escalate) == (RollbackOutcome.NOT_NEEDED, True)


def test_a_life_that_began_long_after_the_act_is_somebody_elses_work(ward: Ward) -> None:
    """The healer died, a person restarted it hours later: nothing proves that we healed it."""
    left = ward.left(Phase.ACTING)
    assert left.act_deadline is not None
    later = int((left.act_deadline + timedelta(hours=3)).timestamp())
    ward.patient.life = replace(ward.patient.life, pid=7, started_at=later)
    ward.patient.health = Health.HEALTHY
    (settled,) = ward.reconcile()
    assert (settled.outcome.status, settled.outcome.verification) == (Status.FAILED, Verification.UNKNOWN)
    assert ward.deeds() == []


def test_a_sick_life_of_somebody_elses_is_not_rolled_back(ward: Ward) -> None:
    """What a person has started after the act was over is theirs, although it is sick."""
    left = ward.left(Phase.VERIFYING)
    assert left.act_deadline is not None
    later = int((left.act_deadline + timedelta(hours=3)).timestamp())
    ward.patient.life = replace(ward.patient.life, pid=7, started_at=later)
    (settled,) = ward.reconcile()
    assert (settled.outcome.verification, ward.deeds()) == (Verification.NOT_HEALED, [])


def test_every_holder_that_did_not_let_go_is_ended(ward: Ward) -> None:
    """Whoever took it over first died before it had ended the holder before: the next one ends that one too."""
    with subprocess.Popen(["sleep", "600"]) as frozen:  # noqa: S607 - any process that does not end
        frozen.send_signal(signal.SIGSTOP)
        answer = ward.steps.admit(a_trigger(), ward.patient.look())
        for fence, held_by in enumerate([holder_of(frozen.pid), ELSEWHERE]):
            assert ward.store.claim(answer.attempt_id, fence=fence, holder=held_by) is not None
            ward.clock.wait(LEASE.total_seconds() + 1)
        ward.store.rows[answer.attempt_id].attempt = replace(ward.store.rows[answer.attempt_id].attempt, runs=1)
        (settled,) = ward.reconcile()
        assert settled.outcome.status is Status.SUCCESS
        assert frozen.wait(10) == -signal.SIGKILL


def test_while_a_holder_before_lives_on_nothing_is_done(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be ended: no turn acts beside it, and after some of them a person is called."""
    alive = raises(Transient("process 7 does not end"))
    monkeypatch.setattr(holder, "end", lambda _: alive())
    ward.left(Phase.PREPARED)
    ended = []
    for _ in range(3):
        (settled,) = ward.reconcile()
        ended.append(settled.outcome)
        ward.clock.wait(LEASE.total_seconds() + 1)
    assert (ended[:2], ward.deeds()) == ([None, None], [])
    assert (ended[2].status, ended[2].escalate) == (Status.FAILED, True)
    assert "does not end" in ended[2].message


# -- leases


class Renewals:
    """A store of leases only: answers each renewal with the next of `answers`, the last one for ever."""

    def __init__(self, *answers: object) -> None:
        self.asked = threading.Semaphore(0)
        self._answers = list(answers)

    def renew(self, held: dict[object, int]) -> set[object]:
        self.asked.release()
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return set(held) if answer else set()

    def wait(self, times: int) -> None:
        for _ in range(times):
            assert self.asked.acquire(timeout=10)


def leases_of(store: Renewals) -> Leases:
    return Leases(store, lease=timedelta(milliseconds=8))  # type: ignore[arg-type]


def gone(thread: threading.Thread) -> bool:
    thread.join(10)
    return not thread.is_alive()


def test_a_lease_is_renewed_while_it_is_kept_and_no_longer(ward: Ward) -> None:
    """Renewals go on inside the block; after it nothing is held and the thread has ended."""
    attempt, store = ward.left(None), Renewals(True)  # noqa: FBT003 - what the store answers
    leases = leases_of(store)
    with leases.keep(attempt):
        store.wait(3)
        assert leases.holds(attempt.id)
        leases.check(attempt)
        thread = leases._thread
    assert not leases.holds(attempt.id)
    assert thread is not None
    assert gone(thread)


def test_a_lost_lease_is_told_by_the_next_check(ward: Ward) -> None:
    """When the database says that somebody else holds the attempt, the holder stands down."""
    attempt, store = ward.left(None), Renewals(True, False)  # noqa: FBT003 - what the store answers
    leases = leases_of(store)
    with leases.keep(attempt):
        store.wait(2)
        while attempt.id not in leases._lost:
            pass  # the answer is on its way from the thread that asked
        with pytest.raises(StoodDown):
            leases.check(attempt)
    leases.check(attempt)


def test_a_database_that_is_away_takes_no_lease(ward: Ward) -> None:
    """A renewal that fails is tried again; only an answer can tell that the lease is lost."""
    attempt, store = ward.left(None), Renewals(AWAY, AWAY, AWAY, True)  # noqa: FBT003
    leases = leases_of(store)
    with leases.keep(attempt):
        store.wait(5)
        leases.check(attempt)


def test_a_renewal_that_breaks_does_not_end_the_renewals(ward: Ward) -> None:
    """An error that is none of ours must not let every lease of the process run out in silence."""
    attempt, store = ward.left(None), Renewals(RuntimeError("a bug"), True)  # noqa: FBT003
    leases = leases_of(store)
    with leases.keep(attempt):
        store.wait(3)
        leases.check(attempt)


# -- retries


@pytest.mark.parametrize("failures", range(len(RETRY_DELAYS_S) + 2))
def test_only_transient_is_repeated(failures: int) -> None:
    """A step is repeated after each delay while it raises Transient, and then raises it."""
    clock, errors = FakeClock(), [AWAY] * failures

    def step() -> str:
        if errors:
            raise errors.pop()
        return "done"

    run = retried(step, clock)
    if failures > len(RETRY_DELAYS_S):
        with pytest.raises(Transient):
            run()
    else:
        assert run() == "done"
    assert clock.waits == list(RETRY_DELAYS_S[:failures])


@pytest.mark.parametrize("error", [Permanent("no"), StoodDown("no"), ValueError("no")], ids=repr)
def test_everything_else_is_raised_at_once(error: Exception) -> None:
    """What would fail again is not waited for."""
    clock = FakeClock()
    with pytest.raises(type(error)):
        retried(raises(error), clock)()
    assert clock.waits == []


def test_an_attempt_that_is_left_without_an_outcome_is_let_go_of() -> None:
    """The outcome cannot be written: the living process gives the attempt up, so that nobody ends it for that."""
    ward = Ward()
    away = [Transient("away") for _ in range(10)]
    ward.store.fail["settle"] = away
    result = ward.heal()
    assert result.outcome is None
    end = time.monotonic() + 20
    while "release" not in ward.store.calls and time.monotonic() < end:
        threading.Event().wait(0.01)
    ward.store.fail.clear()
    (settled,) = ward.reconcile()
    assert settled.attempt.holder is None
    assert settled.outcome is not None


def test_an_act_that_undid_itself_is_rolled_back_in_the_record() -> None:
    """The target took all of it back: one outcome, ROLLED_BACK, without a rollback and without a wait for health."""
    ward = Ward()

    def fails() -> None:
        raise Undone("the statement is wrong")

    ward.patient.on["commit"] = fails
    result = ward.heal()
    assert result.outcome is not None
    assert (result.name, result.outcome.rollback) == ("RolledBack", RollbackOutcome.DONE)
    assert "the statement is wrong" in result.message
    assert ward.deeds() == ["commit"]
    assert "validate" not in ward.store.calls
    assert ward.recorded() == [replace(result.outcome, escalate=False)]


def test_what_is_for_a_person_is_no_heal_and_hands_the_fault_over_at_once() -> None:
    """Its evidence is kept; nothing is verified or rolled back, and the time of an act is none."""
    ward = Ward()

    def looks_only() -> None:
        raise ForAPerson("investigated backend: it hangs")

    ward.patient.on["commit"] = looks_only
    result = ward.heal()
    assert result.outcome is not None
    assert (result.name, result.outcome.escalate) == ("NotHealed", True)
    assert result.message == "investigated backend: it hangs; nothing was changed, a person must look"
    assert "validate" not in ward.store.calls
    assert ward.deeds() == ["commit"]
    (fault,) = ward.store.faults.values()
    assert (fault.open, fault.needs_person) == (True, result.message)


@pytest.mark.parametrize(("own", "deadline"), [(None, 10), (300.0, 300)])
def test_a_plan_may_say_how_long_its_act_takes(own: float | None, deadline: int) -> None:
    """Whoever takes it over waits so long, and not as long as the longest act of its kind."""
    ward, found = Ward(), []
    ward.patient.prepare = lambda _: Plan(before=ward.patient.life, timeout_s=own)  # type: ignore[method-assign]
    ward.patient.on["commit"] = lambda: found.extend(row.attempt.act_deadline for row in ward.store.rows.values())
    ward.heal()
    assert found == [ward.clock.now().replace(second=0, microsecond=0) + timedelta(seconds=deadline)]


def test_an_action_that_only_observes_is_not_even_prepared() -> None:
    """The refusal is recorded like every other, and nothing is asked of the target but how it is."""
    ward = Ward()
    ward.patient.mode = "observe"
    result = ward.heal()
    assert result.answer.decision is Decision.NOT_ALLOWED
    assert [call for call in ward.store.calls if call != "admit"] == []


@pytest.mark.parametrize(
    ("mode", "name"), [("shadow", "NotAllowed"), ("approve", "AwaitingApproval")], ids=["shadow", "approve"]
)
def test_an_action_that_does_not_act_by_itself_is_planned(mode: str, name: str) -> None:
    """Admission asks for its plan and is asked again with it; the target is looked at, and nothing is done."""
    ward = Ward()
    ward.patient.mode = mode
    result = ward.heal()
    assert (result.name, ward.deeds(), ward.store.rows) == (name, [], {})
    assert [call for call in ward.store.calls if call != "validate"] == ["admit", "prepare", "admit"]
    (plan,) = ward.store.plans
    assert (plan.action, len(plan.fingerprint)) == ("restart-service", 64)
    assert plan.blast_radius == "backend; nothing depends on it. What was in its memory is lost."


def test_a_plan_that_cannot_be_made_says_why() -> None:
    """The keeper is away: a person is asked all the same, and reads that instead of the steps."""
    ward = Ward()
    ward.patient.mode = "approve"

    def away() -> None:
        raise Transient("supervisord does not answer")

    ward.patient.on["prepare"] = away
    assert ward.heal().name == "AwaitingApproval"
    assert ward.store.plans[0].steps == ("it could not be planned: supervisord does not answer",)


@pytest.mark.parametrize("mode", ["approve", "shadow"])
def test_nobody_is_asked_about_what_would_decline(mode: str) -> None:
    """It would do nothing, on purpose: the next rung's turn, and where there is none, no action fits."""
    ward = Ward()
    ward.patient.mode = mode
    ward.patient.on["prepare"] = raises(Declined("there are as many as there may be"))
    result = ward.heal()
    assert (result.name, result.message) == ("NoAction", "there are as many as there may be")
    assert (ward.store.plans, ward.store.rows, ward.deeds()) == ([], {}, [])


class Foreseen(Ward):
    """A healthy patient of which something is foretold, and what is measured after the act."""

    def __init__(self, *measured: float | None) -> None:
        super().__init__()
        self.measured = list(measured)
        self.patient.health = Health.HEALTHY
        self.healer = replace(
            self.healer,
            preempting=PreemptingRules(mode="auto"),
            measure=lambda *_: self.measured.pop(0) if self.measured else None,
        )
        self.steps = plain_steps(self.healer)
        self.foretold = ForetoldMetric(id=uuid7(), metric="memory_percent", value=91, well_below=85)
        self.store.predictions.add(self.foretold.id)

    def measure(self, *_: object) -> float | None:
        return self.measured.pop(0) if self.measured else None

    def foreseen(self) -> Trigger:
        kind, source = TriggerType.MEMORY_PRESSURE, Source.PREDICTIVE_HEALTH
        return replace(a_trigger(), type=kind, source=source, priority=Priority.CRITICAL, foretold=self.foretold)


def test_a_pre_emptive_heal_is_verified_by_its_metric() -> None:
    """It waits until the metric is below its threshold, and looks once more after the healthy delay."""
    ward = Foreseen(90, 86, 84, 83)
    outcome = ward.heal(ward.foreseen()).outcome
    assert outcome is not None
    assert outcome.verification is Verification.HEALED
    assert "memory_percent is 83" in outcome.message
    assert not ward.store.stands(ward.foretold.id)


def test_what_does_not_come_down_is_not_healed_and_not_rolled_back() -> None:
    """It is healthy, which is all that a way back could bring about."""
    ward = Foreseen(*[90.0] * 100)
    outcome = ward.heal(ward.foreseen()).outcome
    assert outcome is not None
    assert (outcome.status, outcome.verification) == (Status.FAILED, Verification.NOT_HEALED)
    assert "rollback" not in ward.store.calls


def test_what_cannot_be_measured_is_unknown() -> None:
    """Nobody can tell whether it helped."""
    ward = Foreseen()
    outcome = ward.heal(ward.foreseen()).outcome
    assert outcome is not None
    assert (outcome.status, outcome.verification) == (Status.FAILED, Verification.UNKNOWN)


def test_what_is_taken_back_or_falls_sick_before_the_act_is_not_touched() -> None:
    """The last look asks both."""
    ward = Foreseen()
    ward.patient.on["prepare"] = ward.store.predictions.clear
    outcome = ward.heal(ward.foreseen()).outcome
    assert outcome is not None
    assert "no longer holds" in outcome.message
    ward = Foreseen()
    ward.patient.on["prepare"] = lambda: setattr(ward.patient, "health", Health.SICK)
    outcome = ward.heal(ward.foreseen()).outcome
    assert outcome is not None
    assert "no longer healthy" in outcome.message
    assert "commit" not in ward.store.calls


def test_what_observes_only_does_nothing_ahead_of_time() -> None:
    """The mode of predictions counts where the action's own goes further."""
    ward = Foreseen(10)
    ward.healer = replace(ward.healer, preempting=PreemptingRules())
    ward.steps = plain_steps(ward.healer)
    assert ward.heal(ward.foreseen()).answer.decision is Decision.NOT_ALLOWED
    assert "commit" not in ward.store.calls
