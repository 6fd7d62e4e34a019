"""What containers use, once a minute beside the sweeps: an engine may take a second for each."""

import logging
from collections.abc import Callable, Mapping

from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import SelfhealError
from selfheal.model.health import HealthStatus, Measured
from selfheal.model.usage import ContainerUsage
from selfheal.policy.usage import values_of
from selfheal.ports import Clock, ContainerControl, HealthStore
from selfheal.watch.beside import Beside

_EVERY_S = 60.0
_log = logging.getLogger(__name__)


class Measuring:
    """Writes down what the containers of one run use.

    Args:
        engines: the Docker engines by name.
        components: the estate, by name.
        health: where it is kept.
        clock: time.
        status: of a component, as it is known.
    """

    def __init__(
        self,
        engines: Mapping[str, ContainerControl],
        components: Mapping[str, Component],
        *,
        health: HealthStore,
        clock: Clock,
        status: Callable[[str], HealthStatus],
    ) -> None:
        self._engines, self._health, self._clock, self._status = engines, health, clock, status
        self._containers = [
            one
            for one in components.values()
            if one.container and one.docker in engines and one.probe is not ProbeKind.MEMORY  # which tells it itself
        ]
        self._work = Beside("measure containers", self.measure)
        self._next = clock.monotonic()
        self._before: dict[str, tuple[float, ContainerUsage]] = {}

    def start(self) -> None:
        """Measure in a thread of its own, if a minute has passed."""
        if self._containers and self._clock.monotonic() >= self._next:
            self._next = self._clock.monotonic() + _EVERY_S
            self._work.start()

    def close(self) -> None:
        """Wait until it is over."""
        self._work.close()

    def measure(self) -> None:
        """Each container once; one that cannot be told is told by nothing."""
        rows = [row for name in self._engines for row in self._of_engine(name)]
        if rows:
            self._health.record([], rows)

    def _of_engine(self, name: str) -> list[Measured]:
        components = [one for one in self._containers if one.docker == name]
        try:
            usages = self._engines[name].usages({one.container for one in components})
        except SelfhealError as error:
            _log.debug("what containers use is not known: %s", error)
            return []
        return [row for one in components if one.container in usages for row in self._rows(one, usages[one.container])]

    def _rows(self, component: Component, usage: ContainerUsage) -> list[Measured]:
        now, before = self._clock.monotonic(), self._before.get(component.name)
        self._before[component.name] = (now, usage)
        passed = now - before[0] if before else 0.0
        values = values_of(usage, before[1] if before else None, passed_s=passed)
        return [
            Measured(
                component=component.name,
                metric=metric,
                value=value,
                status=self._status(component.name),
                checked_at=self._clock.now(),
            )
            for metric, value in values.items()
        ]
