"""The steps of one heal. `heal` puts them in order; Prefect tasks wrap them one by one.

Observing and recording may be repeated; `act` and `roll_back` are never retried.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from selfheal.model.admission import Answer
from selfheal.model.approval import Proposal
from selfheal.model.attempt import Attempt, Outcome, Phase, Plan, RollbackOutcome, Status
from selfheal.model.component import Component
from selfheal.model.errors import (
    Declined,
    ForAPerson,
    Permanent,
    PlanNeeded,
    SelfhealError,
    StoodDown,
    TargetChanged,
    Undone,
)
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import NOT_OF_HEALTH, PREEMPTIVE, Trigger
from selfheal.policy import verdict
from selfheal.policy.admission import refuse_size
from selfheal.policy.approval import fingerprint, proposal
from selfheal.policy.preempting import as_measured, bound_of
from selfheal.ports import Action
from selfheal.protocol.deciding import decide, stopped_by_a_person, without
from selfheal.protocol.failpoint import reach
from selfheal.protocol.healer import Healer
from selfheal.protocol.holder import this_process

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Act:
    """What became of the act.

    Attributes:
        said: what was done, or how it failed, for a person.
        completed: whether the action came to its end without an error.
        took_ms: how long it took.
        undone: whether the target itself took all of it back.
        declined: whether nothing was done, on purpose.
        for_a_person: whether, besides, a person must look.
    """

    said: str
    completed: bool
    took_ms: int
    undone: bool = False
    declined: bool = False
    for_a_person: bool = False


def observe(healer: Healer, trigger: Trigger) -> Observation | None:
    """Look at the trigger's component before admission; None if there is no such component.

    One that is not on the allow-list is looked at all the same: it is not healed, but its fault is recorded.
    """
    if refuse_size(trigger) is not None or trigger.component not in healer.components:
        return None
    return healer.observe(healer.components[trigger.component])


def admit(healer: Healer, trigger: Trigger, seen: Observation | None) -> Answer:
    """Admission: one transaction that answers and records.

    An action that does not act by itself is asked for its plan when nothing else stands in the way, outside of any
    transaction; then admission is asked again with it. Nobody is asked about one that declines: the next rung's turn.
    """
    decided = decide(healer, trigger, seen)
    plans: dict[str, Proposal] = {}
    while True:
        try:
            answer = healer.store.admit(
                decided.trigger,
                place=decided.place,
                rungs=decided.rungs,
                observation=seen,
                refusal=decided.refusal,
                plans=tuple(plans.values()),
            )
        except PlanNeeded as needed:
            if needed.action in plans:
                raise AssertionError(f"admission was told what {needed.action} would do") from needed
            try:
                plans[needed.action] = propose(healer, needed.action, healer.components[trigger.component])
            except Declined as error:
                decided = without(decided, needed.action, str(error))
        else:
            reach("after-admit")
            return answer


def claim(healer: Healer, attempt_id: UUID, run: UUID | None = None) -> Attempt:
    """Take a freshly admitted attempt for this process, and for the flow run that it is carried out in.

    Raises:
        StoodDown: somebody else was faster, because this process slept past the intent's lease.
    """
    attempt = healer.store.claim(attempt_id, fence=0, holder=this_process(), run=run) or _claimed(healer, attempt_id)
    if attempt is None:
        raise StoodDown(f"attempt {attempt_id} was taken over before it was claimed")
    reach("after-claim")
    return attempt


def _claimed(healer: Healer, attempt_id: UUID) -> Attempt | None:
    """The attempt, if a claim of this process went through and only its answer was lost; None: it is somebody else's.

    A thread of this process that settles what was left behind may have been faster at this very moment: then both hold
    it under one fence, and of both only one can announce the act.
    """
    found = healer.store.attempt(attempt_id)
    if found is None or healer.leases.holds(attempt_id):
        return None
    begun = (found.status, found.fence, found.holder, found.phase)
    return found if begun == (Status.RUNNING, 1, this_process(), None) else None


def prepare(healer: Healer, attempt: Attempt) -> Attempt:
    """Look at the target, keep the evidence and the way back, and commit them; changes nothing outside.

    Raises:
        TargetChanged: a person approved something else than what would be done by now.
    """
    component = healer.components[attempt.component]
    plan = _plan_of(healer.actions.get(attempt.action), component)
    if attempt.approved and attempt.approved != fingerprint(attempt.action, component.target, plan.parameters):
        raise TargetChanged(
            f"not done: what {attempt.action} would do to {attempt.component} is no longer what was approved"
        )
    _still_ours(healer.store.record_plan(attempt.id, fence=attempt.fence, plan=plan), attempt)
    reach("after-prepare")
    return replace(attempt, plan=plan, phase=Phase.PREPARED)


def act(healer: Healer, attempt: Attempt) -> Act:
    """Act once: is what we prepared for still true, announce it, do it.

    Raises:
        StoodDown: the lease or the fence is lost; nothing was done.
        TargetChanged: the target is no longer what was prepared for; nothing was done.
    """
    action, component = healer.actions.get(attempt.action), healer.components[attempt.component]
    seen = healer.observe(component)
    _unchanged(attempt, seen)
    if stopped_by_a_person(healer, component, seen, attempt.trigger_type):
        raise TargetChanged(f"not done: {attempt.component} was stopped on request meanwhile")
    reach("before-announce")
    healer.leases.check(attempt)
    own = None if attempt.plan is None else attempt.plan.timeout_s
    timeout = action.timeout if own is None else timedelta(seconds=own)
    announced = healer.store.announce_act(attempt.id, fence=attempt.fence, timeout=timeout)
    if not announced:
        _still_foretold(healer, attempt)
    _still_ours(announced, attempt)
    reach("before-act")
    result = _timed(healer, lambda: action.commit(component, _plan(attempt)))
    reach("after-act")
    return result


def _unchanged(attempt: Attempt, seen: Observation) -> None:
    """Raise `TargetChanged` unless the target is as sick, and as old, as when the act was prepared.

    It may look well where its sickness is not the reason; where it is only foretold it must.
    """
    before = None if attempt.plan is None else attempt.plan.before
    if attempt.foretold is not None and seen.health is not Health.HEALTHY:
        raise TargetChanged(f"not done: {attempt.component} is no longer healthy, which is no pre-emptive case")
    if seen.health is Health.HEALTHY and attempt.trigger_type not in NOT_OF_HEALTH | PREEMPTIVE:
        raise TargetChanged(f"not needed: {attempt.component} became healthy by itself ({seen.detail})")
    if before is not None and seen.incarnation is not None and not before.same_life(seen.incarnation):
        raise TargetChanged(f"not done: somebody else restarted {attempt.component} meanwhile")


def _still_foretold(healer: Healer, attempt: Attempt) -> None:
    """Raise `TargetChanged` where the prediction for which it is done was taken back."""
    if attempt.foretold is not None and not healer.store.stands(attempt.foretold.id):
        raise TargetChanged(f"not needed: what was foretold of {attempt.component} no longer holds")


def verify(healer: Healer, attempt: Attempt) -> Observation:
    """Look until the target is healthy, at most its start timeout; then once more after its healthy delay.

    After a pre-emptive heal the metric that was foretold must be below its bound as well.

    Raises:
        StoodDown: the attempt was taken over meanwhile.
    """
    reach("before-verify")
    _still_ours(healer.store.enter(attempt.id, fence=attempt.fence, phase=Phase.VERIFYING), attempt)
    action, component = healer.actions.get(attempt.action), healer.components[attempt.component]
    end = healer.clock.monotonic() + component.start_timeout.total_seconds()
    seen = _judged(healer, attempt, component, _look(healer, action, component))
    while not _well(seen) and healer.clock.monotonic() < end:
        healer.leases.check(attempt)
        healer.clock.wait(healer.poll_s)
        seen = _judged(healer, attempt, component, _look(healer, action, component))
    if _well(seen):
        healer.clock.wait(component.healthy_delay.total_seconds())
        healer.leases.check(attempt)
        seen = _judged(healer, attempt, component, _look(healer, action, component))
    reach("after-verify")
    return seen


def _well(seen: Observation) -> bool:
    """Whether nothing more is to be waited for."""
    return seen.health is Health.HEALTHY and not seen.short_of


def _judged(healer: Healer, attempt: Attempt, component: Component, seen: Observation) -> Observation:
    """A look after the act, beside what was planned, and with the metric that was foretold measured anew."""
    told, seen = attempt.foretold, verdict.as_wanted(_plan(attempt), seen)
    if told is None or seen.health is not Health.HEALTHY:
        return seen
    bound = bound_of(told)
    if bound is None:
        return seen
    return as_measured(seen, told, bound=bound, measured=healer.measure(component, told.metric, seen))


def roll_back(healer: Healer, attempt: Attempt) -> tuple[RollbackOutcome, str]:
    """Go back to what `prepare` found, once; the outcome and what was done.

    It is an act like the other one, and has a last look of its own: what is well by now, or in a state that nobody can
    tell, is left alone. Where the rollback of a dead healer is repeated, others may have been there long since.
    """
    reach("before-roll-back")
    _still_ours(healer.store.enter(attempt.id, fence=attempt.fence, phase=Phase.ROLLING_BACK), attempt)
    action, component = healer.actions.get(attempt.action), healer.components[attempt.component]
    seen = _judged(healer, attempt, component, _look(healer, action, component))
    if seen.health is not Health.SICK:
        return RollbackOutcome.NOT_NEEDED, f"it is {seen.health} by now ({seen.detail})"
    try:
        result = _timed(healer, lambda: action.rollback(component, _plan(attempt)))
    except TargetChanged as error:
        return RollbackOutcome.FAILED, str(error)
    reach("after-roll-back")
    return (RollbackOutcome.DONE if result.completed else RollbackOutcome.FAILED), result.said


def record(healer: Healer, attempt: Attempt, outcome: Outcome, execution_ms: int | None) -> Outcome:
    """Write the one outcome.

    Raises:
        StoodDown: the attempt was taken over; its new holder writes the outcome.
    """
    reach("before-record")
    settled = healer.store.settle(attempt.id, fence=attempt.fence, outcome=outcome, execution_ms=execution_ms)
    _still_ours(settled, attempt)
    reach("after-record")
    _log.info("%s on %s: %s (%s)", attempt.action, attempt.component, outcome.status, outcome.message)
    return outcome


def propose(
    healer: Healer, action: str, component: Component, *, untold: type[SelfhealError] = SelfhealError
) -> Proposal:
    """What an action would do; where it cannot tell for a reason of this kind, that stands in place of its steps.

    Raises:
        Declined: it would do nothing, on purpose.
    """
    risk = ""
    try:
        chosen = healer.actions.get(action)
        risk = chosen.risk
        plan = _plan_of(chosen, component)
    except Declined:
        raise
    except untold as error:
        plan = Plan(steps=(f"it could not be planned: {error}",))
    return proposal(action, plan, component, healer.components, risk=risk)


def _plan_of(action: Action, component: Component) -> Plan:
    """Ask the action for its plan; what a third party's action raises becomes an error of ours: nothing was touched."""
    try:
        return action.prepare(component)
    except SelfhealError:
        raise
    except Exception as error:
        _log.exception("an action raised what is no error of ours")
        raise Permanent(f"the action broke while it prepared: {type(error).__name__}: {error}") from error


