"""What a person is asked about, and what their word will be bound to."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from selfheal.model.approval import Proposal
from selfheal.model.attempt import Plan
from selfheal.model.component import Component
from selfheal.policy.places import below

_AT_MOST = 8
"""So many dependent components are named."""


def fingerprint(action: str, target: str, parameters: Mapping[str, Any]) -> str:
    """SHA-256 of action, target and parameters, in one spelling; another act has another one."""
    told = json.dumps([action, target, dict(parameters)], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


def proposal(action: str, plan: Plan, component: Component, components: Mapping[str, Component]) -> Proposal:
    """What the action would do to the component, and what else that touches."""
    return Proposal(
        action=action,
        fingerprint=fingerprint(action, component.target, plan.parameters),
        parameters=plan.parameters,
        steps=plan.steps,
        blast_radius=_radius(component, components),
        within=component.start_timeout + component.healthy_delay,
    )


def _radius(component: Component, components: Mapping[str, Component]) -> str:
    """The component and what depends on it."""
    hit = sorted(below(component, components))
    if not hit:
        return f"{component.name}; nothing depends on it"
    more = f" and {len(hit) - _AT_MOST} more" if len(hit) > _AT_MOST else ""
    return f"{component.name}, and what depends on it: {', '.join(hit[:_AT_MOST])}{more}"
