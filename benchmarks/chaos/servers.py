"""The servers of a campaign: each can be killed, frozen and thawed, and comes back by itself.

All of them are started and tended from the campaign's main thread: the kernel ends a child when the thread that made it
ends.
"""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import psutil

from benchmarks.rounds import until

_LEFT_S = 5.0


@dataclass(kw_only=True)
class Server:
    """One server; not frozen, since it dies and comes back.

    Attributes:
        name: for the notes.
        start: starts it.
        ready: whether it answers.
        process: of its last start.
        thaw_at: when it is to go on, on the monotonic clock; None while it is not frozen.
        stop_signal: ends it in order.
    """

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    ready: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = None
    thaw_at: float | None = None
    stop_signal: signal.Signals = signal.SIGKILL
    _stopped: list[psutil.Process] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    @property
    def frozen(self) -> bool:
        """Whether it is stopped."""
        return self.thaw_at is not None

    def begin(self, *, seconds: float = 90.0) -> None:
        """Start it and wait until it answers."""
        self.process = self.start()
        until(lambda: self.ready() or not self.running, what=f"{self.name} answers", seconds=seconds)
        if not self.running:
            raise TimeoutError(f"{self.name} has ended at its start")

    def kill(self) -> None:
        """As kill -9 does; what it had started is ended too where it does not see that by itself."""
        below = self._all()[1:]
        self._signal(signal.SIGKILL, self._all()[:1])
        if self.process is not None:
            self.process.wait()
        _, left = psutil.wait_procs(below, timeout=0.2)
        self._signal(signal.SIGKILL, left)
        psutil.wait_procs(left, timeout=_LEFT_S)
        self.thaw_at = None

    def freeze(self, seconds: float) -> None:
        """Stop it and all that it has started, for so long."""
        self._stopped = self._all()
        self._signal(signal.SIGSTOP, self._stopped)
        self.thaw_at = time.monotonic() + seconds

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT, self._stopped)
        self.thaw_at = None

    def tend(self) -> None:
        """Thaw it when its time has come, start it again when it is gone."""
        if self.thaw_at is not None and time.monotonic() >= self.thaw_at:
            self.thaw()
        if not self.running:
            self.process = self.start()

    def end(self) -> None:
        """For good."""
        if self.thaw_at is not None:
            self.thaw()
        if self.process is not None and self.running:
            below = self._all()[1:]
            self.process.send_signal(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=20)
            if self.running:
                self.process.kill()
                self.process.wait()
            _, left = psutil.wait_procs(below, timeout=_LEFT_S)
            self._signal(signal.SIGKILL, left)

    def _all(self) -> list[psutil.Process]:
        """Its process first, then all below it."""
        if self.process is None:
            return []
        try:
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    @staticmethod
    def _signal(number: signal.Signals, processes: Iterable[psutil.Process]) -> None:
        for one in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(number)
