"""Files, folders and mounts of this machine; the probe `path` and verify-mount call this.

A look at a file server that is away can hang in the kernel, where nothing ends it. So each look has a thread of its
own, which is left to itself when its time is over; while it hangs, no second one is begun for the same path.
"""

import os
import subprocess
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

from selfheal.clients.good_copies import GoodCopies
from selfheal.clients.whole_file import in_our_words
from selfheal.model.check import GoodCopy, PathStanding, PathState
from selfheal.model.errors import Permanent, Transient
from selfheal.ports import Clock, FileChanges

T = TypeVar("T")
FSTAB = Path("/etc/fstab")
_MOUNTS = Path("/proc/self/mountinfo")
_POINT, _LEAST_FIELDS = 4, 2
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class HostPaths:
    """Fulfils `ports.HostPaths`; any number of threads may call it.

    Args:
        changes: the record of what we write.
        clock: time and waiting.
        fstab: the machine's table of mounts.
    """

    def __init__(self, *, changes: FileChanges, clock: Clock, fstab: Path = FSTAB) -> None:
        self._changes, self._clock, self._fstab = changes, clock, fstab
        self._looks: dict[str, _Look[Any]] = {}
        self._copies: dict[tuple[str, str], GoodCopies] = {}
        self._lock = threading.Lock()

    def standing(self, path: str, *, mounted: bool, timeout: timedelta) -> PathStanding:
        """One look, symbolic links followed, as whoever opens it would."""
        return self._within(path, timeout, lambda: _standing(path, mounted=mounted))

    def mountable(self, path: str) -> str:
        """Why we cannot mount it; empty: we can try."""
        try:
            lines = self._fstab.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            return f"{self._fstab} cannot be read: {error.strerror}"
        points = [line.split()[1] for line in lines if len(line.split()) >= _LEAST_FIELDS and not line.startswith("#")]
        if path not in map(_unescaped, points):
            return f"{self._fstab} has no line for {path}: only what stands there is mounted"
        if os.geteuid() != 0:
            return "only root may mount, and Selfheal does not run as root"
        return "" if _sees_the_machine() else "Selfheal has mounts of its own (a sandbox): nobody else would see it"

    def mount(self, path: str, *, timeout: timedelta) -> None:
        """`mount PATH`, which the machine's table completes."""
        table = () if self._fstab == FSTAB else ("--fstab", str(self._fstab))
        try:
            done = subprocess.run(  # a list, no shell; the path stands in the machine's own table
                ["mount", *table, "--target", path],  # noqa: S607 - in _ENVIRONMENT's PATH
                capture_output=True,
                check=False,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                timeout=timeout.total_seconds(),
            )
        except subprocess.TimeoutExpired:
            raise Transient(
                f"mounting {path} did not end within {timeout.total_seconds():g} s",
                hint="see whether its server is there",
            ) from None
        except OSError as error:
            raise Permanent(f"mount cannot be run: {error.strerror}", hint="install it") from error
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())[:300]
            raise Permanent(f"mounting {path} was refused: {said}", hint=f"see its line in {self._fstab}")

    def keep(self, path: str, folder: str, *, timeout: timedelta) -> None:
        """Keep a copy as good if it has changed."""
        with in_our_words(f"{path} cannot be copied"):
            self._within(path, timeout, self._of(path, folder).keep)

    def copy(self, path: str, folder: str) -> GoodCopy | None:
        """The last good copy."""
        return self._of(path, folder).last()

    def put_back(self, path: str, folder: str, *, sha256: str, who: str, why: str) -> None:
        """Put that copy where no file is."""
        self._of(path, folder).put_back(sha256=sha256, who=who, why=why)

    def _of(self, path: str, folder: str) -> GoodCopies:
        with self._lock:
            key = (path, folder)
            if key not in self._copies:
                self._copies[key] = GoodCopies(Path(path), Path(folder), changes=self._changes, clock=self._clock)
            return self._copies[key]

    def _within(self, path: str, timeout: timedelta, look: Callable[[], T]) -> T:
        """What the look comes to, in a thread of its own."""
        mine = _Look(look)
        with self._lock:
            before = self._looks.get(path)
            if before is None or before.is_over:
                self._looks[path] = mine
                mine.begin()
                before = None
        if before is None:
            return mine.result(path, timeout)
        if not before.over_within(timeout):
            raise Transient(f"{path} hangs: an earlier look at it has not come back")
        return self._within(path, timeout, look)


class _Look(Generic[T]):
    """One look, in a thread that nobody waits for longer than its time."""

    def __init__(self, look: Callable[[], T]) -> None:
        self._look = look
        self._found: list[T] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="look-at-path", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def over_within(self, timeout: timedelta) -> bool:
        """Wait for it; whether it is over."""
        self._thread.join(timeout.total_seconds())
        return self.is_over

    def result(self, path: str, timeout: timedelta) -> T:
        if not self.over_within(timeout):
            raise Transient(
                f"{path} did not answer within {timeout.total_seconds():g} s", hint="its file server may be away"
            )
        if self._error is not None:
            raise self._error
        return self._found[0]

    def _run(self) -> None:
        try:
            self._found.append(self._look())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self._error = error


def _standing(path: str, *, mounted: bool) -> PathStanding:
    try:
        if mounted and path not in _points():
            return PathStanding(state=PathState.NOT_MOUNTED, detail=f"{path} is not mounted")
        status = os.stat(path)  # noqa: PTH116 - as whoever opens it
        if not os.access(path, os.R_OK):
            return PathStanding(state=PathState.UNREADABLE, detail=f"{path} may not be read", id=_id(status))
        if Path(path).is_dir():
            os.listdir(path)  # noqa: PTH208 - a dead mount tells of it only then
        return PathStanding(state=PathState.PRESENT, id=_id(status))
    except (FileNotFoundError, NotADirectoryError):
        return PathStanding(state=PathState.MISSING, detail=_missing(path))
    except OSError as error:
        return PathStanding(state=PathState.UNREADABLE, detail=f"{path} cannot be read: {error.strerror}")


def _id(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}"


def _missing(path: str) -> str:
    return f"{path} is a symbolic link to nothing" if os.path.islink(path) else f"{path} is not there"  # noqa: PTH114


def _sees_the_machine() -> bool:
    """Whether what we mount is mounted for the machine: its first process sees the same mounts."""
    try:
        return Path("/proc/1/ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink()
    except OSError:
        return True  # nobody can tell; the mount itself will


def _points() -> set[str]:
    """Where something is mounted, in this process's view."""
    lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return {_unescaped(line.split()[_POINT]) for line in lines}


def _unescaped(point: str) -> str:
    """Spaces and the like are written as octal numbers."""
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, letter)
    return point
