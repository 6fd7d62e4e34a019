"""One part under supervision: its process, its probes, its back-off; `supervisor` turns the crank.

Nothing here waits: `advance` looks at what has happened and does what is due at `now` (monotonic seconds).
"""

import logging
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from deployments.check import Check
from deployments.part import Part, PartStatus, State
from selfheal.model.errors import Permanent, SelfhealError

_log = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
HEALTHY_AFTER_SECONDS = 60.0
STARTING_PROBE_SECONDS = 0.1
LARGEST_LOG_BYTES = 10 * 1024 * 1024
REFUSED = 78
"""Exit code of `launch.py` when the machine does not let it do what was asked."""
NEVER = float("inf")


class Slot:
    """The living side of a `Part`."""

    def __init__(self, part: Part, *, wake: Callable[[], None]) -> None:
        self.part = part
        self.state = State.WAITING
        self.due = 0.0
        """When something is to be done next."""
        self._wake = wake
        self._process: subprocess.Popen[bytes] | None = None
        self._check: Check | None = None
        self._was_ready = False
        self._starts = 0
        self._failures = 0
        self._unready = 0
        self._since = 0.0
        self._last_exit = ""

    @property
    def pid(self) -> int | None:
        """The living process, or None."""
        return self._process.pid if self._process is not None else None

    def status(self) -> PartStatus:
        """Return what can be said at the moment."""
        return PartStatus(
            name=self.part.name,
            state=self.state,
            pid=self.pid,
            restarts=max(self._starts - 1, 0),
            last_exit=self._last_exit,
            outside=self.part.start is None,
        )

    def start(self, now: float) -> None:
        """Start the process, or begin to wait for a server of somebody else's.

        Raises:
            Permanent: it refused, and has never been ready.
        """
        self._unready, self._check, self._since = 0, None, now
        if self.part.start is None:
            self.state, self.due = State.AWAY, now
            return
        self._starts += 1
        try:
            _rotate(self.part.log)
            self._process = self.part.start()
        except (SelfhealError, OSError) as error:
            self._failed(str(error), now)
            if isinstance(error, Permanent) and not self._was_ready:
                raise
            return
        _log.info("%s: started as process %s", self.part.name, self._process.pid)
        self.state, self.due = State.STARTING, now + STARTING_PROBE_SECONDS

    def look_for_exit(self, now: float) -> bool:
        """Say whether the process has ended since we last looked."""
        if self._process is None or (code := self._process.poll()) is None:
            return False
        self._process = None
        reason = f"exited with {code}" if code >= 0 else f"killed by {_signal_name(-code)}"
        if self.state is State.STOPPING:
            self.state, self.due = State.STOPPED, NEVER
        else:
            self._failed(reason, now)
        self._last_exit = reason
        return True

    def advance(self, now: float) -> None:
        """Restart, probe or judge, whatever is due.

        Raises:
            Permanent: `on_ready` refused for good, or the process did, before the part has ever been ready.
        """
        if self.state is State.RESTARTING and now >= self.due:
            if self._last_exit == f"exited with {REFUSED}" and not self._was_ready:
                raise Permanent(_last_line(self.part.log) or self._last_exit)
            self.state = State.WAITING  # its dependencies may be away as well
        elif self.state in {State.STARTING, State.READY, State.AWAY}:
            self._judge(now)

    def stop(self, now: float) -> None:
        """Ask the process to end, or kill it when its patience is over."""
        if self._process is None:
            self.state, self.due = State.STOPPED, NEVER
        elif self.state is not State.STOPPING:
            self.state, self.due = State.STOPPING, now + self.part.stop_timeout_seconds
            self._process.send_signal(self.part.stop_signal)
        elif now >= self.due:
            _log.warning("%s: does not stop, killed", self.part.name)
            self.due = NEVER
            self._process.kill()

    def end(self) -> None:
        """Kill the process, if there is one; that is seen and mended as any other exit."""
        if self._process is not None:
            _log.warning("%s: process %s is killed, to be started anew", self.part.name, self._process.pid)
            self._process.kill()

    def kill(self) -> None:
        """End the process now and wait for it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.state, self.due = State.STOPPED, NEVER

    def _judge(self, now: float) -> None:
        """Fetch the answer of the running check, or begin the next one."""
        if self._check is None:
            if now >= self.due:
                self.due = NEVER  # the check wakes us
                self._check = Check(self._ask, done=self._wake)
            return
        answer = self._check.answer
        if answer is None:
            return
        self._check = None
        if isinstance(answer, Permanent) and not self._was_ready:
            raise answer
        if answer is True:
            self._succeeded(now)
        else:
            self._unanswered(now, answer)

    def _ask(self) -> bool:
        """Probe; right after a start also run what makes the part useful. Runs in a thread."""
        if not self.part.ready():
            return False
        if self.state in {State.STARTING, State.AWAY}:
            self.part.on_ready()
        return True

    def _succeeded(self, now: float) -> None:
        self._unready = 0
        if self.state in {State.STARTING, State.AWAY}:
            _log.info("%s: ready after %.1f s", self.part.name, now - self._since)
            self.state, self._was_ready, self._since = State.READY, True, now
            self._last_exit = "" if self.part.start is None else self._last_exit
        if now - self._since >= HEALTHY_AFTER_SECONDS:
            self._failures = 0
        self.due = now + self.part.probe_every_seconds

    def _unanswered(self, now: float, answer: bool | SelfhealError) -> None:  # noqa: FBT001  the answer of a probe
        if isinstance(answer, SelfhealError) and str(answer) != self._last_exit:
            _log.warning("%s: %s", self.part.name, answer)
        if self.part.start is None:
            self._wait_for(now, answer)
            return
        if self.state is State.STARTING:
            pause = STARTING_PROBE_SECONDS if answer is False else self.part.probe_every_seconds
            frozen = now - self._since >= self.part.start_timeout_seconds
        else:
            pause = self.part.probe_every_seconds
            self._unready += 1
            frozen = self._unready >= self.part.unready_limit
        self.due = now + pause
        if frozen and self._process is not None:
            _log.warning("%s: process %s does not answer, killed", self.part.name, self._process.pid)
            self._process.kill()  # SIGKILL also ends a stopped process; its exit is seen as any other

    def _wait_for(self, now: float, answer: bool | SelfhealError) -> None:  # noqa: FBT001  the answer of a probe
        """A server of somebody else's is away when it has not answered twice; nobody here mends it."""
        self._unready += 1
        self.due = now + self.part.probe_every_seconds
        if self.state is State.AWAY or self._unready >= self.part.unready_limit:
            self.state, self._last_exit = State.AWAY, str(answer or "it does not answer")

    def _failed(self, reason: str, now: float) -> None:
        self._failures += 1
        pause = min(FIRST_BACKOFF_SECONDS * 2 ** min(self._failures - 1, 10), LONGEST_BACKOFF_SECONDS)
        self.state, self.due, self._check = State.RESTARTING, now + pause, None
        self._last_exit = reason
        _log.warning("%s: %s; starting again in %.1f s", self.part.name, reason, pause)


def _rotate(log: Path | None) -> None:
    """Put a large log aside; one older one is kept."""
    if log is not None and log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))


def _last_line(log: Path | None) -> str:
    """Return the last line that the part wrote: why it refused."""
    if log is None or not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - 2048, 0), os.SEEK_SET)
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("selfheal: ") if lines else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
