"""Between rows and values: what `circuit_breaker_state` and the events in `circuit_breaker_results` say."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row

from selfheal.model.breaker import Breaker, Mode, Override, State
from selfheal.policy.breaker import Ask, Event, Force, GiveBack, Look, Release, Renew, Reset, Result

_KINDS: dict[str, TypeAdapter[Any]] = {
    one.__name__: TypeAdapter(one) for one in (Ask, Renew, GiveBack, Result, Force, Release, Reset, Look)
}


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


def event_json(event: Event) -> dict[str, Any]:
    """An event as jsonb, with the name of its kind."""
    kind = type(event).__name__
    return {"kind": kind, **_KINDS[kind].dump_python(event, mode="json")}


def event_of(stored: dict[str, Any]) -> Event:
    """The event as `event_json` wrote it."""
    rest = {name: value for name, value in stored.items() if name != "kind"}
    event: Event = _KINDS[stored["kind"]].validate_python(rest)
    return event


def _override_of(mode: Mode, stored: dict[str, Any]) -> Override:
    until = stored["until"]
    return Override(
        mode=mode,
        who=stored["who"],
        why=stored["why"],
        until=None if until is None else datetime.fromisoformat(until),
    )
