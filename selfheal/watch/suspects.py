"""Which components that no sweep looks at are looked at now: those whose fault is open. Used by the watcher.

A trigger that suspects such a component opens its fault; somebody must see how that goes on, and that it is over.
"""

import logging
from collections.abc import Iterable, Sequence

from selfheal.model.component import Component
from selfheal.model.errors import SelfhealError
from selfheal.policy.watching import UNWATCHED_LOOK
from selfheal.ports import Clock, HealStore

_log = logging.getLogger(__name__)


class Suspects:
    """The components that are not watched.

    Args:
        components: all of the estate.
        heals: knows the open faults.
        clock: time.
    """

    def __init__(self, components: Iterable[Component], heals: HealStore, clock: Clock) -> None:
        self._unwatched = [one for one in components if not one.watched]
        self._heals, self._clock = heals, clock
        self._next = clock.monotonic()

    def due(self) -> Sequence[Component]:
        """Those to look at in this sweep: none, until a minute after the last time."""
        if not self._unwatched or self._clock.monotonic() < self._next:
            return ()
        self._next = self._clock.monotonic() + UNWATCHED_LOOK.total_seconds()
        try:
            return [one for one in self._unwatched if self._heals.has_open_fault(one.target)]
        except SelfhealError as error:
            _log.warning("cannot tell which faults of unwatched components are open: %s", error)
            return ()
