"""Begins a new watcher when the one that watches has fallen silent: the case that Prefect cannot see, or sees too late.

Prefect's automation replaces a crashed watcher within seconds. It does not where its server was started anew while that
watcher ran (the event of the crash then waits up to 15 min for one that only the earlier server has seen), where nobody
reports the crash, or where the watcher is frozen; and the next scheduled run is up to 5 min away.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from selfheal.model.health import Watch

SILENT_S = 20.0
"""A watcher beats every second."""
LOOK_EVERY_S = 5.0
PATIENCE_S = 60.0
"""For a run that was begun to watch, ours or that of a worker's start."""

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class WatchKeeper:
    """Looks at the beats; not frozen: it remembers when it may begin a run.

    Attributes:
        watches: who watches, and how long ago each was heard; may raise.
        ready: whether every part of the stack is: a new run could work.
        begin: begins a watcher; may raise.
        now: seconds that only rise.
    """

    watches: Callable[[], Sequence[Watch]]
    ready: Callable[[], bool]
    begin: Callable[[], None]
    now: Callable[[], float] = time.monotonic
    _not_before: float = field(default=0.0, init=False)

    def look(self) -> None:
        """One look; begins a watcher where none was heard of for too long.

        Raises:
            SelfhealError: the database or the Prefect server cannot be asked.
        """
        if not self.ready():  # the worker begins a watcher by itself once it is
            self._not_before = self.now() + PATIENCE_S
            return
        heard = min((watch.behind_s for watch in self.watches()), default=float("inf"))
        if heard <= SILENT_S:
            self._not_before = 0.0
        elif self.now() >= self._not_before:
            _log.error("nothing has watched for %.0f s: a new watcher is begun", heard)
            self._not_before = self.now() + PATIENCE_S
            self.begin()
