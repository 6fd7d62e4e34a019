"""Freezes a process, and waits until it is frozen; benchmarks and tests call this.

A signal only asks for it: the threads of a busy process go on for a moment, and answer what comes in that moment.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.rounds import until


def freeze(pid: int) -> None:
    """Stop a process, whoever's child it is; when this returns none of its threads runs.

    Raises:
        ProcessLookupError: there is no such process.
        TimeoutError: a thread of it does not stop, or it ended meanwhile.
    """
    os.kill(pid, signal.SIGSTOP)
    until(lambda: _stands_still(pid), what=f"process {pid} stands still")


def thaw(pid: int) -> None:
    """Let it go on.

    Raises:
        ProcessLookupError: there is no such process.
    """
    os.kill(pid, signal.SIGCONT)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The process stands still while the block lasts; raises what `freeze` and `thaw` raise."""
    freeze(pid)
    try:
        yield
    finally:
        thaw(pid)


def _stands_still(pid: int) -> bool:
    """Whether the kernel says of every thread that it is stopped, or has ended before."""
    try:
        lines = [stat.read_text(errors="replace") for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):  # a thread has ended while we looked
        return False
    return bool(lines) and {line.rpartition(")")[2].split()[0] for line in lines} <= {"T", "Z", "X"}
