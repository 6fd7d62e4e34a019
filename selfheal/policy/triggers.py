"""What kind of trigger a sick observation is, and whether it is too early for one. Used by the watcher."""

from datetime import datetime, timedelta

from selfheal.model.component import Component, ProbeKind
from selfheal.model.observation import Observation
from selfheal.model.trigger import Priority, TriggerType

URGENCY = {priority: place for place, priority in enumerate(Priority)}
"""CRITICAL comes first, then HIGH, MEDIUM, LOW."""
_OF_STATE = {
    "CRASH_LOOP": TriggerType.CONTAINER_CRASH_LOOP,
    "REMOVING": TriggerType.CONTAINER_REMOVED,
    "REMOVED": TriggerType.CONTAINER_REMOVED,
}
_FIRST = frozenset(
    {
        TriggerType.CONTAINER_DOWN,
        TriggerType.CONTAINER_CRASH_LOOP,
        TriggerType.CONTAINER_REMOVED,
        TriggerType.NATS_DOWN,
    }
)
_OF_PROBE = {
    ProbeKind.NATS: TriggerType.NATS_DOWN,
    ProbeKind.SQL_OBJECT: TriggerType.OBJECT_MISSING,
    ProbeKind.REQUEST_FILE: TriggerType.FILE_DAMAGED,
}
_OF_LOOK_WITHIN = {
    ProbeKind.PATH: TriggerType.MOUNT_GONE,
    ProbeKind.COMMAND: TriggerType.CHECK_FAILED,
    ProbeKind.MEMORY: TriggerType.MEMORY_HIGH,
}
LOOKS_WITHIN = frozenset(_OF_LOOK_WITHIN)
"""Probes that look at one part of a thing, which another component may be as a whole."""
_LAST = frozenset({TriggerType.FILE_DAMAGED, TriggerType.MOUNT_GONE, TriggerType.CHECK_FAILED})
_PLATFORM_ACTS = frozenset({"RESTARTING", "CRASH_LOOP", "BACKOFF"})  # Docker's, Docker's, supervisord's


def type_of(component: Component, seen: Observation) -> TriggerType:
    """The kind of reason: which actions fit depends on it."""
    life = seen.incarnation if component.keeper else None
    beyond = given_up(component, seen)
    if beyond is not None:
        return beyond
    if life is not None and not life.can_answer:
        return _down(component)
    return usual_type(component)


def given_up(component: Component, seen: Observation) -> TriggerType | None:
    """The kind of reason where a container loops or is gone; None: neither."""
    life = seen.incarnation if component.container else None
    return None if life is None else _OF_STATE.get(life.state)


def usual_type(component: Component) -> TriggerType:
    """The kind of reason when its keeper has nothing to tell: what its probe finds."""
    return _OF_LOOK_WITHIN.get(component.probe) or _down(component)


def _down(component: Component) -> TriggerType:
    """The kind of reason when it is simply down."""
    if component.container:
        return TriggerType.CONTAINER_DOWN
    return _OF_PROBE.get(component.probe, TriggerType.SERVICE_DOWN)


def priority_of(component: Component, kind: TriggerType) -> Priority:
    """Containers, brokers and what an operator calls critical come first, then services, then files and checks."""
    if component.critical or kind in _FIRST:
        return Priority.CRITICAL
    return Priority.MEDIUM if kind in _LAST else Priority.HIGH


def platform_acts(
    component: Component, seen: Observation, *, sick_since: datetime, now: datetime, grace: timedelta
) -> bool:
    """Whether Docker or supervisord restarts it by itself and still has time to succeed."""
    return platform_restarts(component, seen) and now - sick_since < grace


def platform_restarts(component: Component, seen: Observation) -> bool:
    """Whether Docker or supervisord restarts it by itself now."""
    life = seen.incarnation
    return life is not None and (life.state in _PLATFORM_ACTS or (component.restarts and life.state == "EXITED"))
