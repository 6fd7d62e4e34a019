"""Something that is looked at again and again, in a thread of its own, beside the supervisor of `selfheal up`."""

import logging
import threading
from collections.abc import Callable
from typing import Self

from selfheal.model.errors import SelfhealError

_log = logging.getLogger(__name__)


class Rounds:
    """Begins with the block and ends with it.

    Args:
        name: what it is called where it goes wrong.
        every_s: seconds from the end of one look to the next.
        look: may raise; the next look may go well.
    """

    def __init__(self, name: str, every_s: float, look: Callable[[], None]) -> None:
        self._name, self._every_s, self._look = name, every_s, look
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._keep, daemon=True, name=self._name).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()

    def _keep(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                self._look()
            except SelfhealError as error:
                _log.warning("%s: %s", self._name, error)
            except Exception:  # noqa: BLE001 - whatever it is, the next look may go well
                _log.exception("%s broke", self._name)
