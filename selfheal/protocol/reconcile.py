"""Settles what a dead or frozen healer left behind: inside the watchers, as a flow, and by hand.

An attempt is taken over by its fence, the old holder on this host is ended, and only then does anything happen:
without an announced act the heal is run again; with one only observation decides.
"""

import contextvars
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from selfheal.logs import about
from selfheal.model.attempt import Attempt, Outcome, Phase, RollbackOutcome, Status, Verification
from selfheal.model.errors import Permanent, SelfhealError, StoodDown, Transient
from selfheal.policy import verdict
from selfheal.policy.admission import refuse_target
from selfheal.protocol import holder
from selfheal.protocol.deciding import mode_of
from selfheal.protocol.heal import Steps, carry_out, conclude
from selfheal.protocol.healer import Healer

_log = logging.getLogger(__name__)
_AT_ONCE = 8
_LAST_RUN = 3


class Course(StrEnum):
    """What is done about an attempt that was left behind."""

    GIVE_UP = "recorded as failed"
    LEAVE = "recorded as not begun"
    RUN_AGAIN = "carried out again"
    ROLL_BACK = "rolled back"
    OBSERVE = "observed, and settled by that"


@dataclass(frozen=True, kw_only=True)
class Settled:
    """One attempt that reconcile took over.

    Attributes:
        attempt: as it was found.
        outcome: what was recorded; None if this turn could not settle it.
        note: why not.
    """

    attempt: Attempt
    outcome: Outcome | None = None
    note: str = ""


def reconcile(healer: Healer, steps: Steps) -> Sequence[Settled]:
    """One turn over all unfinished attempts with an expired lease; one bad row does not stop the others.

    Raises:
        Transient: the database cannot be asked what is unfinished.
    """
    left = [attempt for attempt in healer.store.expired() if not healer.leases.holds(attempt.id)]
    if not left:
        return []
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(left)), thread_name_prefix="reconcile") as pool:
        turns = [pool.submit(contextvars.copy_context().run, _settle, healer, steps, attempt) for attempt in left]
        return [settled for turn in turns if (settled := turn.result()) is not None]


def would_settle(healer: Healer) -> Sequence[str]:
    """What a turn would do about each attempt that was left behind, for a person; nothing is done.

    Raises:
        Transient: the database cannot be asked what is unfinished.
    """
    told = []
    for left in healer.store.expired():
        if not healer.leases.holds(left.id):
            course, why = _course_of(healer, replace(left, runs=left.runs + 1))  # as its claim would count
            told.append(f"{left.action} on {left.component} ({left.id}) would be {course}: {why}")
    return told


def follow(healer: Healer, steps: Steps, attempt_id: UUID) -> Outcome | None:
    """Wait for the outcome of an attempt that somebody carries out; take it over if its holder is dead."""
    while True:
        attempt = healer.store.attempt(attempt_id)
        if attempt is None or attempt.outcome is not None:
            return None if attempt is None else attempt.outcome
        for left in healer.store.expired():
            if left.id == attempt_id and not healer.leases.holds(attempt_id):
                _settle(healer, steps, left)
        healer.clock.wait(healer.poll_s)


def _settle(healer: Healer, steps: Steps, left: Attempt) -> Settled | None:
    """Take one attempt over and bring it to its outcome; None if somebody else did."""
    with about(component=left.component, attempt=left.id):
        return _taken_over(healer, steps, left)


def _taken_over(healer: Healer, steps: Steps, left: Attempt) -> Settled | None:
    try:
        with healer.leases.claiming(left.id, fence=left.fence):
            mine = healer.store.claim(left.id, fence=left.fence, holder=holder.this_process(), run=steps.run)
        if mine is None:
            return None
        _log.warning("taking over attempt %s on %s (run %d)", mine.id, mine.component, mine.runs)
        with healer.leases.keep(mine):
            return Settled(attempt=left, outcome=_alone(healer, steps, mine))
    except StoodDown as error:
        return Settled(attempt=left, note=f"stood down: {error}")
    except SelfhealError as error:
        _log.warning("attempt %s is not settled yet: %s", left.id, error)
        return Settled(attempt=left, note=str(error))
    except Exception as error:  # noqa: BLE001 - one bad row must not stop the others; the next turn comes here again
        _log.exception("settling attempt %s broke", left.id)
        return Settled(attempt=left, note=f"settling broke: {type(error).__name__}: {error}")


