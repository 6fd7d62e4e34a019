"""Looks at processes of this machine and sends them signals; the probe `memory` and collect-garbage call this.

A supervisor tells a pid and a start. Whether that is a process here, and still the same one, is found out by its start:
a supervisor on another machine, or in another pid namespace, tells pids that mean others here.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selfheal.model.check import MemoryUse
from selfheal.model.errors import NotAllowed, Permanent, TargetChanged
from selfheal.model.observation import Incarnation

SAME_START_S = 5.0
"""A supervisor tells whole seconds, and notes them before or after the start."""
_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1024


class LocalProcesses:
    """Fulfils `ports.LocalProcesses`."""

    def memory(self, life: Incarnation) -> MemoryUse:
        """Its resident memory, without that of its children."""
        status = _status(life)
        _same(life)
        return MemoryUse(used=int(status.get("VmRSS", "0 kB").split()[0]) * _KIB)

    def signal(self, life: Incarnation, name: str, *, still: Callable[[], bool]) -> None:
        """Send it once, to the process that `life` is and to no other.

        A supervisor that still tells of a life has not reaped it, so that its pid cannot have been given away; asked
        after the process is held, that proves that the held one is it.
        """
        with _held(life.pid) as process:
            if not _handles(life, name):
                raise NotAllowed(
                    f"process {life.pid} does not handle {name} and would end by it: nothing was sent",
                    hint="let the program handle it, or set another way to collect",
                )
            if not still():
                raise TargetChanged(f"process {life.pid} was restarted by somebody else meanwhile: nothing was sent")
            try:
                signal.pidfd_send_signal(process, signal.Signals[name])
            except ProcessLookupError as error:
                raise TargetChanged(f"process {life.pid} has just ended: nothing was sent") from error
            except PermissionError as error:
                raise Permanent(
                    f"process {life.pid} is another user's: we may not send it {name}",
                    hint="run Selfheal as its user or as root, or let the component collect by a call",
                ) from error


@contextmanager
def _held(pid: int) -> Iterator[int]:
    try:
        process = os.pidfd_open(pid)
    except (ProcessLookupError, OSError) as error:
        raise TargetChanged(f"there is no process {pid} any more: nothing was sent") from error
    try:
        yield process
    finally:
        os.close(process)


def _status(life: Incarnation) -> dict[str, str]:
    """What the kernel tells of it, by name."""
    try:
        told = Path(f"/proc/{life.pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Permanent(
            f"there is no process {life.pid} on this machine",
            hint="run Selfheal beside its supervisor, or let the component tell its use by a url",
        ) from error
    return {name: value.strip() for name, _, value in (line.partition(":") for line in told.splitlines())}


def _handles(life: Incarnation, name: str) -> bool:
    """Whether it catches or ignores this signal."""
    number = signal.Signals[name]
    status = _status(life)
    _same(life)
    caught = int(status.get("SigCgt", "0"), 16) | int(status.get("SigIgn", "0"), 16)
    return bool(caught >> (number - 1) & 1)


def _same(life: Incarnation) -> None:
    """Raise `Permanent` unless the process with this pid began when its supervisor says."""
    try:
        fields = Path(f"/proc/{life.pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError as error:
        raise Permanent(f"process {life.pid} has just ended") from error
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / _TICKS
    began = time.time() - age
    if abs(began - life.started_at) > SAME_START_S:
        raise Permanent(
            f"process {life.pid} on this machine did not begin when its supervisor says: it is another one",
            hint="its supervisor runs elsewhere, or the clock was set since; restart the program, or use a url",
        )
