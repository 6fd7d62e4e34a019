"""What can be refused at the door, without the database: the allow-list, the choice of action, the condition itself."""

from collections.abc import Mapping

from selfheal.model.admission import Decision, Refusal
from selfheal.model.component import Component
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import NOT_OF_HEALTH, PREEMPTIVE, Trigger, TriggerType
from selfheal.policy.names import nearest

LONGEST_REASON = 64 * 1024
_BEYOND_ACTION = {
    TriggerType.CONTAINER_CRASH_LOOP: ": Docker restarts it again and again; one restart more would not mend it, "
    "so look at its log",
    TriggerType.CONTAINER_REMOVED: ": its container is gone; create it again, since Selfheal creates none",
}


def refuse_size(trigger: Trigger) -> Refusal | None:
    """NOT_ALLOWED for a trigger that is larger than any honest one."""
    size = len(trigger.reason) + len(trigger.component) + len(trigger.action)
    if size > LONGEST_REASON:
        return Refusal(
            decision=Decision.NOT_ALLOWED,
            reason=f"the trigger has {size} characters; at most {LONGEST_REASON} are taken",
        )
    return None


def refuse_target(name: str, components: Mapping[str, Component], allow: frozenset[str]) -> Refusal | None:
    """NOT_ALLOWED for an empty, unknown or not allow-listed component; nothing else is ever touched."""
    if not name:
        return Refusal(decision=Decision.NOT_ALLOWED, reason="the target is empty; name a component")
    if name not in components:
        return Refusal(
            decision=Decision.NOT_ALLOWED,
            reason=f"no component is named {name[:60]!r}" + nearest(name, components),
        )
    allowed_as = components[name].allowed_as or name
    if allowed_as not in allow:
        which = "it" if allowed_as == name else f"{allowed_as!r}, which stands for all of its kind,"
        return Refusal(
            decision=Decision.NOT_ALLOWED,
            reason=f"{name!r} is not on the allow-list; add {which} to healing.allow",
        )
    return None


def refuse_ladder(component: Component, kind: TriggerType | None = None) -> Refusal:
    """NO_ACTION: nothing on the component's ladder can handle the trigger."""
    ladder = ", ".join(component.ladder) or "empty"
    why = "" if kind is None else _BEYOND_ACTION.get(kind, "")
    return Refusal(
        decision=Decision.NO_ACTION,
        reason=f"no action on the ladder of {component.name!r} can handle this (ladder: {ladder}){why}",
    )


def refuse_unknown(seen: Observation, kind: TriggerType) -> Refusal | None:
    """STALE_TRIGGER when nobody can tell any more whether the trigger's condition holds: that moves nothing.

    A person may have a component healed all the same, and so may what is behind a breaker or an escalation.
    """
    if seen.health is Health.UNKNOWN and kind not in NOT_OF_HEALTH | {TriggerType.MANUAL}:
        return Refusal(
            decision=Decision.STALE_TRIGGER,
            reason=f"nobody can tell how {seen.component!r} is ({seen.detail}); look again",
        )
    return None


def refuse_stopped(component: Component) -> Refusal:
    """NOT_ALLOWED for what a person has stopped: that is no fault, unless they say so."""
    name = component.name
    return Refusal(
        decision=Decision.NOT_ALLOWED, reason=f"{name!r} was stopped on request; `selfheal heal {name}` starts it"
    )


def refuse_healthy(seen: Observation, kind: TriggerType) -> Refusal | None:
    """ALREADY_HEALTHY when the trigger's own condition, that the component is sick, no longer holds."""
    if seen.health is Health.HEALTHY and kind not in NOT_OF_HEALTH | PREEMPTIVE:
        return Refusal(
            decision=Decision.ALREADY_HEALTHY,
            reason=f"{seen.component!r} is healthy" + (f": {seen.detail}" if seen.detail else ""),
        )
    return None
