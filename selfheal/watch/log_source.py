"""One log as log-monitor follows it: turn by turn it reads, counts and commits. Used by the watcher of logs."""

import logging
import time
from collections.abc import Sequence
from contextlib import closing

from selfheal.model.errors import NotAllowed, SelfhealError
from selfheal.model.log import LogRules, LogSource, LogStanding, LogStep
from selfheal.model.trigger import Trigger
from selfheal.policy.log_scan import Scanner
from selfheal.policy.log_tally import Tally
from selfheal.ports.logs import LogReader, LogStore

_log = logging.getLogger(__name__)
_TURN_S = 0.5
"""A log that is far behind is committed, and the others are looked at, after so long."""


class FollowedLog:
    """One log; used by one thread.

    What goes wrong in a turn undoes it: the next one goes on from what is committed.

    Args:
        source: which.
        rules: what is looked for.
        scanner: finds it.
        reader: reads it.
        store: positions and counts.
    """

    def __init__(
        self, source: LogSource, rules: LogRules, scanner: Scanner, *, reader: LogReader, store: LogStore
    ) -> None:
        self.source = source
        self._rules, self._scanner, self._reader, self._store = rules, scanner, reader, store
        self._standing: LogStanding | None = None
        self._to_write = True  # also where nothing was read: that it can be read is news
        self._complaint = ""
        self.behind = self.lines = self.hits = 0
        self.busy = False

    @property
    def complaint(self) -> str:
        """Why it cannot be read or committed now; empty: it can."""
        return self._complaint

    def turn(self) -> Sequence[Trigger]:
        """Read on and commit; the triggers that are due because of it. Errors are said once and end nothing."""
        self.busy = False
        try:
            raised = self._turn()
        except Exception as error:  # noqa: BLE001 - what is not committed is read again, whatever broke
            self._undo(error)
            return ()
        self._complaint = ""
        return raised

    def close(self) -> None:
        """Let go of the log."""
        self._reader.close()

    def _turn(self) -> Sequence[Trigger]:
        standing = self._standing
        if standing is None:
            standing = self._standing = self._store.standing(self.source)
            self._reader.resume(standing.position)
        tally = self._read()
        taken, position = tally.taken(self._reader.take_gaps()), self._reader.position()
        if not (taken.bytes or taken.gaps or self._to_write or position != standing.position):
            return ()
        self.behind = self._reader.behind()
        step = LogStep(before=standing, position=position, taken=taken, behind=self.behind)
        done = self._store.commit(self.source, self._rules, step)
        if done is None:
            self._standing = None
            return ()
        self._standing, triggers = done
        self._to_write = False
        self.lines, self.hits = self.lines + taken.lines, self.hits + tally.hits
        return triggers

    def _read(self) -> Tally:
        tally, ends = Tally(self._scanner), time.monotonic() + _TURN_S
        with closing(self._reader.pieces()) as pieces:  # type: ignore[type-var]  # generators
            for piece in pieces:
                tally.add(piece)
                if time.monotonic() > ends:
                    self.busy = True
                    break
        return tally

    def _undo(self, error: Exception) -> None:
        """Go back to what is committed; say once what is wrong."""
        self._standing, self._to_write = None, True
        words = str(error) or type(error).__name__
        if words == self._complaint:
            return
        self._complaint = words
        ours = isinstance(error, SelfhealError)
        _log.warning("%s is not read now: %s", self.source.name, error, exc_info=None if ours else error)
        if isinstance(error, NotAllowed):
            try:
                self._store.trouble(self.source, str(error))
            except SelfhealError as untold:
                self._complaint = ""  # said again, and written then
                _log.warning("nobody is told of that: %s", untold)
