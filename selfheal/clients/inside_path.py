"""How a container's own processes see a file or folder, looked at from outside through `/proc`; no command is run.

Only `clients.docker_inside` calls this. It takes a container of this machine and the right to look (root's, most
often); whoever has neither is told that nothing can be told.
"""

import os
import stat
from pathlib import Path

from selfheal.clients.docker_exec import is_of

_FOLDER = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


def seen_inside(pid: int, container_id: str, path: str) -> str | None:
    """`PRESENT`, `MISSING` or `UNREADABLE`; None: nobody can tell this way.

    The path is walked name by name: a symbolic link would lead into our own file system, so it ends the walk.
    """
    if not pid or not is_of(pid, container_id):
        return None
    try:
        place = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        for name in path.strip("/").split("/"):
            found = _into(place, name)
            if isinstance(found, str):
                return found
            if found is None:
                return None
            os.close(place)
            place = found
        return "PRESENT" if _readable(pid, os.fstat(place)) else "UNREADABLE"
    finally:
        os.close(place)


def _into(place: int, name: str) -> int | str | None:
    """The next one on the way, open; or that it is not there; None for a symbolic link, or where we may not look."""
    try:
        found = os.open(name, _FOLDER, dir_fd=place)
    except (FileNotFoundError, NotADirectoryError):
        return "MISSING"
    except OSError:
        return None
    if stat.S_ISLNK(os.fstat(found).st_mode):
        os.close(found)
        return None
    return found


def _readable(pid: int, status: os.stat_result) -> bool:
    """Whether the rights let the container's first process read it; what access lists add is not looked at."""
    try:
        told = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    lines = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
    user = int(lines["Uid"].split()[3])
    groups = {int(lines["Gid"].split()[3]), *map(int, lines.get("Groups", "").split())}
    if user == 0:
        return True
    if user == status.st_uid:
        return bool(status.st_mode & stat.S_IRUSR)
    return bool(status.st_mode & (stat.S_IRGRP if status.st_gid in groups else stat.S_IROTH))
