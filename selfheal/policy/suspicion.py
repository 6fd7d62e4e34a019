"""What becomes of a trigger that only suggests, by what is seen at the component; `protocol.deciding` asks here.

The watcher, which sees everything itself, knows these rules too: a crash loop is no case for one restart more, what a
person has stopped stays so, and what Docker or supervisord restarts by itself is left to them first.
"""

from collections.abc import Mapping
from dataclasses import replace

from selfheal.model.admission import Decision, Refusal
from selfheal.model.component import Component
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import SUSPICIONS, Trigger
from selfheal.policy.admission import refuse_stopped
from selfheal.policy.places import left_to
from selfheal.policy.triggers import given_up, platform_restarts


def as_seen(trigger: Trigger, component: Component, seen: Observation | None) -> Trigger:
    """The trigger by which actions are chosen: what the keeper says outweighs what was suggested."""
    if trigger.type not in SUSPICIONS or seen is None:
        return trigger
    kind = given_up(component, seen)
    return trigger if kind is None else replace(trigger, type=kind)


def refuse_suspicion(
    trigger: Trigger, component: Component, seen: Observation | None, components: Mapping[str, Component]
) -> Refusal | None:
    """Why a suspicion alone is not enough, though the component is not well."""
    if trigger.type not in SUSPICIONS or seen is None or seen.health is Health.HEALTHY:
        return None
    if seen.health is Health.UNKNOWN:
        return _refused(
            f"nobody can tell how {component.name!r} is ({seen.detail}), and {trigger.type} only suggests it"
        )
    if seen.stopped_on_request:
        return refuse_stopped(component)
    whole = left_to(component, seen, components)
    if whole:
        return _refused(f"what {component.name!r} is a part of does not run ({seen.detail}): left to {whole!r}")
    if platform_restarts(component, seen):
        return _refused(
            f"{component.keeper} is restarting {component.name!r} by itself: left to it for now",
            Decision.ALREADY_HEALING,
        )
    return None


def _refused(reason: str, decision: Decision = Decision.NOT_ALLOWED) -> Refusal:
    return Refusal(decision=decision, reason=reason)
