"""The person of a campaign: looks at what was handed to them, takes the cause away and starts the target by hand.

What nobody can tell anything of, since Docker checks it no more, they make Docker look at again.
"""

import logging
import threading
import time
from datetime import timedelta

import psycopg

from benchmarks.chaos import containers
from benchmarks.chaos.estate import Estate
from benchmarks.chaos.ledger import Ledger
from benchmarks.chaos.notes import Notes
from benchmarks.chaos.stack import Stack
from selfheal.model.errors import SelfhealError

_log = logging.getLogger(__name__)
_LOOK_S = 1.0
_AGAIN_S = 15.0
"""What was helped is given time to be seen well."""
_PATIENCE = timedelta(seconds=10)
_WAITING = b"""
    SELECT f.component FROM faults f WHERE f.closed_at IS NULL AND f.needs_person IS NOT NULL
    AND NOT EXISTS (SELECT FROM healing_actions a WHERE a.target_key = f.target_key AND a.completed_at IS NULL)"""
_UNKNOWN = b"""
    SELECT DISTINCT said.component FROM alert_outbox a, jsonb_object_keys(a.details -> 'unknown') said (component)
    WHERE a.dedup_key LIKE 'unknown/%' AND NOT EXISTS (
        SELECT FROM health_history h
        WHERE h.component = said.component AND h.checked_at > a.created_at AND h.status <> 'UNKNOWN')"""


class Person:
    """A thread, since a database that is away must not hold up the campaign."""

    def __init__(self, estate: Estate, stack: Stack, notes: Notes) -> None:
        self._estate, self._stack, self._notes = estate, stack, notes
        self._ledger = Ledger(estate.ledger)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="person")
        self._helped: dict[str, float] = {}
        self._looked: dict[str, float] = {}
        self.deeds = 0
        self.looks = 0

    def begin(self) -> None:
        """Start to look."""
        self._thread.start()

    def end(self) -> None:
        """Go home."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_S):
            try:
                with self._stack.connect() as connection:
                    waiting = [str(row[0]) for row in connection.execute(_WAITING)]
                    unknown = [str(row[0]) for row in connection.execute(_UNKNOWN)]
                for target in waiting:
                    if time.time() - self._helped.get(target, 0.0) > _AGAIN_S:
                        self._help(target)
                for target in unknown:
                    if time.time() - self._looked.get(target, 0.0) > _AGAIN_S:
                        self._look_again(target)
            except (psycopg.Error, SelfhealError) as error:
                _log.info("the person tries again later: %s", error)

    def _help(self, target: str) -> None:
        """Start it anew with nothing wrong any more; what has become well meanwhile is left alone."""
        self._helped[target] = begun = time.time()
        self._notes.write("person", at=begun, until=begun + _PATIENCE.total_seconds(), target=target)
        self._estate.poison(target, 0)
        if self._estate.targets[target].container:
            containers.restart(containers.url_of(self._estate.folder), target)
        else:
            control = self._estate.control(target)
            control.stop(target, timeout=_PATIENCE)
            control.start(target, timeout=_PATIENCE)
        self.deeds += 1

    def _look_again(self, target: str) -> None:
        """Nobody can tell how it is: make Docker check its container again. A program's keeper comes back by itself."""
        self._looked[target] = time.time()
        if self._estate.targets[target].container:
            containers.look_again(containers.url_of(self._estate.folder), target)
            self.looks += 1
