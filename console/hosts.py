"""The part of `selfheal status` that tells how each host was when agent-health looked at it last."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from console.output import Cell, Section

if TYPE_CHECKING:
    from selfheal.model.health import HostNow

SHOWN = {
    "cpu_percent": "cpu_%",
    "memory_percent": "memory_%",
    "disk_percent": "disk_%",
    "nats_round_trip_ms": "nats_ms",
}
"""What was measured, and the heading over it."""


def section(hosts: "Sequence[HostNow]") -> tuple[Section, bool]:
    """The table, and whether any of it is bad news: one that is only short of something is none yet."""
    from selfheal.model.health import HealthStatus  # noqa: PLC0415  keeps `--help` fast

    columns = ("host", "status", "checked_at", *SHOWN.values(), "detail")
    rows = [_row(one) for one in hosts]
    return Section(name="hosts", columns=columns, rows=rows), any(one.status is HealthStatus.DOWN for one in hosts)


def _row(host: "HostNow") -> Mapping[str, Cell]:
    """One host."""
    values = {word: host.values.get(metric) for metric, word in SHOWN.items()}
    return {
        "host": host.name,
        "status": host.status.value,
        "checked_at": host.checked_at,
        **{word: None if value is None else round(value) for word, value in values.items()},
        "detail": host.detail,
    }
