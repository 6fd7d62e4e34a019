"""One heal, from trigger to outcome: one plain procedure with two runners.

`healing-dispatch` runs it with every step a Prefect task; where the Prefect server does not answer, the same
procedure runs with the plain steps. Either way the database records the same rows.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from selfheal.logs import about
from selfheal.model.admission import Answer, Decision
from selfheal.model.attempt import Attempt, Outcome, RollbackOutcome, Status, Verification
from selfheal.model.errors import SelfhealError, StoodDown, TargetChanged
from selfheal.model.observation import Observation
from selfheal.model.trigger import Trigger
from selfheal.policy import verdict
from selfheal.protocol.leases import Leases
from selfheal.protocol.steps import Act

_log = logging.getLogger(__name__)
_LOOKS_AGAIN = 3


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The steps, each as something to call: plain functions, or Prefect tasks around them.

    `run` is the flow run whose tasks they are, for the record; None: they are plain functions.
    """

    observe: Callable[[Trigger], Observation | None]
    admit: Callable[[Trigger, Observation | None], Answer]
    claim: Callable[[UUID], Attempt]
    prepare: Callable[[Attempt], Attempt]
    act: Callable[[Attempt], Act]
    verify: Callable[[Attempt], Observation]
    roll_back: Callable[[Attempt], tuple[RollbackOutcome, str]]
    record: Callable[[Attempt, Outcome, int | None], Outcome]
    follow: Callable[[UUID], Outcome | None]
    leases: Leases
    run: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a trigger ended.

    Attributes:
        answer: admission's.
        outcome: of the attempt; None if it was refused, or if somebody else carries the attempt on.
        note: why there is no outcome although it was admitted.
    """

    answer: Answer
    outcome: Outcome | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """Healed, NotHealed, RolledBack, Unknown, HandedOver, or the name of a refusal: how people see it ended."""
        if not self.answer.admitted:
            return "".join(word.capitalize() for word in self.answer.decision.split("_"))
        return "HandedOver" if self.outcome is None else self.outcome.name

    @property
    def message(self) -> str:
        """What happened, for a person."""
        return self.outcome.message if self.outcome is not None else self.note or self.answer.reason


def heal(steps: Steps, trigger: Trigger) -> Result:
    """Admit the trigger and, if it is admitted, carry its attempt to the one recorded outcome.

    Raises:
        Transient: the database is away before admission: nothing was done, nothing is recorded.
    """
    with about(component=trigger.component, trigger=trigger.id):
        return _healed(steps, trigger)


def _admitted(steps: Steps, trigger: Trigger) -> Answer:
    """Admission of a trigger; what was seen too long ago is looked at again at once.

    A trigger id keeps its first answer, so each further look has an id of its own, made of the trigger's: a repeated
    trigger comes to the same last answer.
    """
    answer = steps.admit(trigger, steps.observe(trigger))
    for look in range(_LOOKS_AGAIN):
        if answer.decision is not Decision.STALE_TRIGGER:
            break
        again = replace(trigger, id=uuid5(trigger.id, f"look {look + 1}"))
        answer = steps.admit(again, steps.observe(again))
    return answer


def _healed(steps: Steps, trigger: Trigger) -> Result:
    answer = _admitted(steps, trigger)
    if not answer.admitted or answer.attempt_id is None:
        return Result(answer=answer)
    if answer.repeated:
        return Result(answer=answer, outcome=steps.follow(answer.attempt_id))
    try:
        with steps.leases.claiming(answer.attempt_id, fence=0):
            attempt = steps.claim(answer.attempt_id)
        with about(attempt=attempt.id), steps.leases.keep(attempt):
            return Result(answer=answer, outcome=carry_out(steps, attempt))
    except StoodDown as error:
        return Result(answer=answer, note=f"stood down: {error}")
    except SelfhealError as error:  # the attempt is recorded as begun; reconcile settles it by observation
        _log.warning("attempt %s is left to reconcile: %s", answer.attempt_id, error)
        return Result(answer=answer, note=f"left to reconcile: {error}")


def carry_out(steps: Steps, attempt: Attempt) -> Outcome:
    """From a claimed attempt that has not acted to its recorded outcome."""
    try:
        attempt = steps.prepare(attempt)
        done = steps.act(attempt)
    except StoodDown:
        raise
    except SelfhealError as error:
        return steps.record(attempt, _never_acted(attempt, error), None)
    if done.declined:  # it took no time of an act: there was none, and nothing to verify
        return steps.record(attempt, verdict.declined(attempt, done.said, for_a_person=done.for_a_person), None)
    if done.undone:
        return steps.record(attempt, verdict.undone(done.said), done.took_ms)
    seen = steps.verify(attempt)
    outcome = verdict.after_act(attempt, seen, said=done.said, completed=done.completed)
    if verdict.needs_rollback(outcome, attempt, seen, completed=done.completed):
        outcome = verdict.rolled_back(outcome, *steps.roll_back(attempt))
    return steps.record(attempt, outcome, done.took_ms)


def conclude(steps: Steps, attempt: Attempt, seen: Observation) -> Outcome:
    """From an announced act that somebody else left behind, and what is seen of it, to its recorded outcome."""
    outcome = verdict.after_interruption(attempt, seen)
    if verdict.needs_rollback(outcome, attempt, seen, completed=False):
        outcome = verdict.rolled_back(outcome, *steps.roll_back(attempt))
    return steps.record(attempt, outcome, None)


def _never_acted(attempt: Attempt, error: SelfhealError) -> Outcome:
    """The outcome when the target was not touched."""
    planned = attempt.plan is not None and attempt.plan.rollback is not None
    return Outcome(
        status=Status.FAILED,
        verification=Verification.UNKNOWN if isinstance(error, TargetChanged) else Verification.NOT_HEALED,
        message=str(error),
        rollback=RollbackOutcome.NOT_NEEDED if planned else RollbackOutcome.NOT_PLANNED,
    )
