"""The part of `selfheal status` that tells how each component was when a watcher looked at it last."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from console.output import Cell, Section

if TYPE_CHECKING:
    from selfheal.model.component import Component
    from selfheal.model.health import ComponentHealth, HealthStatus
    from selfheal.settings.estate import Settings

DESCRIBED = ("group", "depends_on", "critical")
"""Columns that are shown where any component has one."""


def section(
    settings: "Settings", latest: Mapping[str, "ComponentHealth"], *, now: datetime
) -> tuple[Section, Sequence["HealthStatus"]]:
    """The table, and how those are of which anything is known or should be; a row that is too old says nothing."""
    from selfheal.policy.watching import fresh, pace_of, status_now  # noqa: PLC0415  keeps `--help` fast

    statuses = []
    rows: list[Mapping[str, Cell]] = []
    for name, component in sorted(settings.catalogue().items()):
        seen, sweep = latest.get(name), pace_of(component, settings.watching.sweep)
        known = seen is not None and fresh(seen, now=now, sweep=sweep)
        status = status_now(seen, now=now, sweep=sweep)
        if component.watched or known:
            statuses.append(status)
        rows.append(
            {
                "component": name,
                "status": status.value if component.watched or known else "not watched",
                "healing": "allowed" if name in settings.healing.allow else "observe-only",
                "group": component.group,
                "depends_on": ", ".join(sorted(component.depends_on)),
                "critical": component.critical,
                "checked_at": seen.checked_at if seen else None,
                "ms": seen.response_ms if seen else None,
                "detail": seen.detail if seen is not None and known else _unknown(component),
            }
        )
    described = [key for key in DESCRIBED if any(row[key] for row in rows)]
    columns = ("component", "status", "healing", *described, "checked_at", "ms", "detail")
    return Section(name="components", columns=columns, rows=rows), statuses


def _unknown(component: "Component") -> str:
    """Why nothing is known of a component now."""
    if component.watched:
        return "stale: not looked at lately"
    return "looked at when a trigger suspects it, and while its fault is open"