def _look(healer: Healer, action: Action, component: Component) -> Observation:
    """One look by the action; one that raises, against its contract, could not tell."""
    try:
        return action.validate(component)
    except Exception as error:  # noqa: BLE001 - as for the act: the attempt still ends in one result
        return Observation(
            component=component.name,
            health=Health.UNKNOWN,
            detail=f"the action's own look broke: {type(error).__name__}: {error}",
            observed_at=healer.clock.now(),
        )


def _timed(healer: Healer, work: Callable[[], str]) -> Act:
    """Run an action's own code; whatever it raises becomes a result, since only observation tells the effect.

    Raises:
        TargetChanged: the action's own last look; nothing was done.
    """
    begin, undone = healer.clock.monotonic(), False
    try:
        said, completed = work(), True
    except TargetChanged:
        raise
    except Undone as error:
        said, completed, undone = str(error), False, True
    except Declined as error:
        person = isinstance(error, ForAPerson)
        return Act(said=str(error), completed=False, took_ms=0, declined=True, for_a_person=person)
    except SelfhealError as error:
        said, completed = str(error), False
    except Exception as error:  # noqa: BLE001 - a third party's action may raise anything; the attempt still ends in one result
        _log.exception("an action raised what is no error of ours")
        said, completed = f"the action broke: {type(error).__name__}: {error}", False
    took_ms = round((healer.clock.monotonic() - begin) * 1000)
    return Act(said=said, completed=completed, took_ms=took_ms, undone=undone)


def _plan(attempt: Attempt) -> Plan:
    """The plan; an attempt without one has nothing to go by and is not acted on."""
    if attempt.plan is None:
        raise Permanent(f"attempt {attempt.id} was never prepared")
    return attempt.plan


def _still_ours(ours: bool, attempt: Attempt) -> None:  # noqa: FBT001
    """Raise `StoodDown` when a write changed no row."""
    if not ours:
        raise StoodDown(f"attempt {attempt.id} was taken over")
