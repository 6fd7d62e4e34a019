"""Finds out who sends a request. Asked at each request; a positive answer is good for two seconds and no longer."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool

from console.web.services import Services
from console.web.visit import Way
from selfheal.model.identity import Identity

FRESH_S = 2.0
MOST = 1000
Found = tuple[Identity, str]
"""Who it is, and what their forms must carry."""


class Callers:
    """The living credentials that were asked for lately.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Found]] = OrderedDict()

    def known(self, way: Way, secret: str) -> Found | None:
        """The answer of the last two seconds, if it was positive."""
        until, found = self._kept.get(_key(way, secret), (0.0, None))
        if found is None or until <= self._clock() or _expired(found[0]):
            return None
        return found

    async def find(self, services: Services, way: Way, secret: str) -> Found | None:
        """Whose it is; None: nobody's, not any more, or not yet.

        Raises:
            Transient: the database does not answer.
        """
        found = self.known(way, secret) or await run_in_threadpool(_look, services, way, secret)
        if found is not None and self.known(way, secret) is None:
            self._kept[_key(way, secret)] = (self._clock() + FRESH_S, found)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return found

    def forget(self, way: Way, secret: str) -> None:
        """It has just been ended."""
        self._kept.pop(_key(way, secret), None)


def _look(services: Services, way: Way, secret: str) -> Found | None:
    if way is Way.SESSION:
        return services.sessions.find(secret)
    identity = services.tokens.find(secret)
    return None if identity is None else (identity, "")


def _expired(identity: Identity) -> bool:
    return identity.expires_at is not None and identity.expires_at <= datetime.now(UTC)


def _key(way: Way, secret: str) -> str:
    """No secret is kept in memory longer than its request."""
    return hashlib.sha256(f"{way}:{secret}".encode("utf-8", "surrogatepass")).hexdigest()
