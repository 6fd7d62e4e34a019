"""Heals that wait for a thread: the most urgent first, and one thread that only CRITICAL ones get.

The watcher submits what it has raised; 500 LOW ones in front of a CRITICAL one cost it no time.
"""

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future

from selfheal.model.trigger import Priority

_ORDER = {priority: place for place, priority in enumerate(Priority)}  # CRITICAL, HIGH, MEDIUM, LOW


class HealQueue:
    """Threads for heals, made when they are needed.

    Args:
        at_once: heals under way at the same time, besides one CRITICAL.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._waiting: list[tuple[int, int, Future[None], Callable[[], None]]] = []
        self._running: list[int] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def submit(self, priority: Priority, work: Callable[[], None]) -> Future[None]:
        """Run `work` in a thread, in its turn: by priority, then by age."""
        future: Future[None] = Future()
        with self._changed:
            heapq.heappush(self._waiting, (_ORDER[priority], next(self._numbers), future, work))
            if len(self._threads) <= self._at_once:
                self._threads.append(threading.Thread(target=self._serve, name=f"heal_{len(self._threads)}"))
                self._threads[-1].start()
            self._changed.notify()
        return future

    def close(self) -> None:
        """Let what waits and what runs come to its end; then there are no threads any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        """A thread: one heal after the other, until the queue is closed and empty."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._free() or (self._closed and not self._waiting))
                if not self._waiting:
                    return
                place, _, future, work = heapq.heappop(self._waiting)
                self._running.append(place)
            try:
                if future.set_running_or_notify_cancel():
                    future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - as an executor does: it is the future's to tell
                future.set_exception(error)
            finally:
                with self._changed:
                    self._running.remove(place)
                    self._changed.notify_all()

    def _free(self) -> bool:
        """Whether the first that waits may begin: the last thread is for CRITICAL. The condition is held."""
        first = self._waiting[0][0] if self._waiting else None
        return first is not None and (first == 0 or len(self._running) < self._at_once)
