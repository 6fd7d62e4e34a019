"""Whether this process runs inside a container: what is on the host then is not ours to restart."""

from pathlib import Path

_MARKS = (".dockerenv", "run/.containerenv")
_GROUPS = ("docker", "containerd", "kubepods", "libpod", "lxc")


def in_container(root: Path = Path("/")) -> bool:
    """Whether the file system or the control group of the first process says so."""
    if any((root / mark).exists() for mark in _MARKS):
        return True
    try:
        groups = (root / "proc/1/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:  # without it nothing says that we are in one
        return False
    return any(name in groups for name in _GROUPS)
