"""The limits of the container that we run in, as the kernel tells them: control groups of version 1 and 2.

Every group from ours up to the root that we can see may have a limit; the tightest counts. Where a container has a name
space of its own, its group is what is mounted, whatever path the kernel tells.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NO_LIMIT = 1 << 60
"""Version 1 tells no limit as the largest number of pages; nothing has an exbibyte."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """What a control group uses and may use.

    Attributes:
        cpu_s: seconds of processor time used so far; None: not told.
        cpus: how many processors it may use; None: no quota.
        memory_bytes: in use, without what the kernel gives back at once; None: not told.
        memory_limit_bytes: None: no limit.
    """

    cpu_s: float | None = None
    cpus: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None


def own_group(root: Path = Path("/")) -> Group:
    """Ours; without control groups nothing is told and nothing limited.

    Args:
        root: of the file system; tests have one of their own.
    """
    paths = _paths(root)
    mounted = root / "sys/fs/cgroup"
    if (mounted / "cgroup.controllers").exists():
        return _version_2(mounted, paths.get("", "/"))
    return _version_1(mounted, paths)


def _paths(root: Path) -> dict[str, str]:
    """Our path by controller; by the empty name in version 2."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        _, controllers, path = line.split(":", 2) if line.count(":") > 1 else ("", "", "/")
        found |= dict.fromkeys(controllers.split(","), path)
    return found


def _up(mounted: Path, path: str) -> Iterator[Path]:
    """Our folder and those above it, as far as they can be seen."""
    wanted = path.strip("/")
    folder = mounted / wanted if wanted and ".." not in wanted.split("/") else mounted
    if not folder.is_dir():
        folder = mounted  # a name space of our own: what is mounted is ours
    while True:
        yield folder
        if folder == mounted:
            return
        folder = folder.parent


def _version_2(mounted: Path, path: str) -> Group:
    folders = list(_up(mounted, path))
    own = folders[0]
    limits = [(limit, one) for one in folders if (limit := _bytes(one / "memory.max")) is not None]
    limit, holder = min(limits, default=(None, own), key=lambda one: one[0] or 0)
    used = _table(own / "cpu.stat").get("usage_usec")
    return Group(
        cpu_s=None if used is None else used / 1e6,
        cpus=min((quota for one in folders if (quota := _quota(one / "cpu.max")) is not None), default=None),
        memory_bytes=_without(_bytes(holder / "memory.current"), _table(holder / "memory.stat"), "inactive_file"),
        memory_limit_bytes=limit,
    )


def _version_1(mounted: Path, paths: dict[str, str]) -> Group:
    memory = list(_up(mounted / "memory", paths.get("memory", "/")))
    limits = [(limit, one) for one in memory if (limit := _bytes(one / "memory.limit_in_bytes")) is not None]
    limit, holder = min(limits, default=(None, memory[0]), key=lambda one: one[0] or 0)
    used = _bytes(next(_up(_mount(mounted, "cpuacct"), paths.get("cpuacct", "/"))) / "cpuacct.usage")
    quotas = [
        quota / period
        for one in _up(_mount(mounted, "cpu"), paths.get("cpu", "/"))
        if (quota := _number(one / "cpu.cfs_quota_us")) is not None and quota > 0
        if (period := _number(one / "cpu.cfs_period_us"))
    ]
    return Group(
        cpu_s=None if used is None else used / 1e9,
        cpus=min(quotas, default=None),
        memory_bytes=_without(
            _bytes(holder / "memory.usage_in_bytes"), _table(holder / "memory.stat"), "total_inactive_file"
        ),
        memory_limit_bytes=limit,
    )


def _mount(mounted: Path, controller: str) -> Path:
    """Where a controller is mounted: some hosts mount both of the processor's at one place."""
    joint = mounted / "cpu,cpuacct"
    return joint if joint.is_dir() else mounted / controller


def _number(file: Path) -> int | None:
    """The number in a file; None: no such file, or no number (`max`)."""
    try:
        return int(file.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _bytes(file: Path) -> int | None:
    """The same; None also for what stands for no limit."""
    found = _number(file)
    return None if found is None or found >= _NO_LIMIT else found


def _quota(file: Path) -> float | None:
    """Of `QUOTA PERIOD`: how many processors; None for `max`."""
    try:
        quota, period = file.read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _table(file: Path) -> dict[str, int]:
    """A file of lines of a name and a number."""
    try:
        pairs = [line.split() for line in file.read_text(encoding="ascii").splitlines()]
        return {name: int(value) for name, value in (pair for pair in pairs if len(pair) == 2)}  # noqa: PLR2004
    except (OSError, ValueError):
        return {}


def _without(used: int | None, table: dict[str, int], given_back: str) -> int | None:
    """What is used, without the file pages that the kernel gives back at once."""
    return None if used is None else max(used - table.get(given_back, 0), 0)
