"""From what was seen after an act to the one outcome."""

from dataclasses import replace

import pytest
from fakes import NOON
from hypothesis import given
from hypothesis import strategies as st
from uuid6 import uuid7

from selfheal.model.attempt import Attempt, Outcome, Phase, Plan, RollbackOutcome, Status, Verification
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.policy.verdict import after_act, after_interruption, as_wanted, needs_rollback, rolled_back

OLD = Incarnation(pid=100, started_at=1, state="RUNNING")
NEW = Incarnation(pid=101, started_at=2, state="RUNNING")
ROLLBACK = {"restore": "running"}

plans = st.sampled_from([None, Plan(), Plan(before=OLD), Plan(rollback=ROLLBACK), Plan(before=OLD, rollback=ROLLBACK)])
healths = st.sampled_from(list(Health))
lives = st.sampled_from([None, OLD, NEW])
everything = given(plans, healths, lives, st.booleans())


def attempt(plan: Plan | None) -> Attempt:
    return Attempt(
        id=uuid7(),
        fault_id=uuid7(),
        target="supervisor/demo/backend",
        component="backend",
        action="restart-service",
        trigger_type="SERVICE_DOWN",
        status=Status.RUNNING,
        fence=1,
        phase=Phase.VERIFYING,
        holder=None,
        act_deadline=None,
        runs=1,
        plan=plan,
        created_at=NOON,
    )


def seen(health: Health, life: Incarnation | None) -> Observation:
    return Observation(component="backend", health=health, detail="so", observed_at=NOON, incarnation=life)


def outcomes(
    plan: Plan | None, health: Health, life: Incarnation | None, *, completed: bool
) -> list[tuple[Outcome, Attempt, Observation]]:
    """Both verdicts: by the holder itself, and after its death."""
    one, look = attempt(plan), seen(health, life)
    told = after_act(one, look, said="done", completed=completed)
    return [(told, one, look), (after_interruption(one, look), one, look)]


@everything
def test_success_is_healed_and_healed_is_success(
    plan: Plan | None,
    health: Health,
    life: Incarnation | None,
    completed: bool,  # noqa: FBT001 - drawn
) -> None:
    """SUCCESS implies HEALED, HEALED implies SUCCESS, and both imply that the target was seen healthy."""
    for outcome, _, look in outcomes(plan, health, life, completed=completed):
        assert (outcome.status is Status.SUCCESS) == (outcome.verification is Verification.HEALED)
        assert outcome.status is not Status.SUCCESS or look.health is Health.HEALTHY
        assert outcome.status in {Status.SUCCESS, Status.FAILED}


@everything
def test_only_a_certain_failure_with_an_effect_and_a_way_back_is_rolled_back(
    plan: Plan | None,
    health: Health,
    life: Incarnation | None,
    completed: bool,  # noqa: FBT001 - drawn
) -> None:
    """Never what is unknown, never what lives its old life, never without a plan for it, never what is healed."""
    for outcome, one, look in outcomes(plan, health, life, completed=completed):
        touched = plan is not None and plan.before is not None and life is not None and life != OLD
        planned = plan is not None and plan.rollback is not None
        wanted = health is Health.SICK and planned and touched
        assert needs_rollback(outcome, one, look, completed=completed) == wanted


@everything
def test_an_unknown_state_is_told_as_unknown(
    plan: Plan | None,
    health: Health,
    life: Incarnation | None,
    completed: bool,  # noqa: FBT001 - drawn
) -> None:
    """What could not be seen is never guessed."""
    for outcome, _, look in outcomes(plan, health, life, completed=completed):
        if look.health is Health.UNKNOWN:
            assert (outcome.status, outcome.verification) == (Status.FAILED, Verification.UNKNOWN)


@everything
def test_a_rollback_that_was_not_done_is_told_by_its_plan(
    plan: Plan | None,
    health: Health,
    life: Incarnation | None,
    completed: bool,  # noqa: FBT001 - drawn
) -> None:
    """NOT_NEEDED where there was a way back, NOT_PLANNED where there was none."""
    planned = plan is not None and plan.rollback is not None
    for outcome, _, _ in outcomes(plan, health, life, completed=completed):
        assert outcome.rollback is (RollbackOutcome.NOT_NEEDED if planned else RollbackOutcome.NOT_PLANNED)


