"""End the processes whose own parent has died: what a killed worker leaves behind must not go on unseen.

`supervisor` and `guardian` call this. Both are *child subreapers*: the kernel hands every orphan below them
to them, so that no descendant can get away, whatever it did with its session or its signals.
"""

import ctypes
import os
import signal
import time
from collections.abc import Callable, Container
from pathlib import Path

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PATIENCE_SECONDS = 10.0

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Ask the kernel to give us the orphans below us."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(death_signal: signal.Signals) -> None:
    """Ask the kernel for `death_signal` when the thread that forked us ends."""
    _prctl(PR_SET_PDEATHSIG, int(death_signal))


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def adopted(known: Container[int]) -> list[int]:
    """Return the children that the kernel gave us, dead or alive.

    A child of ours that is no part and lives in our own session was started by our own code (a part and
    everything below it left our session at its start and cannot come back).

    Args:
        known: process ids of the parts.
    """
    session = os.getsid(0)
    return [pid for pid in _children() if pid not in known and _session(pid) not in {session, None}]


def bury(known: Container[int]) -> None:
    """Collect the adopted children that have died by themselves."""
    for pid in adopted(known):
        _collect(pid)


def end_all(find: Callable[[], list[int]]) -> list[int]:
    """Kill what `find` returns until it returns nothing: the children of what we kill come to us in turn.

    Returns:
        Process ids that could not be ended in time (asleep in the kernel); they die when they wake.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (living := [pid for pid in find() if not _collect(pid)]) and time.monotonic() < deadline:
        for pid in living:
            _kill(pid)
        time.sleep(0.01)  # the kernel needs a moment to hand over the next generation
    return living


def own_children() -> list[int]:
    """Return every child of this process: all that is left when its parts are gone (for the guardian)."""
    return _children()


def _children() -> list[int]:
    """Read our children from the kernel, or, where it has no such list, out of all processes."""
    try:
        lists = [path.read_text(encoding="ascii") for path in Path("/proc/self/task").glob("*/children")]
    except FileNotFoundError:  # a thread ended while we looked
        lists = []
    if lists:
        return [int(pid) for words in lists for pid in words.split()]
    return [child.pid for child in psutil.Process().children()]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _kill(pid: int) -> None:
    """Kill one of our children; it cannot be another process, since only we can collect it."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _collect(pid: int) -> bool:
    """Say whether the child is dead, and collect it."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
