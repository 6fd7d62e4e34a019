"""Sixteen processes that ask for admission at the same moment. Tests of limits call `Racers.race`.

The processes are forked by a server that has imported what they need, and stay for a whole test file.
`tests/conftest.py` imports the fixture `racers`.
"""

import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from admission_desk import Desk
from embedded_fixtures import Embedded

from deployments.embedded import roles
from selfheal.model.admission import Decision, Limits
from selfheal.model.attempt import Outcome
from selfheal.store.engine import open_engine

RACERS = 16
_here: dict[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class Move:
    """What each racer does.

    Attributes:
        limits: under which it asks.
        component: about which; `{racer}` and `{turn}` in it are numbers.
        asked: more of `Desk.ask`.
        turns: so often, at most.
        last: the answer after which it asks no more.
        outcome: how it ends what was admitted, at once; None: it leaves that under way.
    """

    limits: Limits
    component: str = "c-{racer}"
    asked: dict[str, Any] = field(default_factory=dict)
    turns: int = 1
    last: Decision | None = None
    outcome: Outcome | None = None


class Racers:
    """The processes.

    Args:
        url: of the database, as its owner.
    """

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["racers"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # else the server imports nothing, and each racer all
            start = context.Barrier(RACERS)
            self._pool = ProcessPoolExecutor(RACERS, mp_context=context, initializer=_begin, initargs=(url, start))
            self._pool.submit(os.getpid).result(timeout=60)

    def start(self, move: Move) -> list["Future[tuple[int, Counter[Decision]]]"]:
        """Let all of them begin at the same moment."""
        return [self._pool.submit(_run, number, move) for number in range(RACERS)]

    def race(self, move: Move) -> Counter[Decision]:
        """The same, and how they were answered; each of the sixteen is a process of its own."""
        return self.answers(self.start(move))

    def answers(self, started: list["Future[tuple[int, Counter[Decision]]]"]) -> Counter[Decision]:
        """How all were answered."""
        ended = [one.result(timeout=300) for one in started]
        assert len({pid for pid, _ in ended}) == RACERS
        return sum((answers for _, answers in ended), Counter())

    def close(self) -> None:
        self._pool.shutdown()


def _begin(url: str, start: Barrier) -> None:
    """In a new process: a connection of its own."""
    _here["engine"], _here["start"] = open_engine(url, pool_size=1), start


def _run(racer: int, move: Move) -> tuple[int, Counter[Decision]]:
    """One racer's part."""
    desk, answers = Desk(engine=_here["engine"], limits=move.limits), Counter[Decision]()
    desk.one("SELECT 1")
    _here["start"].wait(30)
    for turn in range(move.turns):
        answer = desk.ask(move.component.format(racer=racer, turn=turn), **move.asked)
        answers[answer.decision] += 1
        if answer.admitted and move.outcome is not None:
            desk.end(answer, move.outcome)
        if answer.decision is move.last:
            break
    return os.getpid(), answers


@pytest.fixture(scope="module")
def racers(embedded_postgres: Embedded, database_url: str) -> Iterator[Racers]:
    """The processes of a test file."""
    racers = Racers(embedded_postgres.url(roles.MIGRATOR))
    yield racers
    racers.close()
