"""What only suggests that a component is sick: somebody else's alert, a log. Its own look must confirm that."""

from selfheal.model.admission import Decision, Refusal
from selfheal.model.component import Component
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import TriggerType
from selfheal.policy.admission import refuse_ladder
from selfheal.policy.triggers import left_to_platform, type_of

SUGGESTED = frozenset({TriggerType.EXTERNAL_ALERT, TriggerType.LOG_ERROR})
_A_PERSONS = frozenset({TriggerType.CONTAINER_CRASH_LOOP, TriggerType.CONTAINER_REMOVED})


def refuse_suggested(component: Component, seen: Observation, kind: TriggerType) -> Refusal | None:
    """Why a suggestion comes to nothing although the component is not seen healthy.

    What the watcher would leave alone is left alone whoever suggests it.
    """
    if kind not in SUGGESTED:
        return None
    if seen.health is not Health.SICK:
        return Refusal(
            decision=Decision.NOT_ALLOWED,
            reason=f"nobody can tell how {component.name!r} is, and what an alert or a log says "
            f"moves nothing by itself: {seen.detail}",
        )
    if seen.stopped_on_request:
        return Refusal(decision=Decision.NOT_ALLOWED, reason=f"{component.name!r} was stopped on request: not healed")
    found = type_of(component, seen)
    if found in _A_PERSONS:
        return refuse_ladder(component, found)
    if left_to_platform(component, seen):
        return Refusal(
            decision=Decision.ALREADY_HEALING,
            reason=f"what keeps {component.name!r} is restarting it; the watcher heals it if that does not help",
        )
    return None
