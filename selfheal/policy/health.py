"""From single observations to a status: three strikes, and hysteresis on the way back. Used by the watcher."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from selfheal.model.health import HealthStatus
from selfheal.model.observation import Health, Observation

_ENDED = frozenset({"EXITED", "FATAL", "STOPPED", "DEAD"})


@dataclass(frozen=True, kw_only=True)
class Track:
    """What the watcher remembers of a component.

    Attributes:
        status: as told to people.
        down: struck out, and not yet back.
        strikes: consecutive sick observations.
        recoveries: consecutive healthy ones.
    """

    status: HealthStatus = HealthStatus.UNKNOWN
    down: bool = False
    strikes: int = 0
    recoveries: int = 0


def advance(track: Track, seen: Observation, *, strikes: int, recoveries: int) -> Track:
    """The track after one more observation.

    A process that is known to have ended is DOWN at once: that is a fact, not a flaky answer; so is a container whose
    own health check has failed as often as it may. Anything else needs `strikes` sick observations in a row.
    From DOWN it takes `recoveries` healthy ones to become OPERATIONAL.
    "Could not tell" shows as UNKNOWN and changes no count.
    """
    if seen.health is Health.UNKNOWN:
        return replace(track, status=HealthStatus.UNKNOWN)
    if seen.health is Health.SICK:
        count = max(track.strikes + 1, strikes if is_certain(seen) else 0)
        down = track.down or count >= strikes
        return Track(status=HealthStatus.DOWN if down else HealthStatus.DEGRADED, down=down, strikes=count)
    count = track.recoveries + 1
    down = track.down and count < recoveries
    return Track(status=HealthStatus.DOWN if down else HealthStatus.OPERATIONAL, down=down, recoveries=count)


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
