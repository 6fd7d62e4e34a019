"""What is wrong with a host by what was seen of it, and when it is looked at again. Used by agent-health.

Times are those of the wall clock, for they outlive a process; where it has jumped, nothing is told of the processor.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from selfheal.model.health import HealthStatus, Measured
from selfheal.model.host import Finding, HostHealth, HostLimits, HostLook, Past

_OVER = 1.1
"""More than all processors for all the time, by so much, is a clock that has jumped."""
_GAP = 2.0
"""Looks that lie further apart than so many of the longest intervals tell nothing of what was between."""
_CPU, _COUNTER = "cpu_percent", "cpu_seconds"


def judge(host: str, look: HostLook, past: Sequence[Past], limits: HostLimits) -> HostHealth:
    """What follows from a look.

    Args:
        host: its name.
        look: what was seen.
        past: earlier looks, the oldest first.
        limits: what is too much.
    """
    cpu = busy(look, past[-1] if past else None)
    now = Past(at=look.at, cpu_s=look.usage.cpu_s, cpu_percent=cpu, well=True)
    busy_for = sustained([*past, now], limits)
    findings = (*_not_working(look, limits), *_too_much(look, limits, cpu, busy_for))
    return HostHealth(
        host=host, look=look, cpu_percent=cpu, findings=findings, next_within=interval(look.at, past, findings, limits)
    )


def busy(look: HostLook, before: Past | None) -> float | None:
    """How busy the processors were between two looks, in percent of all that may be used; None: nobody can tell.

    After a restart of the host its counter begins anew, and a clock may jump: both tell nothing.
    """
    if before is None or before.cpu_s is None:
        return None
    passed, used = (look.at - before.at).total_seconds(), look.usage.cpu_s - before.cpu_s
    if passed <= 0 or used < 0 or look.usage.cpus <= 0:
        return None
    share = used / (passed * look.usage.cpus)
    return min(100 * share, 100.0) if share <= _OVER else None


def sustained(past: Sequence[Past], limits: HostLimits) -> timedelta:
    """For how long the processors have been busier than the limit without a break; zero: they are not."""
    since: datetime | None = None
    for later, earlier in zip(reversed(past), reversed(past[:-1]), strict=False):
        apart = later.at - earlier.at
        told = later.cpu_percent is not None and timedelta(0) < apart <= _GAP * limits.every_quiet
        if not told or later.cpu_percent is None or later.cpu_percent <= limits.cpu_percent:
            break
        since = earlier.at
    return timedelta(0) if since is None else past[-1].at - since


def interval(now: datetime, past: Sequence[Past], findings: Sequence[Finding], limits: HostLimits) -> timedelta:
    """When it is looked at again: soon while something is wrong, seldom after a quiet hour."""
    if findings:
        return limits.every_wrong
    recent = [one for one in past if timedelta(0) <= now - one.at <= limits.quiet_after + limits.every_quiet]
    quiet = all(one.well for one in recent) and any(now - one.at >= limits.quiet_after for one in recent)
    return limits.every_quiet if quiet else limits.every


def due(now: datetime, past: Sequence[Past], limits: HostLimits) -> datetime:
    """When the next look is due, by what is remembered; at once where the newest lies in the future."""
    if not past or past[-1].at > now:
        return now
    last = past[-1]
    wrong = () if last.well else (Finding(what="", critical=False, message=""),)
    return last.at + interval(last.at, past, wrong, limits)


def remembered(past: Sequence[Past], limits: HostLimits) -> tuple[Past, ...]:
    """Of earlier looks those that still count, in order: a clock that went back makes later ones void."""
    newest = past[-1].at if past else None
    keep = limits.quiet_after + 2 * limits.every_quiet
    return tuple(one for one in past if newest is not None and timedelta(0) <= newest - one.at <= keep)


def status(findings: Sequence[Finding]) -> HealthStatus:
    """As people and `health_history` know it."""
    if any(one.critical for one in findings):
        return HealthStatus.DOWN
    return HealthStatus.DEGRADED if findings else HealthStatus.OPERATIONAL


def metrics(health: HostHealth) -> dict[str, float]:
    """All that was measured, by metric."""
    look, usage = health.look, health.look.usage
    found: dict[str, float | None] = {
        _CPU: health.cpu_percent,
        _COUNTER: usage.cpu_s,
        "memory_percent": usage.memory_percent,
        "disk_percent": max(look.disks.values(), default=None),
        "uptime_seconds": usage.uptime_s,
        "nats_round_trip_ms": look.round_trip_ms,
    }
    return {metric: float(value) for metric, value in found.items() if value is not None}


def measured(health: HostHealth) -> list[Measured]:
    """The same as rows of `health_history`."""
    words = "; ".join(one.message for one in health.findings)
    return [
        Measured(
            component=component_of(health.host),
            metric=metric,
            value=value,
            status=status(health.findings),
            checked_at=health.look.at,
            detail=words,
        )
        for metric, value in metrics(health).items()
    ]


def component_of(host: str) -> str:
    """What a host is called in `health_history`: no component has a name like that."""
    return f"host:{host}"[:50]


def past_of(rows: Sequence[Measured]) -> list[Past]:
    """Earlier looks, out of what was written of them; the oldest first."""
    looks: dict[datetime, dict[str, float | None]] = {}
    well: dict[datetime, bool] = {}
    for row in rows:
        looks.setdefault(row.checked_at, {})[row.metric] = row.value
        well[row.checked_at] = row.status is HealthStatus.OPERATIONAL
    return [
        Past(at=at, cpu_s=values.get(_COUNTER), cpu_percent=values.get(_CPU), well=well[at])
        for at, values in sorted(looks.items())
    ]


def _not_working(look: HostLook, limits: HostLimits) -> Iterator[Finding]:
    """What is broken, not only full."""
    for path, why in look.files_error.items():
        yield Finding(what=f"file:{path}", critical=True, message=f"the critical file {path} cannot be read: {why}")
    for path, why in look.broken.items():
        yield Finding(what=f"disk:{path}", critical=False, message=f"the disk of {path} cannot be told: {why}")
    if look.nats_error:
        yield Finding(what="nats", critical=True, message=look.nats_error)
    elif look.round_trip_ms is not None and look.round_trip_ms > limits.round_trip / timedelta(milliseconds=1):
        yield Finding(what="nats", critical=False, message=f"NATS takes {look.round_trip_ms} ms for a round trip")


def _too_much(look: HostLook, limits: HostLimits, cpu: float | None, busy_for: timedelta) -> Iterator[Finding]:
    """What is fuller or busier than it may be."""
    usage = look.usage
    of_what = "the container's memory" if usage.limited else "memory"
    if usage.memory_percent > limits.memory_percent:
        yield _full("memory", f"{of_what} is {usage.memory_percent:.0f} % full", limits.memory_percent)
    for path, percent in look.disks.items():
        if percent > limits.disk_percent:
            yield _full(f"disk:{path}", f"the disk of {path} is {percent:.0f} % full", limits.disk_percent)
    if busy_for >= limits.cpu_for and cpu is not None:
        minutes = busy_for.total_seconds() / 60
        yield _full("cpu", f"the processors are {cpu:.0f} % busy, for {minutes:.0f} min", limits.cpu_percent)


def _full(what: str, words: str, limit: float) -> Finding:
    return Finding(what=what, critical=False, message=f"{words} (limit {limit:g} %)")