def _alone(healer: Healer, steps: Steps, mine: Attempt) -> Outcome:
    """End everybody on this host who held it and did not let go, and carry on.

    That is told with the attempt, since whoever took it over before may have died before it had ended them. Beside one
    who lives on nothing is done; after some turns a person is told.
    """
    try:
        for one in mine.displaced:
            if one != holder.this_process():
                holder.end(one)
    except Transient as error:
        if mine.runs <= _LAST_RUN:
            raise
        return steps.record(mine, _given_up(mine, str(error)), None)
    return _resume_or_give_up(healer, steps, mine)


def _resume_or_give_up(healer: Healer, steps: Steps, mine: Attempt) -> Outcome:
    """Carry on; what no later turn could do better (its action is gone) ends here instead of staying open for ever."""
    try:
        return _resume(healer, steps, mine)
    except Permanent as error:
        return steps.record(mine, _given_up(mine, f"it cannot be carried on: {error}"), None)


def _resume(healer: Healer, steps: Steps, mine: Attempt) -> Outcome:
    """Do what is left to do."""
    course, why = _course_of(healer, mine)
    if course is Course.GIVE_UP:
        return steps.record(mine, _given_up(mine, why), None)
    if course is Course.LEAVE:
        return steps.record(mine, replace(_given_up(mine, f"not begun: {why}"), escalate=False), None)
    if course is Course.RUN_AGAIN:
        return carry_out(steps, mine)
    if course is Course.ROLL_BACK:
        return steps.record(mine, verdict.rolled_back(_given_up(mine, why), *steps.roll_back(mine)), None)
    return conclude(steps, mine, steps.verify(mine))


def _course_of(healer: Healer, mine: Attempt) -> tuple[Course, str]:
    """What is left to do, by the phase that the old holder had committed; and why."""
    component = healer.components.get(mine.component)
    if component is None:
        return Course.GIVE_UP, f"component {mine.component!r} is no longer configured"
    if component.target != mine.target:
        now = f"component {mine.component!r} is {component.target} by now"
        return Course.GIVE_UP, f"{now}, and this was for {mine.target}"
    if mine.phase in (None, Phase.PREPARED):
        return _course_before_its_act(healer, mine)
    if mine.phase is Phase.ROLLING_BACK:
        return Course.ROLL_BACK, "interrupted while rolling back"
    if mine.runs > _LAST_RUN:
        return Course.GIVE_UP, f"its healers died {mine.runs - 1} times after it acted"
    return Course.OBSERVE, "its healer died after it had announced its act"


def _course_before_its_act(healer: Healer, mine: Attempt) -> tuple[Course, str]:
    """Whether it is begun anew: not too often, and only if it may still be. Its admission may be long ago."""
    if mine.runs >= _LAST_RUN:
        return Course.GIVE_UP, f"its healer died {mine.runs - 1} times before it acted"
    refusal = refuse_target(mine.component, healer.components, healer.allow)
    if refusal is not None:
        return Course.LEAVE, refusal.reason
    try:
        mode = mode_of(healer, healer.actions.get(mine.action), ahead=mine.foretold is not None)
    except Permanent as error:
        return Course.GIVE_UP, f"it cannot be carried on: {error}"
    held_back = healer.store.held_back(mine.id, mode=mode)
    return (Course.LEAVE, held_back) if held_back else (Course.RUN_AGAIN, "its healer died before it acted")


def _given_up(attempt: Attempt, why: str) -> Outcome:
    """FAILED, and a person must look; after an announced act that nobody verified, nobody can tell its effect."""
    acted = attempt.phase in {Phase.ACTING, Phase.VERIFYING}
    return Outcome(
        status=Status.FAILED,
        verification=Verification.UNKNOWN if acted else Verification.NOT_HEALED,
        message=why,
        rollback=RollbackOutcome.NOT_PLANNED if attempt.plan is None else RollbackOutcome.NOT_NEEDED,
        interrupted=True,
        escalate=True,
    )
