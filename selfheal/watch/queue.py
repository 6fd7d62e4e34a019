"""Heals that wait for a thread: the most urgent first, and one thread that only CRITICAL ones get.

The watcher submits what it has raised; 500 LOW ones in front of a CRITICAL one cost it no time.
"""

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future

from selfheal.model.trigger import Priority
from selfheal.policy.triggers import URGENCY


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
        """Run `work` in a thread, in its turn: by priority, then by age. A closed queue drops it."""
        future: Future[None] = Future()
        with self._changed:
            if self._closed:
                future.cancel()
                return future
            heapq.heappush(self._waiting, (URGENCY[priority], next(self._numbers), future, work))
            if len(self._threads) <= self._at_once:
                self._threads.append(threading.Thread(target=self._serve, name=f"heal_{len(self._threads)}"))
                self._threads[-1].start()
            self._changed.notify()
        return future

    def close(self) -> None:
        """Drop what waits for a free thread, which is the successor's to raise; the rest comes to its end."""
        with self._changed:
            self._closed = True
            self._waiting.sort()  # which is a heap too
            room = max(self._at_once - len(self._running), 0) + (self._first() == 0)
            for _, _, future, _ in self._waiting[room:]:
                future.cancel()
            del self._waiting[room:]
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        """A thread: one heal after the other, until the queue is closed and nothing waits."""
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
        first = self._first()
        return first is not None and (first == 0 or len(self._running) < self._at_once)

    def _first(self) -> int | None:
        """The rank of the most urgent that waits. The condition is held."""
        return self._waiting[0][0] if self._waiting else None
