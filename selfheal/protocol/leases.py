"""Keeps the leases of the attempts that this process carries out: one thread, one statement each quarter lease."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from selfheal.model.attempt import Attempt
from selfheal.model.errors import SelfhealError, StoodDown
from selfheal.ports import HealStore
from selfheal.protocol.holder import this_process

_log = logging.getLogger(__name__)
_LAST_WORD_S = 5.0


class Leases:
    """The leases held by this process.

    A lease that cannot be renewed because the database is away is tried again every second; it is lost only when
    the database says that somebody else holds the attempt. What must not happen after its end is guarded by the
    fence and by the announcement of the act, which the database refuses.

    Args:
        store: where leases are renewed.
        lease: how long one lasts.
    """

    def __init__(self, store: HealStore, *, lease: timedelta) -> None:
        self._store = store
        self._pause = lease.total_seconds() / 4
        self._held: dict[UUID, int] = {}
        self._left: dict[UUID, int] = {}
        self._lost: set[UUID] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def keep(self, attempt: Attempt) -> Iterator[None]:
        """Renew this attempt's lease until the block ends; a block that breaks off lets go of the attempt.

        Whoever takes over an attempt that was let go of need not end this process for it.
        """
        with self._changed:
            self._held[attempt.id] = attempt.fence
            self._run_thread()
        try:
            yield
        except StoodDown:
            raise
        except BaseException:
            self.let_go(attempt.id, fence=attempt.fence)
            raise
        finally:
            with self._changed:
                self._held.pop(attempt.id, None)
                self._lost.discard(attempt.id)
                self._changed.notify()

    @contextmanager
    def claiming(self, attempt_id: UUID, *, fence: int) -> Iterator[None]:
        """A claim that fails may have gone through all the same, with its answer lost: then let go of the attempt."""
        try:
            yield
        except StoodDown:
            raise
        except BaseException:
            if not self.holds(attempt_id):  # else another thread of this process has it by now
                self.let_go(attempt_id, fence=fence + 1)
            raise

    def let_go(self, attempt_id: UUID, *, fence: int) -> None:
        """Tell the database, as soon as it answers, that this process does not hold the attempt under this fence."""
        with self._changed:
            self._left[attempt_id] = fence
            self._run_thread()
            self._changed.notify()

    def holds(self, attempt_id: UUID) -> bool:
        """Whether this process is carrying the attempt out right now."""
        with self._changed:
            return attempt_id in self._held

    def check(self, attempt: Attempt) -> None:
        """Raise `StoodDown` if the attempt is known to belong to somebody else by now."""
        with self._changed:
            if attempt.id in self._lost:
                raise StoodDown(f"attempt {attempt.id} was taken over")

    def close(self) -> None:
        """Let the thread end before its database is taken away; bounded, since a dead database holds it up."""
        with self._changed:
            thread = self._thread
        if thread is not None:
            thread.join(timeout=_LAST_WORD_S)

    def _run_thread(self) -> None:
        """Start the thread if it does not run; the condition is held."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._renew_until_idle, name="selfheal-leases", daemon=True)
            self._thread.start()

    def _renew_until_idle(self) -> None:
        """The thread: ends when nothing is held and nothing is left to let go of."""
        pause = self._pause
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._left or not self._held, timeout=pause)
                held = {key: fence for key, fence in self._held.items() if key not in self._lost}
                left = dict(self._left)
                if not self._held and not left:
                    self._thread = None
                    return
            pause = self._tell(held, left)
            if left and pause < self._pause:
                time.sleep(pause)  # the database is away: what is left to let go of would spin this loop

    def _tell(self, held: dict[UUID, int], left: dict[UUID, int]) -> float:
        """Renew and let go once; the seconds until the next turn."""
        try:
            ours = self._store.renew(held) if held else set()
            for attempt_id, fence in left.items():
                self._store.release(attempt_id, fence=fence, holder=this_process())
        except SelfhealError as error:
            _log.warning("leases are not renewed: %s", error)
            return min(1.0, self._pause)
        except Exception:  # noqa: BLE001 - without this thread every lease of this process would run out in silence
            _log.exception("renewing leases broke")
            return min(1.0, self._pause)
        with self._changed:
            self._lost |= {key for key, fence in held.items() if key not in ours and self._held.get(key) == fence}
            for attempt_id in left:
                self._left.pop(attempt_id, None)
        return self._pause
