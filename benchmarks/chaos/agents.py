"""Workflows of made-up agents: a dispatcher runs some beside its heals, each asks its breaker and tells its end.

What they were answered stands in `agents.jsonl`, which the checker holds against the breakers' log.
"""

import logging
import random
import threading
import time
from pathlib import Path
from uuid import UUID

from uuid6 import uuid7

from benchmarks.chaos.notes import Notes
from selfheal.model.breaker import Denial, Permit
from selfheal.model.ending import Ending
from selfheal.model.errors import Transient
from selfheal.policy.breaker_names import agent_breaker
from selfheal.ports import AgentBreakers

NAMES = (agent_breaker("planner"), agent_breaker("coder", tenant=UUID(int=7)))
_AT_ONCE = 2
_SPELL_S = 6.0
"""An agent fails for so long, then works again for as long."""
_FAILS = {True: 0.8, False: 0.1}
_LONGEST_S, _LONG_S = 1.0, 5.0
_LONG_SHARE = 0.1
_RENEWED_S = 0.5
_AGAIN_S = 0.3

_log = logging.getLogger(__name__)


class Agents:
    """Workflows one after the other in each of a few threads, until the process is ended; they die with it.

    Args:
        breakers: that they ask.
        folder: of the estate.
    """

    def __init__(self, breakers: AgentBreakers, folder: Path) -> None:
        self._breakers, self._notes = breakers, Notes(folder, "agents.jsonl")
        self._chance = random.Random()  # noqa: S311 - no secret
        self._threads = [threading.Thread(target=self._run, name="agent", daemon=True) for _ in range(_AT_ONCE)]

    def begin(self) -> None:
        """Start them."""
        for one in self._threads:
            one.start()

    def _run(self) -> None:
        while True:
            try:
                self._workflow(self._chance.choice(NAMES))
            except Transient as error:
                _log.info("a workflow is lost: %s", error)

    def _workflow(self, name: str) -> None:
        """One of them: it may begin, lasts, keeps its permit meanwhile, and ends somehow."""
        answer = self._breakers.ask(name, uuid7())
        if isinstance(answer, Denial):
            time.sleep(_AGAIN_S)
            return
        words = {"name": name, "permit": str(answer.id), "generation": answer.generation}
        self._notes.write("granted", **words)
        self._last(name, answer)
        success = self._chance.random() >= _FAILS[int(time.time() / _SPELL_S + NAMES.index(name)) % 2 == 0]
        self._tell(name, answer, Ending.COMPLETED if success else Ending.FAILED)
        self._notes.write("told", **words)

    def _last(self, name: str, permit: Permit) -> None:
        """A long one renews its permit, half of them too late."""
        is_long = self._chance.random() < _LONG_SHARE
        ends = time.monotonic() + self._chance.uniform(0, _LONG_S if is_long else _LONGEST_S)
        renews = self._chance.random() < 0.5  # noqa: PLR2004 - as often as not
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, _RENEWED_S))
            if renews:
                self._breakers.renew(name, permit)

    def _tell(self, name: str, permit: Permit, ending: Ending) -> None:
        """Again and again, as whoever starts workflows has to, until the database has taken it."""
        while True:
            try:
                self._breakers.ended(name, permit, ending, note="a workflow of the campaign")
            except Transient as error:
                _log.info("an ending is told again: %s", error)
                time.sleep(_AGAIN_S)
            else:
                return
