"""What agent-health's messages say of NATS: whoever hears them knows that it delivers. Used by the watcher."""

from dataclasses import replace
from datetime import datetime, timedelta

from selfheal.model.health import ComponentHealth, HealthStatus, Measured
from selfheal.model.hearing import Heard
from selfheal.model.observation import Health, Observation

METRIC = "agent_health_next_s"
"""A row of this metric is a message that was heard: its value is the promise of the next one."""
_MISSED = 2
_LATE = timedelta(seconds=30)


def in_time(heard: Heard, now: datetime) -> bool:
    """Whether what was promised may still come: one message may be missed, by a restart of its run."""
    return now - heard.at <= _MISSED * heard.next_within + _LATE


def observed(seen: Observation, heard: Heard | None) -> Observation:
    """The look at NATS, with what was heard: where the look itself could not tell, a message that came does."""
    if seen.health is Health.UNKNOWN and heard is not None and in_time(heard, seen.observed_at):
        return replace(seen, health=Health.HEALTHY, detail="")
    return seen


def judged(health: ComponentHealth, heard: Heard | None) -> ComponentHealth:
    """Its status, with what was heard: a broker that answers and delivers nothing is not all well."""
    if health.status is not HealthStatus.OPERATIONAL or heard is None or in_time(heard, health.checked_at):
        return health
    words = f"it answers, but nothing of agent-health has arrived since {heard.at:%H:%M:%S} UTC"
    return replace(health, status=HealthStatus.DEGRADED, detail=words)


def row(component: str, heard: Heard) -> Measured:
    """The message as it is kept, for the next run to know."""
    return Measured(
        component=component,
        metric=METRIC,
        value=heard.next_within.total_seconds(),
        status=HealthStatus.OPERATIONAL,
        checked_at=heard.at,
        detail=heard.host,
    )


def heard_of(one: Measured) -> Heard:
    """The message that was kept."""
    return Heard(at=one.checked_at, host=one.detail, next_within=timedelta(seconds=one.value or 0.0))
