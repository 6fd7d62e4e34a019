"""Begins a new watcher when the one that watches has fallen silent: the case that Prefect cannot see, or sees too late.

Prefect's automation replaces a crashed watcher within seconds. It does not where its server was started anew while that
watcher ran (the event of the crash then waits up to 15 min for one that only the earlier server has seen), where nobody
reports the crash, or where the watcher is frozen; and the next scheduled run is up to 5 min away.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from selfheal.model.health import Watch
from selfheal.policy.watching import mechanisms

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
        logs: whether the settings name logs, which log-monitor is to follow; may raise.
        ready: whether every part of the stack is: a new run could work.
        begin: begins a watcher by its name; may raise.
        now: seconds that only rise.
    """

    watches: Callable[[], Sequence[Watch]]
    logs: Callable[[], bool]
    ready: Callable[[], bool]
    begin: Callable[[str], None]
    now: Callable[[], float] = time.monotonic
    _not_before: dict[str, float] = field(default_factory=dict, init=False)
    _none_before: float = field(default=0.0, init=False)

    def look(self) -> None:
        """One look; begins each watcher that was not heard of for too long.

        Raises:
            SelfhealError: the database or the Prefect server cannot be asked.
        """
        if not self.ready():  # the worker begins its watchers by itself once it is
            self._none_before = self.now() + PATIENCE_S
            self._not_before.clear()
            return
        expected = mechanisms(self.watches(), logs=self.logs())
        self._not_before = {name: at for name, at in self._not_before.items() if name in expected}
        for name, watch in expected.items():
            self._look_at(name, math.inf if watch is None else watch.behind_s)

    def _look_at(self, name: str, heard: float) -> None:
        """One of them; of what has never watched a run was just begun, by the worker or by a reload that named logs."""
        if heard <= SILENT_S:
            self._not_before[name] = 0.0
            return
        first = self._none_before if heard < math.inf else self.now() + PATIENCE_S
        if self.now() >= self._not_before.setdefault(name, first):
            _log.error("%s has not watched for %.0f s: a new run is begun", name, heard)
            self._not_before[name] = self.now() + PATIENCE_S
            self.begin(name)
