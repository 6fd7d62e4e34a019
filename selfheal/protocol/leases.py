"""Keeps the leases of the attempts that this process carries out: one thread, one statement each quarter lease."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from selfheal.model.attempt import Attempt
from selfheal.model.errors import SelfhealError, StoodDown
from selfheal.ports import HealStore

_log = logging.getLogger(__name__)


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
        self._lost: set[UUID] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def keep(self, attempt: Attempt) -> Iterator[None]:
        """Renew this attempt's lease until the block ends."""
        with self._changed:
            self._held[attempt.id] = attempt.fence
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._renew_until_idle, name="selfheal-leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._held.pop(attempt.id, None)
                self._lost.discard(attempt.id)
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

    def _renew_until_idle(self) -> None:
        """The thread: ends when nothing is held."""
        pause = self._pause
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._held, timeout=pause)
                held = {key: fence for key, fence in self._held.items() if key not in self._lost}
                if not self._held:
                    self._thread = None
                    return
            pause = self._renew(held) if held else self._pause

    def _renew(self, held: dict[UUID, int]) -> float:
        """One renewal; the seconds until the next."""
        try:
            ours = self._store.renew(held)
        except SelfhealError as error:
            _log.warning("leases are not renewed: %s", error)
            return min(1.0, self._pause)
        except Exception:  # noqa: BLE001 - without this thread every lease of this process would run out in silence
            _log.exception("renewing leases broke")
            return min(1.0, self._pause)
        with self._changed:
            self._lost |= {key for key in held if key not in ours and key in self._held}
        return self._pause
