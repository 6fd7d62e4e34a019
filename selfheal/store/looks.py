"""What was seen, as `health_history.metadata` keeps it: only what is not the usual, for most rows have nothing."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from selfheal.model.health import TOLD, HealthStatus, Look
from selfheal.model.observation import Health, Incarnation
from selfheal.store.text import clean

_MARKS = ("well", "first", "glance")
_LIFE = {one.name: one.default for one in fields(Incarnation)}


def look_json(look: Look) -> dict[str, Any]:
    """The look as jsonb."""
    stored: dict[str, Any] = {"health": look.health.value}
    if look.life is not None:
        life = asdict(look.life)
        stored["life"] = clean({name: value for name, value in life.items() if value != _LIFE[name]})
    return stored | {mark: True for mark in _MARKS if getattr(look, mark)}


def look_of(stored: Mapping[str, Any], status: HealthStatus) -> Look:
    """The look as `look_json` wrote it; of a row without one, what its status tells: sick, unless it is well."""
    if "health" not in stored:
        return Look(health=TOLD.get(status, Health.SICK))
    life = stored.get("life")
    return Look(
        health=Health(stored["health"]),
        life=None if life is None else Incarnation(**life),
        **{mark: bool(stored.get(mark)) for mark in _MARKS},
    )
