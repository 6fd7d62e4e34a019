"""One value of one component, measured now: what a prediction was about, after the heal for it.

`protocol.steps` calls it through `ports.Measure`. What cannot be told is None, never an error.
"""

from collections.abc import Mapping

from selfheal.model.check import MIB, MemoryUse
from selfheal.model.component import Component
from selfheal.model.errors import SelfhealError
from selfheal.model.health import RESPONSE
from selfheal.model.observation import Observation
from selfheal.policy.preempting import MEMORY, MEMORY_BYTES
from selfheal.policy.usage import values_of
from selfheal.ports import ContainerControl
from selfheal.probes.memory import MemoryProbe


class Measurer:
    """Fulfils `ports.Measure`.

    Args:
        engines: the Docker engines by name.
        memory: looks at memory within containers, processes, and where components tell it.
    """

    def __init__(self, engines: Mapping[str, ContainerControl], memory: MemoryProbe) -> None:
        self._engines, self._memory = engines, memory

    def __call__(self, component: Component, metric: str, seen: Observation) -> float | None:
        """The value now; the response time is that of the look itself."""
        if metric == RESPONSE:
            return seen.response_ms
        if metric not in {MEMORY, MEMORY_BYTES}:
            return None
        try:
            return self._of_memory(component, metric, seen)
        except SelfhealError:
            return None

    def _of_memory(self, component: Component, metric: str, seen: Observation) -> float | None:
        """By its own figure where it tells one, else by its container."""
        if component.memory is not None:
            return _in_unit(self._memory.use(component, seen.incarnation), metric, own_limit=component.memory.mib * MIB)
        engine = self._engines.get(component.docker)
        if engine is None or not component.container:
            return None
        usage = engine.usages({component.container}).get(component.container)
        return None if usage is None else values_of(usage, None, passed_s=0).get(metric)


def _in_unit(use: MemoryUse, metric: str, *, own_limit: float) -> float | None:
    """In bytes, or in percent of its limit; without one, of what the settings let it use."""
    if metric == MEMORY_BYTES:
        return float(use.used)
    limit = use.limit or own_limit
    return 100 * use.used / limit if limit else None
