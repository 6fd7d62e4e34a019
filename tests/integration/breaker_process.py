"""One process that asks, or changes, a breaker: `test_breaker_crashes` starts it, and it dies where it is told to.

ask URL COUNT           asks a half-open breaker COUNT times from eight threads; prints how many were permits
die URL                 reads lines `NAME EVENT WHEN PERMIT GENERATION`, and for each has a child do it and kill itself
"""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

from breaker_worlds import RULES, happen

from selfheal.model.breaker import Permit
from selfheal.store.breakers import Breakers
from selfheal.store.engine import open_engine, transaction

THREADS = 8


def ask(url: str, name: str, count: int) -> None:
    """Ask at once, when the parent says so."""
    breakers = Breakers(open_engine(url, pool_size=THREADS), RULES)
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda _: breakers.ask(name, uuid4()), range(count)))
    print(sum(isinstance(answer, Permit) for answer in answers))  # noqa: T201


def die(url: str) -> None:
    """Let a child do each thing, and die before its transaction is committed, or after."""
    for line in sys.stdin:
        name, event, when, permit, generation = line.split()
        child = os.fork()
        if child == 0:
            engine = open_engine(url, pool_size=1)
            breakers = Breakers(engine, RULES)
            with transaction(engine) as connection:
                happen(breakers, connection, name, event, Permit(id=UUID(permit), generation=int(generation)))
                if when == "before":
                    os.kill(os.getpid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        ask(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        die(sys.argv[2])
