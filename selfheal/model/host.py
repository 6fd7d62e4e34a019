"""What is seen of a host, or of the container that we run in: one look, and what is wrong by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a host, or the container that we run in, uses.

    Attributes:
        cpu_s: seconds of processor time used so far, by all.
        cpus: how many processors it may use; a container's quota may be a part of one.
        memory_bytes: in use, without what the kernel gives back at once.
        memory_limit_bytes: how much there is; of a container its limit.
        uptime_s: since the host has started.
        limited: whether a container's limits stand in place of the host's.
    """

    cpu_s: float
    cpus: float
    memory_bytes: int
    memory_limit_bytes: int
    uptime_s: float
    limited: bool = False

    @property
    def memory_percent(self) -> float:
        """How full the memory is."""
        return 100 * self.memory_bytes / self.memory_limit_bytes if self.memory_limit_bytes else 0.0


@dataclass(frozen=True, kw_only=True)
class HostLook:
    """One look.

    Attributes:
        at: aware time.
        usage: of processor and memory.
        disks: how full each is in percent, by path.
        broken: why a path's disk, or a critical file, cannot be told or read, by path.
        round_trip_ms: of NATS; None: no answer, or there is none to ask.
        nats_error: why there was no answer; empty: there was, or there is none to ask.
        files_error: why each critical file cannot be read, by path.
    """

    at: datetime
    usage: Usage
    disks: Mapping[str, float] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    round_trip_ms: int | None = None
    nats_error: str = ""
    files_error: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Past:
    """What is remembered of an earlier look.

    Attributes:
        at: aware time.
        cpu_s: seconds of processor time used by then.
        cpu_percent: since the look before; None: there was none, or nobody can tell.
        well: whether nothing was wrong.
    """

    at: datetime
    cpu_s: float | None
    cpu_percent: float | None
    well: bool


@dataclass(frozen=True, kw_only=True)
class HostLimits:
    """What is too much, and how often it is looked at.

    Attributes:
        memory_percent: fuller is wrong.
        disk_percent: the same of each disk.
        cpu_percent: busier is wrong, for as long as `cpu_for`.
        cpu_for: how long.
        round_trip: of NATS; longer is wrong.
        every: how often it is looked at.
        every_wrong: the same while something is wrong.
        every_quiet: the same when nothing was wrong for `quiet_after`.
        quiet_after: how long that is.
    """

    memory_percent: float = 90
    disk_percent: float = 90
    cpu_percent: float = 80
    cpu_for: timedelta = timedelta(minutes=5)
    round_trip: timedelta = timedelta(milliseconds=500)
    every: timedelta = timedelta(minutes=2)
    every_wrong: timedelta = timedelta(minutes=1)
    every_quiet: timedelta = timedelta(minutes=5)
    quiet_after: timedelta = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong.

    Attributes:
        what: one word, or `disk:PATH`, `file:PATH`; a person is told of each once.
        critical: something does not work; otherwise it soon may not.
        message: for a person.
    """

    what: str
    critical: bool
    message: str


@dataclass(frozen=True, kw_only=True)
class HostHealth:
    """A look, and what follows from it.

    Attributes:
        host: its name.
        look: what was seen.
        cpu_percent: since the look before; None: nobody can tell.
        findings: what is wrong.
        next_within: the next look is made within this time.
    """

    host: str
    look: HostLook
    cpu_percent: float | None
    findings: tuple[Finding, ...]
    next_within: timedelta

    @property
    def past(self) -> Past:
        """What is remembered of it."""
        return Past(at=self.look.at, cpu_s=self.look.usage.cpu_s, cpu_percent=self.cpu_percent, well=not self.findings)
