"""When a watcher raises a trigger for what is DOWN, and when it does so again. Used by the watcher and by replays."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from selfheal.model.admission import Answer, Decision
from selfheal.model.component import Component
from selfheal.model.observation import Observation
from selfheal.model.trigger import Priority, TriggerType
from selfheal.policy.places import left_to
from selfheal.policy.triggers import platform_acts, priority_of, type_of

RAISE_AGAIN = timedelta(seconds=30)
FORETOLD_AGAIN = timedelta(minutes=5)
"""What is foretold is asked about this often while it stands, and at once after a rung that did not help."""
LONGEST_PAUSE = timedelta(seconds=300)
HOLDS = frozenset({Decision.PAUSED, Decision.MAINTENANCE, Decision.STORM})
"""What people may lift, or what ends by itself: then all that it held back is raised at once."""
_SHORTEST = timedelta(seconds=1)
_STANDING = frozenset({Decision.NOT_ALLOWED, Decision.NO_ACTION})  # only other settings change these
_LIFTED_BY_PEOPLE = HOLDS | {Decision.CIRCUIT_OPEN}  # at any moment before their time


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a component that is DOWN is to be healed.

    Attributes:
        kind: of the trigger.
        priority: of the trigger.
        stopped: somebody asked its keeper to stop it: unless that were we, it is left alone.
    """

    kind: TriggerType
    priority: Priority
    stopped: bool


def reason_of(  # noqa: PLR0913 - each is a part of the question
    component: Component,
    seen: Observation,
    components: Mapping[str, Component],
    *,
    sick_since: datetime,
    now: datetime,
    grace: timedelta,
) -> Reason | None:
    """Why it is to be healed now; None: its platform restarts it, or it is left to what it is a part of."""
    if platform_acts(component, seen, sick_since=sick_since, now=now, grace=grace):
        return None
    if left_to(component, seen, components):
        return None
    kind = type_of(component, seen)
    return Reason(kind=kind, priority=priority_of(component, kind), stopped=seen.stopped_on_request)


def pause_foretold(answer: Answer, *, now: datetime) -> timedelta:
    """Until what is foretold is asked about again: no later than what refused it ends."""
    if answer.retry_at is None:
        return FORETOLD_AGAIN
    return min(max(answer.retry_at - now, _SHORTEST), FORETOLD_AGAIN)


def pause_after(answer: Answer, *, now: datetime) -> timedelta:
    """Until a trigger that did not heal is worth raising again: what admission says, within bounds."""
    if answer.decision in _STANDING:
        return LONGEST_PAUSE
    if answer.retry_at is None:
        return RAISE_AGAIN
    longest = RAISE_AGAIN if answer.decision in _LIFTED_BY_PEOPLE else LONGEST_PAUSE
    return min(max(answer.retry_at - now, _SHORTEST), longest)
