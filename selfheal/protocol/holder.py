"""Who holds an attempt: this process, told apart from any other on this machine; and how its successor ends it."""

import functools
import os
import select
import signal
from pathlib import Path

from selfheal.model.attempt import Holder
from selfheal.model.errors import Transient

_END_WAIT_MS = 5000


@functools.cache
def _host() -> str:
    """The machine and its boot: a pid of another boot or another pid namespace means nothing here."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"


def _started(pid: int) -> int | None:
    """Clock ticks at which the process started; None if there is no such process (or it is a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def this_process() -> Holder:
    """This process as a holder. Read anew each time: a forked child is another one."""
    return holder_of(os.getpid())


def holder_of(pid: int) -> Holder:
    """A process of this machine as a holder; one that has ended is gone from the beginning."""
    return Holder(host=_host(), pid=pid, started=_started(pid) or 0)


def is_gone(holder: Holder) -> bool:
    """Whether the holder ran on this host and has ended; another host's is never known to be gone."""
    return holder.host == _host() and _started(holder.pid) != holder.started


def end(holder: Holder) -> bool:
    """Kill the holder if it runs on this host, and wait until it is gone.

    Returns:
        Whether it is certainly gone. False: another host's, about which nothing can be done from here.

    Raises:
        Transient: it could not be killed, or did not end within 5 s.
    """
    if holder.host != _host():
        return False
    try:
        process = os.pidfd_open(holder.pid)
    except ProcessLookupError:
        return True
    try:
        if _started(holder.pid) != holder.started:
            return True
        signal.pidfd_send_signal(process, signal.SIGKILL)
        waiting = select.poll()
        waiting.register(process, select.POLLIN)
        if not waiting.poll(_END_WAIT_MS):
            raise Transient(f"process {holder.pid}, which held an expired attempt, does not end")
    except PermissionError as error:
        raise Transient(
            f"process {holder.pid} holds an expired attempt and may not be ended by this user",
            hint="run all of Selfheal as one user",
        ) from error
    finally:
        os.close(process)
    return True
