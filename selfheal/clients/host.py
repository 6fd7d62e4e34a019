"""Looks at this host: processor, memory, disks, files. Only agent-health and the host's probe call it."""

import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from selfheal.clients.cgroup import own_group
from selfheal.model.host import Usage

_BUSY = ("user", "nice", "system", "irq", "softirq")
"""What processors do for us: not idle, not waiting, not taken by another guest of the machine."""


class Host:
    """Fulfils `ports.HostClient`; where a control group limits us, its limits stand in place of the host's.

    Args:
        root: of the file system in which control groups are found; tests have one of their own.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def usage(self) -> Usage:
        """What is used now."""
        group, memory, times = own_group(self._root), psutil.virtual_memory(), psutil.cpu_times()
        cpu_s, cpus = sum(getattr(times, name, 0.0) for name in _BUSY), float(psutil.cpu_count() or 1)
        if group.cpus is not None and group.cpu_s is not None and group.cpus < cpus:
            cpu_s, cpus = group.cpu_s, group.cpus
        limit = group.memory_limit_bytes
        limited = limit is not None and limit < memory.total and group.memory_bytes is not None
        return Usage(
            cpu_s=cpu_s,
            cpus=cpus,
            memory_bytes=group.memory_bytes or 0 if limited else memory.total - memory.available,
            memory_limit_bytes=limit or 0 if limited else memory.total,
            uptime_s=max(time.time() - psutil.boot_time(), 0.0),
            limited=limited,
        )

    def disks(self, paths: Iterable[str]) -> tuple[dict[str, float], dict[str, str]]:
        """How full the disk of each path is in percent, and why that of each other cannot be told."""
        full: dict[str, float] = {}
        broken: dict[str, str] = {}
        for path in paths:
            try:
                full[path] = float(psutil.disk_usage(path).percent)
            except OSError as error:
                broken[path] = error.strerror or type(error).__name__
        return full, broken

    def unreadable(self, paths: Iterable[str]) -> dict[str, str]:
        """Why each of these files cannot be read; what can is not named."""
        found: dict[str, str] = {}
        for path in paths:
            try:
                with Path(path).expanduser().open("rb") as file:
                    empty = not file.read(1)
            except OSError as error:
                found[path] = error.strerror or type(error).__name__
                continue
            if empty:
                found[path] = "it is empty"
        return found
