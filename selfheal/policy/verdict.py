"""From what was seen after an act to the attempt's one outcome. Used by the protocol and by reconcile."""

from dataclasses import replace
from datetime import timedelta

from selfheal.model.attempt import Attempt, Outcome, Plan, RollbackOutcome, Status, Verification
from selfheal.model.observation import Health, Observation

_SAYS = {
    Health.HEALTHY: Verification.HEALED,
    Health.SICK: Verification.NOT_HEALED,
    Health.UNKNOWN: Verification.UNKNOWN,
}
_WORDS = {
    Verification.HEALED: "healed",
    Verification.NOT_HEALED: "not healed",
    Verification.UNKNOWN: "could not tell whether it is healed",
}

_LATE = timedelta(minutes=1)
"""So far the clock of the target's host may be ahead of the database's."""


def after_act(attempt: Attempt, seen: Observation, *, said: str, completed: bool) -> Outcome:
    """The outcome of an act that its own holder verified, before any rollback.

    Args:
        attempt: with its plan.
        seen: the last observation of the verification.
        said: what the act did, or how it failed.
        completed: whether the act came to its end without an error.
    """
    verification = Verification.NOT_HEALED if seen.short_of else _SAYS[seen.health]
    if verification is Verification.HEALED and not completed and _changed(attempt, seen) is not True:
        return _without_effect(attempt, f"{said}; the target is healthy all the same: {seen.detail}")
    stopped = "; somebody stopped it meanwhile: left so" if completed and seen.stopped_on_request else ""
    return Outcome(
        status=Status.SUCCESS if verification is Verification.HEALED else Status.FAILED,
        verification=verification,
        message=f"{said}; {_WORDS[verification]}" + (f": {seen.detail}" if seen.detail else "") + stopped,
        rollback=_none_done(attempt),
    )


def as_wanted(plan: Plan, seen: Observation) -> Observation:
    """A healthy look after the act, unless what the act was to bring about is not there; any other stays as it is."""
    for metric, wanted in plan.wanted.items() if seen.health is Health.HEALTHY else ():
        found = seen.values.get(metric)
        if found is None:
            return replace(seen, health=Health.UNKNOWN, detail=f"nobody can tell its {metric}")
        if found != wanted:
            return replace(seen, health=Health.SICK, detail=f"its {metric} are {found:g}, not {wanted:g}")
    return seen


def undone(said: str) -> Outcome:
    """The outcome of an act that failed and was taken back as a whole by the target itself: nothing to look for."""
    return Outcome(
        status=Status.ROLLED_BACK,
        verification=Verification.NOT_HEALED,
        message=f"{said}; rolled back: nothing of it is left",
        rollback=RollbackOutcome.DONE,
    )


def declined(attempt: Attempt, said: str, *, for_a_person: bool) -> Outcome:
    """The outcome of an attempt that did nothing, on purpose: no success, and perhaps for a person."""
    look = ", a person must look" if for_a_person else ""
    return Outcome(
        status=Status.FAILED,
        verification=Verification.NOT_HEALED,
        message=f"{said}; nothing was changed{look}",
        rollback=_none_done(attempt),
        escalate=for_a_person,
    )


def after_interruption(attempt: Attempt, seen: Observation) -> Outcome:
    """The outcome of an announced act whose holder died, before any rollback: only what is seen decides.

    Healthy in a new incarnation: the act happened and healed. Healthy in the old one, or in one that nobody could
    tell: nothing proves an effect, which is no success; nor in one that began when the act must have been over, which
    is somebody else's work. Sick in the old one: the act never happened.
    """
    if _changed(attempt, seen) is not True or _of_others(attempt, seen):
        if seen.health is Health.HEALTHY:
            outcome = _without_effect(attempt, f"interrupted; healthy without a provable effect: {seen.detail}")
            return replace(outcome, interrupted=True)
        said = "interrupted, and no effect is to be seen"
    else:
        said = "interrupted after it acted"
    return replace(after_act(attempt, seen, said=said, completed=True), interrupted=True)


def needs_rollback(outcome: Outcome, attempt: Attempt, seen: Observation, *, completed: bool) -> bool:
    """Whether to go back: only from a certain failure, and only if the act changed anything.

    A target in an unknown state is left alone; only one that provably lives another life, and one that we can have
    begun, was touched. One that is healthy, and short of what a pre-emptive heal wanted, has nothing to go back to. An
    act that came to its end leaves nothing stopped: whoever has asked its keeper to stop it since is somebody else.
    """
    planned = attempt.plan is not None and attempt.plan.rollback is not None
    failed = outcome.verification is Verification.NOT_HEALED and not seen.short_of
    left_to_others = _of_others(attempt, seen) or (completed and seen.stopped_on_request)
    return planned and failed and _changed(attempt, seen) is True and not left_to_others


def rolled_back(outcome: Outcome, rollback: RollbackOutcome, said: str) -> Outcome:
    """The outcome after a rollback was tried, or was not needed any more: then nobody can tell what helped."""
    if rollback is RollbackOutcome.NOT_NEEDED:
        message = f"{outcome.message}; not rolled back: {said}"
        return replace(outcome, verification=Verification.UNKNOWN, message=message, rollback=rollback)
    done = rollback is RollbackOutcome.DONE
    return replace(
        outcome,
        status=Status.ROLLED_BACK if done else Status.FAILED,
        message=f"{outcome.message}; {'rolled back' if done else 'rollback failed'}: {said}",
        rollback=rollback,
    )


def _without_effect(attempt: Attempt, message: str) -> Outcome:
    """Healthy, but not provably because of us."""
    return Outcome(
        status=Status.FAILED,
        verification=Verification.UNKNOWN,
        message=message,
        rollback=_none_done(attempt),
    )


def _changed(attempt: Attempt, seen: Observation) -> bool | None:
    """Whether the target lives another life, or is measured another, than before the act; None if nobody could tell."""
    if attempt.plan is not None and attempt.plan.found:
        now = {metric: seen.values.get(metric) for metric in attempt.plan.found}
        return None if None in now.values() else now != attempt.plan.found
    before = None if attempt.plan is None else attempt.plan.before
    if before is None or seen.incarnation is None:
        return None
    return not before.same_life(seen.incarnation)


def _of_others(attempt: Attempt, seen: Observation) -> bool:
    """Whether the target lives a life that began when the act must have been over: of one that was taken over only.

    Who carries out an act itself knows no deadline of it, and has seen what became of it.
    """
    life, deadline = seen.incarnation, attempt.act_deadline
    return life is not None and deadline is not None and life.started_at > (deadline + _LATE).timestamp()


def _none_done(attempt: Attempt) -> RollbackOutcome:
    """The rollback outcome when none was carried out."""
    planned = attempt.plan is not None and attempt.plan.rollback is not None
    return RollbackOutcome.NOT_NEEDED if planned else RollbackOutcome.NOT_PLANNED
