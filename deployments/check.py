"""One look at a part that may take long: `slot` begins it, goes on, and comes back for the answer."""

import logging
import threading
from collections.abc import Callable

from selfheal.model.errors import SelfhealError

_log = logging.getLogger(__name__)


class Check:
    """One call in a thread of its own, whose answer is fetched later."""

    def __init__(self, call: Callable[[], bool], *, done: Callable[[], None]) -> None:
        self._call = call
        self._done = done
        self._answer: bool | SelfhealError | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._answer = self._call()
        except SelfhealError as error:
            self._answer = error
        except Exception as error:  # noqa: BLE001 - whatever a probe raises is its answer
            _log.exception("a check broke")
            self._answer = SelfhealError(f"{type(error).__name__}: {error}")
        self._done()

    @property
    def answer(self) -> bool | SelfhealError | None:
        """None while it runs."""
        return self._answer
