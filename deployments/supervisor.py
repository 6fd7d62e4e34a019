"""A plain supervisor of a few child processes: what `selfheal up` and `selfheal demo` run under the guardian.

It starts the parts in the order of their dependencies, starts again what exits or freezes, ends what a dead
part left behind, and stops everything in reverse. One thread decides and starts (the kernel's parent-death
signal watches the thread that forked); probes and `on_ready` run in threads of their own, so that a frozen
part delays nobody else.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from deployments import orphans
from deployments.part import Part, PartStatus, State
from deployments.slot import Slot
from selfheal.model.errors import Permanent, SelfhealError

_log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LONGEST_WAIT_SECONDS = 1.0


class Supervisor:
    """Keeps its parts running until it is told to stop."""

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        publish: Callable[[tuple[PartStatus, ...]], None] = lambda _: None,
        on_hangup: Callable[[], None] | None = None,
    ) -> None:
        """Describe.

        Args:
            parts: in the order of their dependencies.
            publish: is given the state at every change.
            on_hangup: what SIGHUP means while our terminal is there, or there never was one, or who started us ignores
                its end (`nohup`); must not wait. Otherwise it means stop.
        """
        _check_names(parts)
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)  # noqa: FBT003  the standard library's signature
        self._wake_sender.setblocking(False)  # noqa: FBT003
        self._slots = {part.name: Slot(part, wake=self._wake) for part in parts}
        self._publish = publish
        self._on_hangup = on_hangup
        self._terminal = has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        self._published: tuple[PartStatus, ...] = ()
        self._stopping = threading.Event()
        self._unwanted: set[str] = set()
        self._refusal: SelfhealError | None = None
        self.all_ready = threading.Event()
        """Set while every part is ready; other threads may wait for it."""

    def status(self) -> tuple[PartStatus, ...]:
        """Return where each part stands; from any thread."""
        return tuple(slot.status() for slot in self._slots.values())

    def is_stopping(self) -> bool:
        """Whether an orderly stop has begun; from any thread."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Begin an orderly stop; from any thread."""
        self._stopping.set()
        self._wake()

    def restart(self, name: str) -> None:
        """Kill a part's process, which is then started again as after any exit; from any thread."""
        self._unwanted.add(name)
        self._wake()

    def run(self) -> None:
        """Supervise, in the main thread, until a stop signal or `stop()`; nothing of ours runs afterwards.

        Raises:
            Permanent: a part refused its very first start (a wrong setting, a full disk); all others are
                stopped.
        """
        orphans.become_subreaper()
        with self._signals(), selectors.DefaultSelector() as selector:
            selector.register(self._wake_receiver, selectors.EVENT_READ)
            try:
                while not self._finished():
                    self._turn()
                    self._tell()
                    selector.select(self._patience())
                    self._drain()
            finally:
                self._end_everything()
                self._tell()
        if self._refusal is not None:
            raise self._refusal

    def _finished(self) -> bool:
        return self._stopping.is_set() and all(slot.state is State.STOPPED for slot in self._slots.values())

    def _turn(self) -> None:
        """Look at every part once and do what is due."""
        now = time.monotonic()
        orphans.bury(self._known())
        while self._unwanted:
            self._slots[self._unwanted.pop()].end()
        for slot in self._slots.values():
            if slot.look_for_exit(now):
                self._end_orphans()
        if self._stopping.is_set():
            self._stop_what_can_stop(now)
            return
        for slot in self._slots.values():
            try:
                if slot.state is State.WAITING and self._may_start(slot.part):
                    slot.start(now)
                else:
                    slot.advance(now)
            except Permanent as error:
                self._refuse(slot, error)

    def _refuse(self, slot: Slot, error: Permanent) -> None:
        """Give up at the first start only; a stack that has run keeps trying."""
        self._refusal = self._refusal or Permanent(f"{slot.part.name}: {error.message}", hint=error.hint)
        self._stopping.set()

    def _may_start(self, part: Part) -> bool:
        return all(self._slots[name].state is State.READY for name in part.depends_on)

    def _stop_what_can_stop(self, now: float) -> None:
        """Stop each part once nothing that depends on it is left."""
        needed = {
            name for slot in self._slots.values() if slot.state is not State.STOPPED for name in slot.part.depends_on
        }
        for slot in self._slots.values():
            if slot.part.name not in needed:
                slot.stop(now)

    def _known(self) -> set[int]:
        return {slot.pid for slot in self._slots.values() if slot.pid is not None}

    def _end_orphans(self) -> None:
        left = orphans.end_all(lambda: orphans.adopted(self._known()))
        if left:
            _log.error("processes that do not end: %s", left)

    def _end_everything(self) -> None:
        """Leave nothing behind, also when our own code broke."""
        for slot in self._slots.values():
            slot.kill()
        self._end_orphans()

    def _tell(self) -> None:
        """Publish the state when it has changed."""
        status = self.status()
        if status == self._published:
            return
        self._published = status
        ready = all(part.state is State.READY for part in status)
        (self.all_ready.set if ready else self.all_ready.clear)()
        try:
            self._publish(status)
        except SelfhealError as error:
            _log.error("the state of the stack could not be published: %s", error)

    def _patience(self) -> float:
        """Return how long nothing can be due."""
        if self._finished():
            return 0.0
        now = time.monotonic()
        due = min((slot.due for slot in self._slots.values()), default=now)
        return min(max(due - now, 0.0), LONGEST_WAIT_SECONDS)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):  # full: it is awake already; closed: it has ended
            self._wake_sender.send(b"\0")

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_receiver.recv(4096):
                pass

    def _on_stop_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self._on_hangup is not None and has_terminal() >= self._terminal:
            self._on_hangup()
            return
        _log.info("stopping: %s", signal.Signals(number).name)
        self._stopping.set()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Turn stop signals into a flag and let every signal, SIGCHLD too, end the wait."""
        before = {number: signal.signal(number, self._on_stop_signal) for number in STOP_SIGNALS}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        wakeup = signal.set_wakeup_fd(self._wake_sender.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._wake_sender.close()
            self._wake_receiver.close()


def has_terminal() -> bool:
    """Whether this process has a terminal: one that was closed has gone before its SIGHUP comes."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _check_names(parts: Sequence[Part]) -> None:
    """Refuse a list whose dependencies cannot be met: each part may only name parts before it."""
    seen: set[str] = set()
    for part in parts:
        if part.name in seen or not part.depends_on <= seen:
            raise Permanent(
                f"part {part.name!r} is named twice or depends on a part that does not come before it",
                hint="list the parts in the order of their dependencies",
            )
        seen.add(part.name)
