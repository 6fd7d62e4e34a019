"""Whether somebody watches; `status` and the dashboard ask here."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from selfheal.model.component import Component
from selfheal.model.health import ComponentHealth, HealthStatus, Watch

EXPECTED = ("application-health",)
"""The watchers that a running stack has."""
LOGS = "log-monitor"
"""The one that is expected where the settings name logs."""
WATCHERS = frozenset({*EXPECTED, LOGS})
"""Of these the beat tells whether they run."""
LATE_BEAT_S = 30.0
STALE_SWEEPS = 4
UNWATCHED_LOOK = timedelta(minutes=1)
"""So often a component that no sweep looks at is looked at while its fault is open."""


class Watching(StrEnum):
    """How a mechanism stands."""

    WATCHING = "watching"
    BEHIND = "behind"
    MISSING = "missing"


def watching(watch: Watch | None) -> Watching:
    """How it stands by its last beat; None: there is none."""
    if watch is None:
        return Watching.MISSING
    return Watching.BEHIND if watch.behind_s > LATE_BEAT_S else Watching.WATCHING


def mechanisms(watches: Sequence[Watch], *, logs: bool = False) -> dict[str, Watch | None]:
    """Every mechanism that is expected, or that has watched and was not retired, by name.

    Args:
        watches: from the store.
        logs: whether the settings name logs, which log-monitor is to follow.
    """
    known: dict[str, Watch | None] = {watch.mechanism: watch for watch in watches}
    return {name: known.get(name) for name in sorted({*EXPECTED, *((LOGS,) if logs else ()), *known})}


def blind(watches: Sequence[Watch], *, logs: bool = False) -> list[str]:
    """The mechanisms that do not watch now; see `mechanisms`."""
    return [name for name, watch in mechanisms(watches, logs=logs).items() if watching(watch) is not Watching.WATCHING]


def fresh(seen: ComponentHealth | None, *, now: datetime, sweep: timedelta) -> bool:
    """Whether a component's newest row still says how it is.

    Args:
        seen: the row; None: there is none.
        now: the time.
        sweep: how often the watcher looks.
    """
    return seen is not None and seen.checked_at >= now - max(STALE_SWEEPS * sweep, timedelta(seconds=LATE_BEAT_S))


def pace_of(component: Component, sweep: timedelta) -> timedelta:
    """How often a component is looked at, if it is."""
    return sweep if component.watched else max(sweep, UNWATCHED_LOOK)


def status_now(seen: ComponentHealth | None, *, now: datetime, sweep: timedelta) -> HealthStatus:
    """How a component is; UNKNOWN where its newest row is too old to say, or there is none."""
    return seen.status if seen is not None and fresh(seen, now=now, sweep=sweep) else HealthStatus.UNKNOWN
