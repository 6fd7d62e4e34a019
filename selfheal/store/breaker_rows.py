"""Between rows and values: what `circuit_breaker_state` says, and what is written beside it with each change."""

import functools
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, func

from selfheal.model.breaker import Breaker, Mode, Override, State, Thresholds
from selfheal.model.breaker_event import Ask, Event, Force, GiveBack, Look, Release, Renew, Reset, Result
from selfheal.policy.breaker_names import tenant_of
from selfheal.store.text import shorten

TRANSITION = "BREAKER_TRANSITION"
_KINDS: dict[str, TypeAdapter[Any]] = {
    one.__name__: TypeAdapter(one) for one in (Ask, Renew, GiveBack, Result, Force, Release, Reset, Look)
}
_THRESHOLDS = TypeAdapter(Thresholds)


def breaker_of(row: Row[Any]) -> Breaker:
    """The breaker that a whole row describes."""
    return Breaker(
        name=row.component,
        state=State(row.state),
        generation=row.generation,
        results=tuple(row.results),
        level=row.level,
        opened_at=row.opened_at,
        open_until=row.open_until,
        permits=tuple((UUID(key), datetime.fromisoformat(end)) for key, end in row.permits.items()),
        successes=row.successes,
        failures=row.failures,
        override=None if row.override is None else _override_of(Mode(row.mode), row.override),
    )


def as_row(breaker: Breaker) -> dict[str, Any]:
    """The breaker as the columns of its row."""
    override = breaker.override
    return {
        "state": breaker.state.value,
        "failure_rate": breaker.failure_rate,
        "opened_at": breaker.opened_at,
        "generation": breaker.generation,
        "level": breaker.level,
        "mode": breaker.mode.value,
        "override": None
        if override is None
        else {"who": override.who, "why": override.why, "until": override.until and override.until.isoformat()},
        "results": list(breaker.results),
        "open_until": breaker.open_until,
        "permits": {str(key): end.isoformat() for key, end in breaker.permits},
        "successes": breaker.successes,
        "failures": breaker.failures,
    }


def as_log(after: Breaker, event: Event, limits: Thresholds, note: str) -> dict[str, Any]:
    """An event that changed a breaker, as a row of the log."""
    result = event if isinstance(event, Result) else None
    return {
        "component": after.name,
        "at": event.at,
        "kind": type(event).__name__,
        "success": None if result is None else result.success,
        "permit": None if result is None else result.permit.id,
        "note": shorten(note, 500),
        "event": event_json(event),
        "limits": limits_json(limits),
        "state": after.state.value,
        "generation": after.generation,
    }


def as_transition(before: Breaker, after: Breaker, event: Event) -> dict[str, Any]:
    """A transition as a row of `healing_actions`; it is no attempt, and does not count as one."""
    words = f"{before.state} ({before.mode}) -> {after.state} ({after.mode}) by {type(event).__name__.lower()}"
    return {
        "tenant_id": tenant_of(before.name),
        "trigger_type": "CIRCUIT_BREAKER",
        "action_type": TRANSITION,
        "action_name": "circuit-breaker",
        "target_component": before.name,
        "target_key": f"breaker/{before.name}",
        "status": "SUCCESS",
        "success": True,
        "completed_at": func.now(),
        "details": {"message": words, "event": event_json(event)},
    }


def event_json(event: Event) -> dict[str, Any]:
    """An event as jsonb, with the name of its kind."""
    kind = type(event).__name__
    return {"kind": kind, **_KINDS[kind].dump_python(event, mode="json")}


def event_of(stored: dict[str, Any]) -> Event:
    """The event as `event_json` wrote it."""
    rest = {name: value for name, value in stored.items() if name != "kind"}
    event: Event = _KINDS[stored["kind"]].validate_python(rest)
    return event


@functools.lru_cache(maxsize=64)
def limits_json(limits: Thresholds) -> dict[str, Any]:
    """Thresholds as jsonb."""
    stored: dict[str, Any] = _THRESHOLDS.dump_python(limits, mode="json")
    return stored


def limits_of(stored: dict[str, Any]) -> Thresholds:
    """The thresholds as `limits_json` wrote them."""
    return _THRESHOLDS.validate_python(stored)


def _override_of(mode: Mode, stored: dict[str, Any]) -> Override:
    until = stored["until"]
    return Override(
        mode=mode,
        who=stored["who"],
        why=stored["why"],
        until=None if until is None else datetime.fromisoformat(until),
    )
