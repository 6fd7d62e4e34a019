"""From single observations to a status: three strikes, and hysteresis on the way back. Used by the watcher."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from selfheal.model.health import ComponentHealth, HealthStatus, Measured
from selfheal.model.observation import Health, Incarnation, Observation

_ENDED = frozenset({"EXITED", "FATAL", "STOPPED", "DEAD"})


@dataclass(frozen=True, kw_only=True)
class Track:
    """What the watcher remembers of a component.

    Attributes:
        status: as told to people.
        down: struck out, and not yet back.
        strikes: consecutive sick observations.
        recoveries: consecutive healthy ones.
        well: the life in which it was last seen healthy.
    """

    status: HealthStatus = HealthStatus.UNKNOWN
    down: bool = False
    strikes: int = 0
    recoveries: int = 0
    well: Incarnation | None = None


def advance(
    track: Track, seen: Observation, *, strikes: int, recoveries: int, start_timeout: timedelta = timedelta(0)
) -> Track:
    """The track after one more observation.

    A process that is known to have ended is DOWN at once: that is a fact, not a flaky answer; so is a container whose
    own health check has failed as often as it may. Anything else needs `strikes` sick observations in a row.
    From DOWN it takes `recoveries` healthy ones to become OPERATIONAL.
    "Could not tell" shows as UNKNOWN and changes no count. What has just been started and was not healthy yet in
    this life is starting, for as long as `start_timeout`: a deployment is no fault.
    """
    if seen.health is Health.UNKNOWN:
        return replace(track, status=HealthStatus.UNKNOWN)
    if _is_starting(track, seen, start_timeout):
        return Track(status=HealthStatus.DEGRADED, well=track.well)
    if seen.health is Health.SICK:
        count = max(track.strikes + 1, strikes if is_certain(seen) else 0)
        down = track.down or count >= strikes
        status = HealthStatus.DOWN if down else HealthStatus.DEGRADED
        return Track(status=status, down=down, strikes=count, well=track.well)
    count = track.recoveries + 1
    down = track.down and count < recoveries
    status = HealthStatus.DOWN if down else HealthStatus.OPERATIONAL
    return Track(status=status, down=down, recoveries=count, well=seen.incarnation)


def sick_since(before: datetime | None, track: Track, seen: Observation) -> datetime | None:
    """Since when it is sick, now that it was seen so; None: it is not, and what follows is another fault.

    Args:
        before: what this was until now.
        track: after the observation.
        seen: it.
    """
    if seen.health is Health.SICK:
        return before or seen.observed_at
    return None if track.status is HealthStatus.OPERATIONAL else before


def _is_starting(track: Track, seen: Observation, start_timeout: timedelta) -> bool:
    """Whether a sick component runs, is young, and has not been healthy since its start."""
    life = seen.incarnation
    if seen.health is not Health.SICK or life is None or not life.running or is_certain(seen):
        return False
    age = seen.observed_at.timestamp() - life.started_at
    return 0 <= age < start_timeout.total_seconds() and not life.same_life(track.well)


def is_certain(seen: Observation) -> bool:
    """Whether a sick observation needs no second look: it has ended, or Docker has looked often enough."""
    life = seen.incarnation
    return seen.health is Health.SICK and life is not None and (life.state in _ENDED or life.health == "unhealthy")


def overall(statuses: Iterable[HealthStatus]) -> HealthStatus:
    """OPERATIONAL = all up, DEGRADED = at least half, DOWN = less; UNKNOWN when nothing is known of any."""
    known = list(statuses)
    up = sum(1 for status in known if status is HealthStatus.OPERATIONAL)
    if not known or all(status is HealthStatus.UNKNOWN for status in known):
        return HealthStatus.UNKNOWN
    if up == len(known):
        return HealthStatus.OPERATIONAL
    return HealthStatus.DEGRADED if up * 2 >= len(known) else HealthStatus.DOWN


def whole_of(estate: str, health: Sequence[ComponentHealth], *, now: datetime) -> Measured:
    """The estate as a whole, as one row: how many of its components are up, and which are not."""
    sick = [one for one in health if one.status is not HealthStatus.OPERATIONAL]
    words = ", ".join(f"{one.component} is {one.status}" for one in sick)
    return Measured(
        component=f"estate:{estate}"[:50],
        metric="components_operational",
        value=float(len(health) - len(sick)),
        status=overall(one.status for one in health),
        checked_at=now,
        detail=words,
    )
