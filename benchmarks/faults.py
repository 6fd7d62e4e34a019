"""Breaks a process and measures until it serves again, under a protocol that favours neither side."""

import os
import random
import select
import signal
import time
from dataclasses import dataclass

from benchmarks.rounds import until
from benchmarks.supervised import PROGRAM, serving
from deployments.demo.estate import Estate

QUIET_S = 1.2
"""A call wakes supervisord's loop, which turns once a second: the pid is read longer than that before the fault."""
PHASE_S = 1.0
"""Then up to one more turn, by chance, so that the fault meets the loop anywhere in its turn."""
_DEATH_S = 90.0
_POLL_S = 0.002


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What one fault cost.

    Attributes:
        seconds: from the fault to the first answer over HTTP.
        died_at: when the broken process was gone, by the wall clock.
    """

    seconds: float
    died_at: float


def broken(estate: Estate, number: signal.Signals) -> Recovery:
    """Send the program a signal after a quiet time, and wait until it serves again.

    KILL ends the process. STOP makes it hang: it answers nothing, and TERM does not reach it any more.
    """
    pid = estate.control().process(PROGRAM).pid
    process = os.pidfd_open(pid)
    try:
        # The one sleep of the benchmarks: quiet is what the protocol asks for, there is no condition to wait for.
        time.sleep(QUIET_S + random.uniform(0, PHASE_S))  # noqa: S311  chance, not a secret
        begun = time.monotonic()
        signal.pidfd_send_signal(process, number)
        if not select.select([process], [], [], _DEATH_S)[0]:
            raise TimeoutError(f"process {pid} outlived {number.name} for {_DEATH_S:g} s")
    finally:
        os.close(process)
    died_at = time.time()
    until(lambda: serving(estate), what=f"{PROGRAM} serves again", poll_s=_POLL_S)
    return Recovery(seconds=time.monotonic() - begun, died_at=died_at)
