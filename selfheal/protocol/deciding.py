"""What is decided of a trigger before admission is asked: where its component stands, which actions fit, or why not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from selfheal.model.admission import Decision, Place, Refusal, Rung
from selfheal.model.component import Component
from selfheal.model.errors import Permanent
from selfheal.model.observation import Observation
from selfheal.model.trigger import PREEMPTIVE, Trigger, TriggerType
from selfheal.policy.admission import (
    refuse_healthy,
    refuse_ladder,
    refuse_size,
    refuse_stopped,
    refuse_target,
    refuse_unknown,
)
from selfheal.policy.places import place_of
from selfheal.policy.preempting import may_only_be_slow, refuse_foretold, refuse_unfounded, taken_calmly
from selfheal.policy.promotion import stricter
from selfheal.policy.suspicion import as_seen, refuse_suspicion
from selfheal.ports import Action
from selfheal.protocol.healer import Actions, Healer

INVESTIGATE = "investigate"


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What can be decided without the database.

    Attributes:
        trigger: cut to what can be stored.
        place: where its component stands.
        rungs: the actions that fit, in order, each with its mode by the settings.
        refusal: why nothing may be done at all.
    """

    trigger: Trigger
    place: Place
    rungs: tuple[Rung, ...] = ()
    refusal: Refusal | None = None


def decide(healer: Healer, trigger: Trigger, seen: Observation | None) -> Decided:
    """Find the actions that fit, or refuse at the door; records nothing (a dry run ends here)."""
    known = taken_calmly(replace(trigger, action=trigger.action[:50]))
    component = healer.components.get(trigger.component)
    place = Place() if component is None else place_of(component, healer.components, healer.allow)
    refusal = _refuse_door(healer, trigger)
    if refusal is not None or component is None:
        return Decided(trigger=known, place=place, refusal=refusal)
    try:
        known_as = as_seen(trigger, component, seen)
        asks = _to_a_person if may_only_be_slow(trigger, seen) else fitting
        actions = asks(healer.actions, known_as, component)
    except Permanent as error:  # a person's choice that does not exist or does not fit
        refusal = Refusal(decision=Decision.NO_ACTION, reason=str(error))
        return Decided(trigger=known, place=place, refusal=refusal)
    if not actions:
        return Decided(trigger=known, place=place, refusal=refuse_ladder(component, known_as.type))
    rungs = rungs_of(actions, lambda one: mode_of(healer, one, ahead=trigger.type in PREEMPTIVE))
    refusal = None if seen is None else refuse_healthy(seen, trigger.type)
    refusal = refusal or refuse_suspicion(trigger, component, seen, healer.components)
    refusal = refusal or refuse_foretold(trigger, component, seen, healer.components)
    refusal = refusal or (None if seen is None else refuse_unknown(seen, trigger.type))
    if refusal is None and seen is not None and stopped_by_a_person(healer, component, seen, trigger.type):
        refusal = refuse_stopped(component)
    return Decided(trigger=known, place=place, rungs=rungs, refusal=refusal)


def fitting(actions: Actions, trigger: Trigger, component: Component) -> Sequence[Action]:
    """The rungs of its ladder that can handle it, in order; what nothing helps against ahead of time is a person's.

    Raises:
        Permanent: the trigger names an action that does not exist or does not fit.
    """
    return actions.find_actions(trigger, component) or _to_a_person(actions, trigger, component)


def rungs_of(actions: Sequence[Action], mode: Callable[[Action], str]) -> tuple[Rung, ...]:
    """The actions as rungs of a ladder, each with how far it may go by the settings."""
    return tuple(
        Rung(action=one.name, action_type=one.action_type, mode=mode(one), manual_minutes=one.manual_minutes)
        for one in actions
    )


def stopped_by_a_person(healer: Healer, component: Component, seen: Observation, kind: str) -> bool:
    """Whether somebody has asked its keeper to stop it, and neither we did so nor does a person ask for its start.

    The watcher asks the same before it raises a trigger; one that waits for its turn, or for a person's word, meets
    another state than it was raised for.

    Raises:
        Transient: the database cannot tell whose stop it was.
    """
    if not seen.stopped_on_request or kind == TriggerType.MANUAL:
        return False
    return not healer.store.stopped_by_us(component.target)


def mode_of(healer: Healer, action: Action, *, ahead: bool) -> str:
    """How far it may go by the settings; ahead, before anything is sick, no further than those of predictions say."""
    own = healer.actions.mode(action)
    return stricter([own, healer.preempting.mode_of(action.name)]) if ahead else own


def without(decided: Decided, action: str, why: str) -> Decided:
    """The same without an action that would do nothing; where no other fits, that is the refusal."""
    rungs = tuple(one for one in decided.rungs if one.action != action)
    refusal = None if rungs else Refusal(decision=Decision.NO_ACTION, reason=why)
    return replace(decided, rungs=rungs, refusal=decided.refusal or refusal)


def refused_at_the_door(healer: Healer, trigger: Trigger) -> bool:
    """Whether no look and no database is needed to refuse this: it is not worth a flow run."""
    return _refuse_door(healer, trigger) is not None


def refused_for_now(healer: Healer, trigger: Trigger) -> bool:
    """Whether admission would refuse this now: recorded without a flow run, of which sixty a minute are a load.

    A trigger for which a person is asked now is a run, which ends as AwaitingApproval; the triggers after it are none.

    Raises:
        Transient: the database is away.
    """
    if refused_at_the_door(healer, trigger):
        return True
    by_look = trigger.type is TriggerType.STUCK_SOON  # which action fits depends on how it looks
    decided = decide(healer, trigger, healer.observe(healer.components[trigger.component]) if by_look else None)
    if decided.refusal is not None:
        return False
    outlook = healer.store.peek(decided.trigger, place=decided.place, rungs=decided.rungs)
    return len(outlook.refusals) > int(outlook.asks)


def _refuse_door(healer: Healer, trigger: Trigger) -> Refusal | None:
    """What must never be touched."""
    refusal = refuse_size(trigger) or refuse_target(trigger.component, healer.components, healer.allow)
    return refusal or refuse_unfounded(trigger)


def _to_a_person(actions: Actions, trigger: Trigger, component: Component) -> Sequence[Action]:
    """What nothing on the ladder helps against ahead of time is investigated, which changes nothing."""
    if trigger.type not in PREEMPTIVE:
        return ()
    try:
        look = actions.get(INVESTIGATE)
    except Permanent:
        return ()
    return (look,) if look.can_handle(trigger, component) else ()
