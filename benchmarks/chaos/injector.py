"""Breaks targets: seeded, many at the same time, each noted before it is done."""

import contextlib
import os
import random
import signal
import time
from dataclasses import dataclass

from benchmarks.chaos.estate import Estate
from benchmarks.chaos.ledger import Ledger, Life
from benchmarks.chaos.notes import Notes

WATCHED = {"kill": 40, "hang": 18, "freeze": 12, "stall": 10, "exit": 10, "stubborn": 8, "hopeless": 2}
"""The kinds of faults of a target that is watched over HTTP, and how often each is drawn."""
UNWATCHED = {"kill": 60, "exit": 40}
"""Of one whose process alone is watched."""
CONTAINED = {"kill": 60, "hang": 25, "stubborn": 15}
"""Of a container. One that hangs is only seen by Docker's own check, which a killed dockerd takes up again for the
containers that outlived it when the campaign's person has been told of them."""
STALL = "stall"
_SICK_LIVES = {"stubborn": 1, "hopeless": 12}
_SIGNALS = {"kill": signal.SIGKILL, "exit": signal.SIGTERM, "hang": signal.SIGUSR1, "freeze": signal.SIGSTOP}
_LONGEST_REST_S = 1.5
_LONGEST_STALL_S = 2.5


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A fault that has not ended.

    Attributes:
        how: its kind.
        since: when it was made.
        thaw_at: when it ends by itself; None for all kinds but one.
        pid: the process that was broken.
    """

    how: str
    since: float
    pid: int
    thaw_at: float | None = None


class Injector:
    """The faults of one campaign.

    Args:
        estate: what is broken.
        notes: where each fault is written first.
        seed: the same seed draws the same kinds; which target is ready for one depends on the heals.
        made: how many a campaign that is resumed has made already.
        at_once: so many targets are broken at the same time, at most.
    """

    def __init__(self, estate: Estate, notes: Notes, *, seed: int, made: int, at_once: int) -> None:
        self._estate, self._notes, self._seed, self._at_once = estate, notes, seed, at_once
        self.made = made
        self.ledger = Ledger(estate.ledger)
        self.broken: dict[str, Broken] = {}
        self._ready_at: dict[str, float] = {}

    def look(self) -> None:
        """See which faults have ended: a new life that is well, or a stall that is over."""
        now, lives = time.time(), self.ledger.lives()
        for name, fault in list(self.broken.items()):
            life = lives[name]
            if fault.thaw_at is not None and now >= fault.thaw_at:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(fault.pid, signal.SIGCONT)
                ended = life.well
            else:
                ended = life.well and life.at > fault.since and fault.thaw_at is None
            if ended:
                del self.broken[name]
                self._ready_at[name] = now + random.Random(f"{self._seed}/{name}/{now}").uniform(0.05, _LONGEST_REST_S)  # noqa: S311 - no secret

    def inject(self) -> bool:
        """Make the next fault, if a target is ready for one."""
        now, lives = time.time(), self.ledger.lives()
        ready = [
            name
            for name, life in sorted(lives.items())
            if name not in self.broken and self._ready_at.get(name, 0.0) <= now and life.well and life.runs
        ]
        if not ready or len(self.broken) >= self._at_once:
            return False
        chance = random.Random(f"{self._seed}/{self.made}")  # noqa: S311 - no secret
        name = chance.choice(ready)
        target = self._estate.targets[name]
        kinds = CONTAINED if target.container else WATCHED if target.port else UNWATCHED
        how = chance.choices(list(kinds), weights=list(kinds.values()))[0]
        self._break(name, how, lives[name], chance)
        self.made += 1
        return True

    def _break(self, name: str, how: str, life: Life, chance: random.Random) -> None:
        length = chance.uniform(0.2, _LONGEST_STALL_S)
        self._notes.write("fault", target=name, how=how, pid=life.pid)
        now = time.time()
        self.broken[name] = Broken(how=how, since=now, pid=life.pid, thaw_at=now + length if how == STALL else None)
        if how in _SICK_LIVES:
            self._estate.poison(name, _SICK_LIVES[how])
        number = _SIGNALS.get(how, signal.SIGSTOP if how == STALL else signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(life.pid, number)
