"""What a run of the watcher hears of agent-health, and what that says of NATS."""

import logging
from collections.abc import Callable, Sequence

from selfheal.model.errors import SelfhealError
from selfheal.model.health import ComponentHealth, Measured
from selfheal.model.hearing import Heard
from selfheal.model.observation import Observation
from selfheal.policy.hearing import heard_of, judged, observed, row
from selfheal.ports import Listener

_log = logging.getLogger(__name__)


class Hearing:
    """One run's ears. Without a listener all passes as it is.

    Args:
        listener: hears; None: there is nothing to hear.
        components: names of those that are the server which is listened to.
        kept: the newest message that an earlier run has kept of one of them.
    """

    def __init__(
        self,
        listener: Listener | None = None,
        *,
        components: frozenset[str] = frozenset(),
        kept: Callable[[str], Measured | None] = lambda _: None,
    ) -> None:
        self._listener, self._components, self._kept = listener, components, kept
        self._last: Heard | None = None
        self._told: Heard | None = None

    def start(self) -> None:
        """Begin to listen, knowing what was heard before."""
        if self._listener is None or not self._components:
            return
        self._listener.start()
        try:
            before = self._kept(min(self._components))
        except SelfhealError as error:
            _log.warning("what was heard of agent-health before is not known: %s", error)
            return
        self._last = self._told = heard_of(before) if before else None

    def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.close()

    def observed(self, observations: Sequence[Observation]) -> list[Observation]:
        """The looks of a sweep, with what was heard."""
        self._last = (self._listener.heard() if self._listener else None) or self._last
        return [observed(one, self._last) if one.component in self._components else one for one in observations]

    def judged(self, health: Sequence[ComponentHealth]) -> list[ComponentHealth]:
        """What came of them, with what was heard."""
        return [judged(one, self._last) if one.component in self._components else one for one in health]

    def rows(self) -> list[Measured]:
        """A message that was heard since the last sweep, to be kept."""
        if self._last is None or self._last == self._told:
            return []
        self._told = self._last
        return [row(name, self._last) for name in sorted(self._components)]
