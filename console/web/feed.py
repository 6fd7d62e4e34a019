"""Who waits for news. While anybody does, the marks are read twice a second: once for all who see the same."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from console.web.services import Services
from selfheal.model.errors import SelfhealError
from selfheal.model.identity import Identity
from selfheal.model.mark import Area
from selfheal.policy.identity import sees_all
from selfheal.store.engine import seen_by

_log = logging.getLogger(__name__)
EVERY_S = 0.5
MOST, MOST_OF_ONE = 50, 20
"""Listeners at once, of all and of one person: each holds a connection."""
_Marks = Mapping[Area, str]
_View = tuple[str, bool]
"""What two persons who see the same have in common: their tenant, and whether they see all."""


@dataclass(kw_only=True, eq=False)
class Listener:
    """Somebody who waits; not frozen: it gathers what has changed since it was asked last.

    Attributes:
        identity: who.
        marks: that it was told of last; None before it was told any.
        news: set when something has changed.
    """

    identity: Identity
    marks: _Marks | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _latest: _Marks | None = None

    def tell(self, marks: _Marks) -> None:
        """These are the marks now."""
        self._latest = marks
        if marks != self.marks:
            self.news.set()

    def taken(self) -> tuple[_Marks, frozenset[Area]]:
        """The marks now, and the areas that have changed since this was called before; only after `news`."""
        self.news.clear()
        latest, before = self._latest or {}, self.marks
        self.marks = latest
        return latest, frozenset(area for area in latest if before is not None and before.get(area) != latest[area])


class Feed:
    """All listeners of one process."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None

    def join(self, services: Callable[[], Services], identity: Identity) -> Listener | None:
        """Listen; None: there are too many listeners."""
        of_one = sum(one.identity.name == identity.name for one in self._listeners)
        if len(self._listeners) >= MOST or of_one >= MOST_OF_ONE:
            return None
        listener = Listener(identity=identity)
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll(services), name="feed")
        return listener

    def leave(self, listener: Listener) -> None:
        """Listen no more; without listeners nothing is read."""
        self._listeners.discard(listener)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _poll(self, services: Callable[[], Services]) -> None:
        while self._listeners:
            views = {_view(one.identity): one.identity for one in self._listeners}
            for view, identity in views.items():
                await self._look(services(), view, identity)
            await asyncio.sleep(EVERY_S)

    async def _look(self, services: Services, view: _View, identity: Identity) -> None:
        try:
            marks = await run_in_threadpool(_marks, services, identity)
        except SelfhealError as error:  # they hear of it by the pages; the next look is soon
            _log.warning("no news can be read: %s", error)
            return
        for listener in self._listeners:
            if _view(listener.identity) == view:
                listener.tell(marks)


def _view(identity: Identity) -> _View:
    return str(identity.tenant), sees_all(identity)


def _marks(services: Services, identity: Identity) -> _Marks:
    with seen_by(services.engine, identity):
        return services.marks.now()
