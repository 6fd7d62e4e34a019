"""Run the supervisor under a guardian, so that nothing survives Ctrl-C or a kill -9 of either of the two.

`selfheal up` and `selfheal demo` call `run_guarded` first of all, before any thread exists. The process that
was started stays as the guardian and only waits; its child is the supervisor.

- The supervisor is killed: its parts get SIGKILL by their parent-death signal, everything below them comes to
  the guardian, which kills it and ends.
- The guardian is killed: the supervisor gets SIGTERM by its own parent-death signal and stops in order.
- Both are killed at once: the parts and, where they were started through `launch.py`, the flow runs die by
theirs.
"""

import os
import signal
from collections.abc import Callable, Sequence

from deployments import orphans

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
SI_KERNEL = 128
"""Sender of a key press: the terminal has told the supervisor too."""


def run_guarded(main: Callable[[], int]) -> int:
    """Run `main` in a child under our guard and return its exit code; the child never returns from here.

    A `main` that was ended by a signal counts as 128 + that signal, as in a shell.
    """
    watched: Sequence[signal.Signals] = (*FORWARDED, signal.SIGCHLD)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)  # from here on no signal gets lost
    orphans.become_subreaper()
    guardian = os.getpid()
    supervisor = os.fork()
    if supervisor == 0:
        _be_supervisor(main, guardian, before)
    try:
        return _guard(supervisor, watched)
    finally:
        orphans.end_all(orphans.own_children)
        while signal.sigtimedwait(watched, 0) is not None:
            pass  # a stop signal that came too late has nobody to stop: the exit code tells what happened
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _be_supervisor(main: Callable[[], int], guardian: int, mask: set[signal.Signals | int]) -> None:
    """Run `main` and leave, whatever happens, without going back into the caller's frames."""
    code = 1
    try:
        orphans.die_with_parent(signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if os.getppid() == guardian:  # else it died before we asked for the signal
            code = main()
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except BaseException:  # noqa: BLE001  the last frame of this process: the message, then the way out
        _print_error()
    finally:
        _flush()
        os._exit(code)


def _guard(supervisor: int, watched: Sequence[signal.Signals]) -> int:
    """Forward what was sent to us alone, until the supervisor is gone."""
    while True:
        arrived = signal.sigwaitinfo(watched)
        if arrived.si_signo != signal.SIGCHLD:
            if arrived.si_code != SI_KERNEL or arrived.si_signo == signal.SIGHUP:  # a closed terminal tells its leader
                os.kill(supervisor, arrived.si_signo)
            continue
        dead, status = os.waitpid(supervisor, os.WNOHANG)
        if dead == supervisor:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _print_error() -> None:
    """Print the traceback of what broke our own machinery."""
    import traceback  # noqa: PLC0415  only on the way out

    traceback.print_exc()


def _flush() -> None:
    """Bring out what `os._exit` would drop."""
    import logging  # noqa: PLC0415  only on the way out
    import sys  # noqa: PLC0415

    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # a closed pipe: nobody reads
            continue
