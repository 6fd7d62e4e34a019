"""What the watcher does beside its sweeps: turns of reconcile, and looks for what was raised elsewhere."""

import contextvars
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from selfheal.model.errors import SelfhealError

_log = logging.getLogger(__name__)


class Beside:
    """One piece of work in a thread of its own, again and again and never twice at the same time.

    Args:
        name: what it is called where it goes wrong.
        work: to be done; what goes wrong in it is said, and the next time it is tried again.
    """

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self._name, self._work = name, work
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._context = contextvars.copy_context()
        self._last: Future[None] | None = None

    def start(self) -> None:
        """Do it now, unless it is still under way."""
        if self._last is None or self._last.done():
            self._last = self._thread.submit(self._context.copy().run, self._done)

    def close(self) -> None:
        """Wait until it is over; afterwards it cannot be started."""
        self._thread.shutdown(wait=True)

    def _done(self) -> None:
        try:
            self._work()
        except SelfhealError as error:
            _log.warning("%s: %s", self._name, error)
        except Exception:  # noqa: BLE001 - the next time tries again; the watcher goes on
            _log.exception("%s broke", self._name)