@pytest.mark.parametrize(
    ("health", "life", "completed", "status", "verification"),
    [
        (Health.HEALTHY, NEW, True, Status.SUCCESS, Verification.HEALED),
        (Health.HEALTHY, NEW, False, Status.SUCCESS, Verification.HEALED),
        (Health.HEALTHY, OLD, True, Status.SUCCESS, Verification.HEALED),  # an act may heal without a restart
        (Health.HEALTHY, OLD, False, Status.FAILED, Verification.UNKNOWN),
        (Health.HEALTHY, None, False, Status.FAILED, Verification.UNKNOWN),
        (Health.SICK, NEW, True, Status.FAILED, Verification.NOT_HEALED),
        (Health.SICK, OLD, False, Status.FAILED, Verification.NOT_HEALED),
        (Health.UNKNOWN, None, True, Status.FAILED, Verification.UNKNOWN),
    ],
)
def test_the_holders_own_verdict(
    health: Health, life: Incarnation | None, status: Status, verification: Verification, *, completed: bool
) -> None:
    """By what is seen; an act that failed and left the target as it was is no success even if it is healthy."""
    plan = Plan(before=OLD, rollback=ROLLBACK)
    outcome = after_act(attempt(plan), seen(health, life), said="done", completed=completed)
    assert (outcome.status, outcome.verification, outcome.interrupted) == (status, verification, False)
    assert outcome.message.startswith("done; ")


@pytest.mark.parametrize(
    ("health", "life", "status", "verification", "said"),
    [
        (Health.HEALTHY, NEW, Status.SUCCESS, Verification.HEALED, "interrupted after it acted"),
        (Health.HEALTHY, OLD, Status.FAILED, Verification.UNKNOWN, "interrupted; healthy without a provable effect"),
        (Health.SICK, NEW, Status.FAILED, Verification.NOT_HEALED, "interrupted after it acted"),
        (Health.SICK, OLD, Status.FAILED, Verification.NOT_HEALED, "interrupted, and no effect is to be seen"),
        (Health.UNKNOWN, None, Status.FAILED, Verification.UNKNOWN, "interrupted, and no effect is to be seen"),
        (Health.HEALTHY, None, Status.FAILED, Verification.UNKNOWN, "interrupted; healthy without a provable effect"),
    ],
)
def test_the_verdict_after_a_death(
    health: Health, life: Incarnation | None, status: Status, verification: Verification, said: str
) -> None:
    """Only a new life proves the act of a holder that died."""
    outcome = after_interruption(attempt(Plan(before=OLD)), seen(health, life))
    assert (outcome.status, outcome.verification, outcome.interrupted) == (status, verification, True)
    assert outcome.message.startswith(said)


@pytest.mark.parametrize(
    ("done", "status", "words"),
    [
        (RollbackOutcome.DONE, Status.ROLLED_BACK, "rolled back: as it was"),
        (RollbackOutcome.FAILED, Status.FAILED, "rollback failed: as it was"),
    ],
)
def test_after_a_rollback(done: RollbackOutcome, status: Status, words: str) -> None:
    """The verification stays what it was; status and message tell what became of the way back."""
    before = after_act(attempt(Plan(rollback=ROLLBACK)), seen(Health.SICK, NEW), said="done", completed=True)
    outcome = rolled_back(before, done, "as it was")
    assert (outcome.status, outcome.rollback, outcome.verification) == (status, done, Verification.NOT_HEALED)
    assert outcome.message == f"{before.message}; {words}"


def test_after_a_rollback_that_was_not_needed_any_more() -> None:
    """It is well by now, and nobody can tell by what: no success, and no failure of the way back."""
    before = after_act(attempt(Plan(rollback=ROLLBACK)), seen(Health.SICK, NEW), said="done", completed=True)
    outcome = rolled_back(before, RollbackOutcome.NOT_NEEDED, "it is well")
    assert (outcome.status, outcome.verification) == (Status.FAILED, Verification.UNKNOWN)
    assert outcome.rollback is RollbackOutcome.NOT_NEEDED


COUNTED = Plan(found={"replicas": 2}, wanted={"replicas": 3}, rollback={"replicas": 2})


@pytest.mark.parametrize(
    ("values", "health"),
    [
        ({"replicas": 3}, Health.HEALTHY),
        ({"replicas": 2}, Health.SICK),
        ({"replicas": 4}, Health.SICK),
        ({}, Health.UNKNOWN),
    ],
)
def test_what_the_act_wanted_must_be_there(values: dict[str, float], health: Health) -> None:
    """However well it looks; where nobody can measure it, nobody can tell. A sick look stays as it is."""
    look = replace(seen(Health.HEALTHY, OLD), values=values)
    assert as_wanted(COUNTED, look).health is health
    sick = replace(look, health=Health.SICK)
    assert as_wanted(COUNTED, sick) == sick
    assert as_wanted(Plan(), look) == look


@pytest.mark.parametrize(("values", "back"), [({"replicas": 3}, True), ({"replicas": 2}, False), ({}, False)])
def test_what_was_measured_tells_whether_there_is_anything_to_go_back_from(
    values: dict[str, float],
    back: bool,  # noqa: FBT001 - a case
) -> None:
    """In place of the incarnation, which may be another one for reasons of its own."""
    one, look = attempt(COUNTED), replace(seen(Health.SICK, NEW), values=values)
    outcome = after_act(one, look, said="done", completed=True)
    assert needs_rollback(outcome, one, look, completed=True) is back
    interrupted = after_interruption(one, look)
    assert ("no effect is to be seen" in interrupted.message) is not back
