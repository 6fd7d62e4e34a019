"""The watcher of log-monitor: follows all logs, raises what their lines suggest, and heals beside further reading.

The flow of the same name runs it. A run hands over as application-health does; while two overlap, a log's position
belongs to the one that commits first.
"""

import contextvars
import functools
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from selfheal.model.attempt import Holder
from selfheal.model.errors import SelfhealError
from selfheal.model.log import LogRules, LogSource
from selfheal.model.trigger import Trigger
from selfheal.policy.log_scan import Scanner
from selfheal.ports import Clock, HealthStore
from selfheal.ports.logs import LogReader, LogStore
from selfheal.protocol.heal import Result
from selfheal.watch.beside import Beside
from selfheal.watch.log_source import FollowedLog
from selfheal.watch.queue import HealQueue
from selfheal.watch.raised import heal_raised
from selfheal.watch.succession import Succession, never

MECHANISM = "log-monitor"

_log = logging.getLogger(__name__)
_LOOK_S = 0.2
_TROUBLED_LOOK_S = 1.0
_BEAT_S = 1.0
_DUE_S = 10.0
_DUE_AT_ONCE, _DUE_AGAIN = 20, timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class LogWorld:
    """What the watcher needs.

    Attributes:
        sources: the logs.
        rules: what is looked for.
        reader: makes what reads a log.
        store: positions and counts.
        health: the hand-over.
        dispatch: carries a trigger to its result; called in a thread of its own.
        publish: tells others how things stand, given lines by metric; called in a thread of its own.
        clock: time.
        holder: this process.
        at_once: heals that may run at the same time.
        summary: from one publication to the next.
        overtaken: whether other settings are in force than those of this world.
    """

    sources: Sequence[LogSource]
    rules: LogRules
    reader: Callable[[LogSource], LogReader]
    store: LogStore
    health: HealthStore
    dispatch: Callable[[Trigger], Result]
    publish: Callable[[Mapping[str, object], bool], object]
    clock: Clock
    holder: Holder
    at_once: int
    summary: timedelta
    overtaken: Callable[[], bool] = never


@dataclass(frozen=True, kw_only=True)
class LogSummary:
    """What a run did, for its final message."""

    lines: int
    hits: int
    raised: int
    handed_over: bool


class LogWatcher:
    """One run. `run` returns when a successor watches, when `stop` was called, or when none came after a reload.

    Args:
        world: what it needs.
        run_id: this run, as written into `watch_epoch`.
    """

    def __init__(self, world: LogWorld, *, run_id: UUID) -> None:
        self._world, self._run_id = world, run_id
        scanner = Scanner(world.rules.patterns)
        self._logs = [
            FollowedLog(source, world.rules, scanner, reader=world.reader(source), store=world.store)
            for source in world.sources
        ]
        self._stop = threading.Event()
        self._context = contextvars.copy_context()
        self._heals = HealQueue(world.at_once)
        self._raised = 0
        self._succession = Succession(world.overtaken, world.clock.monotonic)
        self._begun = self._handed_over = False
        self._dues = Beside("look for what was raised", self._take_due)
        self._summaries = Beside("the summary of the logs", self._tell)

    def stop(self) -> None:
        """End `run` soon; heals under way are finished first."""
        self._stop.set()

    def run(self) -> LogSummary:
        """Follow until a successor does, or until `stop`; then drain the heals."""
        every = [
            (_BEAT_S, self._beat),
            (_DUE_S, self._dues.start),
            (self._world.summary.total_seconds(), self._summaries.start),
        ]
        due = [self._world.clock.monotonic() + first for first in (0.0, 0.0, 5.0)]
        try:
            while not self._handed_over and not self._stop.is_set():
                self._turn()
                now = self._world.clock.monotonic()
                for number, (seconds, work) in enumerate(every):
                    if now >= due[number]:
                        due[number] = now + seconds
                        work()
                self._stop.wait(self._pause())
        finally:
            self._stop.set()
            for one in self._logs:
                one.close()
            self._heals.close()
            self._dues.close()
            self._summaries.close()
        lines, hits = sum(one.lines for one in self._logs), sum(one.hits for one in self._logs)
        return LogSummary(lines=lines, hits=hits, raised=self._raised, handed_over=self._handed_over)

    def _turn(self) -> None:
        """Read each log on, and heal what that raises."""
        for one in self._logs:
            for trigger in one.turn():
                _log.info("raised for %s: %s", trigger.component, trigger.reason)
                self._submit(trigger)

    def _pause(self) -> float:
        if any(one.busy for one in self._logs):
            return 0.0
        return _TROUBLED_LOOK_S if all(one.complaint for one in self._logs) else _LOOK_S

    def _submit(self, trigger: Trigger) -> None:
        """Heal it; where other settings are in force it stays written down, for whoever takes over."""
        self._raised += 1
        if self._succession.is_open():
            return
        heal = functools.partial(self._context.copy().run, heal_raised, self._world.dispatch, trigger)
        self._heals.submit(trigger.priority, heal)

    def _beat(self) -> None:
        """Say that this run watches; after its first turn, so that no gap opens."""
        health = self._world.health
        try:
            if self._begun:
                self._handed_over = not health.beat(MECHANISM, self._run_id)
            else:
                health.begin_watch(MECHANISM, self._run_id, self._world.holder)
                self._begun = True
        except SelfhealError as error:
            _log.warning("the database cannot be told that this run watches: %s", error)
        if self._succession.is_late():
            _log.warning("other settings are in force and nobody has taken over: this run ends")
            self._stop.set()

    def _take_due(self) -> None:
        """What a run has raised that died before it was dispatched; and the end of what is followed no more."""
        self._world.store.leave([one.source.name for one in self._logs])
        if self._succession.is_open():
            return
        for trigger in self._world.store.due(limit=_DUE_AT_ONCE, pause=_DUE_AGAIN):
            if not self._stop.is_set():
                self._submit(trigger)

    def _tell(self) -> None:
        """Publish how the logs stand."""
        logs = {
            one.source.name: {
                "component": one.source.component,
                "lines": one.lines,
                "hits": one.hits,
                "behind_bytes": one.behind,
                "trouble": one.complaint,
            }
            for one in self._logs
        }
        metrics: dict[str, object] = {
            "lines": sum(one.lines for one in self._logs),
            "hits": sum(one.hits for one in self._logs),
            "raised": self._raised,
            "logs": logs,
        }
        self._world.publish(metrics, not any(one.complaint for one in self._logs))
