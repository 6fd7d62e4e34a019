"""What asking admission takes: its lock, and triggers and limits as its SQL functions have them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import text
from uuid6 import uuid7

from selfheal.model.admission import Costs, Limits, Place, Rung
from selfheal.model.approval import Proposal
from selfheal.model.trigger import Trigger
from selfheal.store.text import clean, identifier, shorten

REQUEST = """ROW(:trigger, :attempt, :type, :component, :target, :actions, :action_types, :source, :priority,
    :detected, :observed, :observation, :is_fault, :refusal, :refusal_reason, :why, :estate_group, :group_size,
    :parents, :granted, :generation, :denied, :modes, :costs, :failure_cost, :asked_by, :plans,
    :word, :prediction)::admission_request"""
LIMITS = f"ROW({', '.join(f':{one.name}' for one in fields(Limits))})::admission_limits"
NO_ADMISSION_NOW = text("SELECT pg_advisory_xact_lock(hashtext('selfheal.admission'))")
"""Until the transaction ends; whoever takes it does so before the row of a breaker or of a fault."""
_UNASKED: Mapping[str, Any] = {"granted": None, "generation": None, "denied": []}


def limits_of(limits: Limits) -> dict[str, Any]:
    """The values of `LIMITS`."""
    return {one.name: getattr(limits, one.name) for one in fields(limits)}


def plans_json(plans: Sequence[Proposal]) -> dict[str, Any]:
    """What actions would do, as jsonb by their names."""
    return {
        one.action: {
            "fingerprint": one.fingerprint,
            "parameters": clean(dict(one.parameters)),
            "steps": [shorten(step, 2000) for step in one.steps],
            "blast_radius": shorten(one.blast_radius, 500),
            "evidence": clean(dict(one.evidence)),
            "within_s": one.within.total_seconds(),
        }
        for one in plans
    }


def request_of(
    trigger: Trigger, place: Place, rungs: Sequence[Rung], plans: Mapping[str, Any], costs: Costs
) -> dict[str, Any]:
    """The values of `REQUEST`, before the component was looked at."""
    return {
        "trigger": trigger.id,
        "attempt": uuid7(),
        "type": trigger.type.value,
        "component": identifier(trigger.component, 100),
        "target": identifier(place.target, 200),
        "actions": [one.action for one in rungs],
        "action_types": [one.action_type for one in rungs],
        "modes": [one.mode for one in rungs],
        "costs": [round(one.manual_minutes * costs.minute, 2) for one in rungs],
        "failure_cost": costs.failure,
        "plans": Jsonb(plans),
        "source": trigger.source.value,
        "asked_by": identifier(trigger.who or trigger.source.value, 100),
        "word": trigger.approval,
        "prediction": None if trigger.foretold is None else trigger.foretold.id,
        "priority": trigger.priority.value,
        "detected": trigger.detected_at,
        "observed": None,
        "observation": None,
        "is_fault": False,
        "refusal": None,
        "refusal_reason": None,
        "why": shorten(trigger.reason, 2000),
        "estate_group": place.group,
        "group_size": place.group_size,
        "parents": list(place.parents),
        **_UNASKED,
    }
