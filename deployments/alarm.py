"""Tells people when the database of a running stack is away: the case in which none of its mechanisms can.

The watcher tells of it as well, where one runs; the spool in the data folder makes that one message.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from selfheal.model.errors import SelfhealError

LOOK_EVERY_S = 5.0

_log = logging.getLogger(__name__)


class Emergency(Protocol):
    """Tells people while the database is away."""

    def trouble(self, why: str) -> None:
        """It does not answer; returns at once."""
        ...

    def fine(self) -> None:
        """It answers again."""
        ...


@dataclass(kw_only=True)
class Alarm:
    """Asks the database, one look after the other; not frozen: it remembers whom to tell.

    Attributes:
        ask: asks the database anything; may raise.
        stopping: whether the stack is being stopped: then the database is away on purpose.
        emergency: made when it is needed, by the settings of that moment; may raise.
    """

    ask: Callable[[], object]
    stopping: Callable[[], bool]
    emergency: Callable[[], Emergency]
    _telling: Emergency | None = field(default=None, init=False)

    def look(self) -> None:
        """One look."""
        try:
            self.ask()
        except SelfhealError as error:
            self._trouble(error.message)
            return
        told, self._telling = self._telling, None  # the next time goes by the settings of then
        if told is not None:
            told.fine()

    def _trouble(self, why: str) -> None:
        if self.stopping():
            return
        try:
            self._telling = self._telling or self.emergency()
        except SelfhealError as error:
            _log.error("nobody can be told that the database is away: %s", error)
        else:
            self._telling.trouble(why)
