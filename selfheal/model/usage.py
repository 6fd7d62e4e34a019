"""What a container uses, as its engine tells it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ContainerUsage:
    """One look.

    Attributes:
        cpu_s: seconds of processor time used since its start.
        cpus: how many processors the engine has.
        memory_bytes: in use, without what the kernel gives back at once.
        memory_limit_bytes: its limit, or all that the host has.
    """

    cpu_s: float
    cpus: int
    memory_bytes: int
    memory_limit_bytes: int
