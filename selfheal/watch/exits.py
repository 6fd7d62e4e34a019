"""Process exits at once: one thread waits on the pidfds of all watched processes. Used by the watcher."""

import logging
import os
import select
import threading
from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)


class Exits:
    """Calls back within milliseconds when a watched process ends.

    A pid that means another process than the supervisor's (another host, another namespace) does no harm:
    an exit only makes the watcher look.

    Args:
        on_exit: gets the name under which the process was watched; called in this class's thread.
    """

    def __init__(self, on_exit: Callable[[str], None]) -> None:
        self._on_exit = on_exit
        self._poll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll.register(self._wake, select.EPOLLIN)
        self._lock = threading.Lock()
        self._watched: dict[str, tuple[int, int]] = {}  # name -> (pid, pidfd)
        self._names: dict[int, str] = {}  # pidfd -> name
        self._open = True
        self._thread = threading.Thread(target=self._wait, name="selfheal-exits", daemon=True)
        self._thread.start()

    def watch(self, pids: Mapping[str, int]) -> None:
        """Watch exactly these processes, by name; those already watched stay so."""
        with self._lock:
            for name in [name for name, (pid, _) in self._watched.items() if pids.get(name) != pid]:
                self._forget(name)
            for name, pid in pids.items():
                if name not in self._watched and pid > 0:
                    self._add(name, pid)

    def close(self) -> None:
        """Stop watching and end the thread."""
        self._open = False
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        with self._lock:
            for name in list(self._watched):
                self._forget(name)
        self._poll.close()
        os.close(self._wake)

    def _add(self, name: str, pid: int) -> None:
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return  # it ended before we could watch it: the next sweep sees that
        except OSError as error:
            _log.warning("exits of %s are not seen at once (pid %d): %s", name, pid, error)
            return
        self._watched[name] = (pid, pidfd)
        self._names[pidfd] = name
        self._poll.register(pidfd, select.EPOLLIN | select.EPOLLONESHOT)

    def _forget(self, name: str) -> None:
        _, pidfd = self._watched.pop(name)
        del self._names[pidfd]
        self._poll.unregister(pidfd)
        os.close(pidfd)

    def _wait(self) -> None:
        while self._open:
            for ready, _ in self._poll.poll():
                with self._lock:
                    name = self._names.get(ready)
                    if name is not None:
                        self._forget(name)
                if name is not None:
                    self._tell(name)

    def _tell(self, name: str) -> None:
        """Call back; a callback that breaks must not end the watch over the other processes."""
        try:
            self._on_exit(name)
        except Exception:  # noqa: BLE001 - whatever the callback is, the other processes are watched on
            _log.exception("what follows from the end of %s broke; the next sweep sees it", name)
