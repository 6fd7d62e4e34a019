"""Looks after our own mechanisms from outside of them: in the process of `selfheal up`, which starts their parts.

The watchers tell too what is late; but they may be dead, and with them the Prefect server's scheduler, or the worker.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deployments.scheduled import HINT, Scheduled
from selfheal.model.health import Watch
from selfheal.model.turn import Mechanism
from selfheal.policy.turns import own_trigger
from selfheal.policy.watching import mechanisms
from selfheal.ports import OwnMechanisms
from selfheal.protocol.own_health import look

SCHEDULER, WORKER, PREFECT = "scheduler", "worker", "prefect"
PATIENCE_S = 150.0
"""So long after all parts are ready the scheduler may take: it looks once a minute."""
SILENT_S = 120.0
"""New watchers are begun much earlier."""
LATE_FOR_S = 300.0
"""A machine that slept finds everything late, and in order soon after."""
RESTART_AT_MOST_EVERY_S = 3600.0
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class OwnHealth:
    """One look after the other; not frozen: it remembers when it may restart a part.

    Attributes:
        mechanisms: what ran, and what people were told.
        watches: who watches, and how long ago each was heard; may raise.
        logs: whether the settings name logs, which log-monitor is to follow; may raise.
        ready: whether every part of the stack is.
        planned: what the Prefect server has scheduled; may raise.
        restart: starts a part anew, by its name.
        now: seconds that only rise.
    """

    mechanisms: OwnMechanisms
    watches: Callable[[], Sequence[Watch]]
    logs: Callable[[], bool]
    ready: Callable[[], bool]
    planned: Callable[[], Scheduled]
    restart: Callable[[str], None]
    now: Callable[[], float] = time.monotonic
    _begun: float | None = field(default=None, init=False)
    _ready_since: float | None = field(default=None, init=False)
    _all_late_since: float | None = field(default=None, init=False)
    _not_before: float = field(default=0.0, init=False)

    def look(self) -> None:
        """Tell what is late and whether runs are scheduled; where nothing runs at all, start the part anew that has to.

        Raises:
            SelfhealError: the database or the Prefect server cannot be asked.
        """
        now = self.now()
        self._begun = now if self._begun is None else self._begun
        late = {one.name: one for one in look(self.mechanisms)}
        if now >= self._begun + PATIENCE_S:
            watchers = self._watching()
            self.mechanisms.leave({SCHEDULER, *watchers, *(one.name for one in self.mechanisms.all())})
        self._ready_since = None if not self.ready() else self._ready_since or now
        if self._ready_since is None or now < self._ready_since + PATIENCE_S:
            self._all_late_since = None
            return
        planned = self._scheduled()
        begun_by_worker = {one.name for one in self.mechanisms.all()} & set(planned.wanted)
        if not begun_by_worker or not begun_by_worker <= late.keys():
            self._all_late_since = None
            return
        self._all_late_since = self._all_late_since or now
        if now >= self._all_late_since + LATE_FOR_S:
            self._mend(WORKER if planned.runs else PREFECT, late.values())

    def _watching(self) -> Collection[str]:
        """Tell of a watcher that is silent although new ones were begun; gives the names of all that are to watch."""
        expected = mechanisms(self.watches(), logs=self.logs())
        for name, watch in expected.items():
            if watch is not None and watch.behind_s <= SILENT_S:
                self.mechanisms.tell_well(name)
                continue
            last = "never" if watch is None else f"last {watch.behind_s:.0f} s ago"
            trigger = own_trigger(f"{name} does not watch: it looked {last}", at=datetime.now(UTC))
            if self.mechanisms.tell_late(name, trigger):
                _log.error("%s", trigger.reason)
        return expected

    def _scheduled(self) -> Scheduled:
        """Tell of deployments of which no run is scheduled."""
        planned = self.planned()
        if planned.without:
            reason = f"the Prefect server schedules no runs of {', '.join(planned.without)}; {HINT}"
            if self.mechanisms.tell_late(SCHEDULER, own_trigger(reason, at=datetime.now(UTC))):
                _log.error("%s", reason)
        elif self.mechanisms.tell_well(SCHEDULER):
            _log.info("runs are scheduled again")
        return planned

    def _mend(self, part: str, late: Collection[Mechanism]) -> None:
        """Once in an hour: what a restart does not mend is a person's, who was told."""
        if self.now() < self._not_before:
            return
        self._not_before = self.now() + RESTART_AT_MOST_EVERY_S
        behind_s = max((one.behind.total_seconds() for one in late), default=0.0)
        _log.error("nothing runs that a schedule begins, for %.0f s: %s is started anew", behind_s, part)
        self.restart(part)
