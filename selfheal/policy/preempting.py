"""Heals before anything is sick: which remedy fits a prediction, when it gives way, and whether it has helped.

`protocol.deciding`, the actions and `protocol.steps` ask here. What is sick by now is an ordinary fault, and the
watcher's.
"""

from collections.abc import Mapping
from dataclasses import replace

from selfheal.model.admission import Decision, Refusal
from selfheal.model.component import Component
from selfheal.model.health import RESPONSE
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import PREEMPTIVE, ForetoldMetric, Priority, Trigger, TriggerType
from selfheal.policy.places import left_to
from selfheal.policy.triggers import platform_restarts

MEMORY = "memory_percent"
MEMORY_BYTES = "memory_bytes"
PAST_PACE = "minutes_past_pace"
"""Of a workflow that nears its limit: so much longer than any of its latest deliveries its stage takes by now."""
_BREACH = TriggerType.BREACH_FORETOLD


def of_memory(trigger: Trigger) -> bool:
    """Whether it foretells that memory runs short: it can be collected, or given back by a restart."""
    return trigger.type is TriggerType.MEMORY_PRESSURE or _breach_of(trigger, MEMORY, MEMORY_BYTES)


def of_response(trigger: Trigger) -> bool:
    """Whether it foretells slow answers: caches and restarts may help."""
    return trigger.type is TriggerType.RESPONSE_RISING or _breach_of(trigger, RESPONSE)


def _breach_of(trigger: Trigger, *metrics: str) -> bool:
    return trigger.type is _BREACH and trigger.foretold is not None and trigger.foretold.metric in metrics


def may_only_be_slow(trigger: Trigger, seen: Observation | None) -> bool:
    """Whether it is of a workflow that nears its limit, and may be slow and alive: then a person only gets to know."""
    return trigger.type is TriggerType.STUCK_SOON and (seen is None or PAST_PACE not in seen.values)


def taken_calmly(trigger: Trigger) -> Trigger:
    """The same, never CRITICAL where it is pre-emptive: that place is for what is down."""
    calm = trigger.type in PREEMPTIVE and trigger.priority is Priority.CRITICAL
    return replace(trigger, priority=Priority.HIGH) if calm else trigger


def refuse_unfounded(trigger: Trigger) -> Refusal | None:
    """ALREADY_HEALTHY for a pre-emptive trigger behind which no prediction stands."""
    if trigger.type not in PREEMPTIVE or trigger.foretold is not None:
        return None
    return Refusal(decision=Decision.ALREADY_HEALTHY, reason=f"no prediction stands behind this {trigger.type}")


def refuse_foretold(
    trigger: Trigger, component: Component, seen: Observation | None, components: Mapping[str, Component]
) -> Refusal | None:
    """Why nothing is done ahead of time, as the component looks now; None while it is healthy."""
    if trigger.type not in PREEMPTIVE or seen is None or seen.health is Health.HEALTHY:
        return None
    name, decision = component.name, Decision.ALREADY_HEALING
    if seen.health is Health.UNKNOWN:
        decision = Decision.NOT_ALLOWED
        reason = f"nobody can tell how {name!r} is ({seen.detail}), and {trigger.type} only foretells"
    elif seen.stopped_on_request:
        decision, reason = Decision.NOT_ALLOWED, f"{name!r} was stopped on request: nothing of it is foretold now"
    elif whole := left_to(component, seen, components):
        reason = f"what {name!r} is a part of does not run ({seen.detail}): left to {whole!r}"
    elif platform_restarts(component, seen):
        reason = f"{component.keeper} is restarting {name!r} by itself: left to it"
    else:
        reason = f"{name!r} is sick by now ({seen.detail}), which is healed as any fault: left to the watcher"
    return Refusal(decision=decision, reason=reason)


def bound_of(foretold: ForetoldMetric) -> float | None:
    """Below which the metric must be for the heal to have helped; None: no look can tell."""
    return foretold.well_below if foretold.metric in {MEMORY, MEMORY_BYTES, RESPONSE} else None


def as_measured(seen: Observation, foretold: ForetoldMetric, *, bound: float, measured: float | None) -> Observation:
    """A healthy look after the act, with what its metric says; any other look stays as it is."""
    if seen.health is not Health.HEALTHY:
        return seen
    if measured is None:
        detail = f"it is healthy, and nobody can tell its {foretold.metric}"
        return replace(seen, health=Health.UNKNOWN, detail=detail)
    said = f"its {foretold.metric} is {measured:.4g}"
    if measured < bound:
        return replace(seen, detail=f"{said}, below {bound:.4g}")
    short = f"{said}, not below {bound:.4g}"
    return replace(seen, detail=short, short_of=short)
