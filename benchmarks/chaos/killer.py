"""Kills and freezes dispatchers and servers while heals run: seeded, one fault of each at a time."""

import random
import signal
import time
from collections.abc import Mapping

from benchmarks.chaos.dispatchers import Dispatchers, Place
from benchmarks.chaos.notes import Notes
from benchmarks.chaos.servers import Server
from selfheal.protocol.failpoint import NAMES

_WEIGHTS = {"dispatcher": 10, "postgres": 2, "nats": 1, "prefect": 1, "dockerd": 1}
_FREEZE_S = {"dispatcher": 5.0, "postgres": 4.0, "nats": 4.0, "prefect": 6.0, "dockerd": 4.0}
_FAILPOINT_SHARE = 0.4
_RESTED_S = {"prefect": 15.0}
"""A server is left alone for so long after its last fault; the Prefect server takes as long to start."""
_REST_S = 3.0
_GROWN_S = 1.0


class Killer:
    """Everything that happens to what is ours.

    Args:
        dispatchers: filled again here when they are gone.
        servers: by name, tended here.
        notes: each deed is written first.
        seed: of the draw.
        pause_s: mean seconds between two deeds.
    """

    def __init__(
        self, dispatchers: Dispatchers, servers: Mapping[str, Server], notes: Notes, *, seed: str, pause_s: float
    ) -> None:
        self._dispatchers, self._servers, self._notes = dispatchers, servers, notes
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._pause_s = pause_s
        self._next = time.monotonic() + pause_s
        self._rested: dict[str, float] = {}
        self._away_since: float | None = None
        self.counts: dict[str, int] = {}

    def turn(self, *, deeds: bool) -> None:
        """Bring back what is gone or has been frozen long enough; and do the next deed when it is due."""
        for server in self._servers.values():
            server.tend()
        for place in self._dispatchers.places:
            self._tend(place, failpoints=deeds)
        self._watch_outages()
        if deeds and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._chance.expovariate(1 / self._pause_s)
            self._deed()

    def calm(self) -> None:
        """No more faults: everything runs, and no dispatcher has a failpoint."""
        for server in self._servers.values():
            if server.frozen:
                server.thaw()
        for place in self._dispatchers.places:
            place.signal(signal.SIGKILL)

    def _tend(self, place: Place, *, failpoints: bool) -> None:
        state = place.state()
        if not state:
            self._dispatchers.fill(place, failpoint=self._failpoint() if failpoints else "")
        elif state == "T":
            if place.thaw_at is None:  # it has frozen itself at a failpoint
                place.thaw_at = time.monotonic() + self._chance.uniform(0.3, _FREEZE_S["dispatcher"])
                self._count("dispatcher failpoint freeze")
            elif time.monotonic() >= place.thaw_at:
                place.thaw_at = None
                place.signal(signal.SIGCONT)

    def _failpoint(self) -> str:
        if self._chance.random() >= _FAILPOINT_SHARE:
            return ""
        return f"{self._chance.choice(NAMES)}:{self._chance.choice(('kill', 'freeze'))}"

    def _deed(self) -> None:
        """One kill or freeze of something that is not in trouble already."""
        whom = [name for name in _WEIGHTS if name == "dispatcher" or name in self._servers]
        name = self._chance.choices(whom, weights=[_WEIGHTS[one] for one in whom])[0]
        kill = self._chance.random() < 0.5  # noqa: PLR2004 - as often as the other
        length = self._chance.uniform(0.3, _FREEZE_S[name])
        if name == "dispatcher":
            self._at_place(self._chance.choice(self._dispatchers.places), length, kill=kill)
            return
        server = self._servers[name]
        if server.frozen or not server.running or self._rested.get(name, 0.0) > time.monotonic():
            return
        self._rested[name] = time.monotonic() + length + _RESTED_S.get(name, _REST_S)
        self._noted(name, kill=kill, length=length)
        if name == "postgres" and self._away_since is None:
            self._away_since = time.time()
        if kill:
            server.kill()
        else:
            server.freeze(length)

    def _at_place(self, place: Place, length: float, *, kill: bool) -> None:
        if place.thaw_at is not None or time.monotonic() - place.born < _GROWN_S:
            return
        self._noted(place.name, kill=kill, length=length)
        if kill:
            place.signal(signal.SIGKILL)
        else:
            place.thaw_at = time.monotonic() + length
            place.signal(signal.SIGSTOP)

    def _noted(self, name: str, *, kill: bool, length: float) -> None:
        self._count(f"{name.rstrip('0123456789')} {'kill' if kill else 'freeze'}")
        self._notes.write("deed", whom=name, how="kill" if kill else "freeze", seconds=0 if kill else length)

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def _watch_outages(self) -> None:
        """Note when nobody could have taken anything over: the database away, or every dispatcher."""
        postgres = self._servers["postgres"]
        grown = [one for one in self._dispatchers.places if one.thaw_at is None and one.pid and self._awake(one)]
        if self._away_since is None:
            self._away_since = None if grown else time.time()
        elif grown and not postgres.frozen and postgres.running and postgres.ready():
            self._notes.write("away", at=self._away_since, until=time.time())
            self._away_since = None

    @staticmethod
    def _awake(place: Place) -> bool:
        return time.monotonic() - place.born > _GROWN_S and place.state() not in {"", "T"}
