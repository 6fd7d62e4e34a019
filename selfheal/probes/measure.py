"""One value of one component, measured now: what a prediction was about, after the heal for it.

`protocol.steps` calls it through `ports.Measure`. What cannot be told is None, never an error.
"""

from collections.abc import Mapping

from selfheal.model.component import Component
from selfheal.model.errors import SelfhealError
from selfheal.model.health import RESPONSE
from selfheal.model.observation import Observation
from selfheal.policy.preempting import MEMORY, MEMORY_BYTES
from selfheal.policy.usage import values_of
from selfheal.ports import ContainerControl


class Measurer:
    """Fulfils `ports.Measure`.

    Args:
        engines: the Docker engines by name.
    """

    def __init__(self, engines: Mapping[str, ContainerControl]) -> None:
        self._engines = engines

    def __call__(self, component: Component, metric: str, seen: Observation) -> float | None:
        """The value now: of the look itself where it has measured it, else of its container."""
        if metric == RESPONSE:
            return seen.response_ms
        if metric in seen.values:
            return seen.values[metric]
        engine = self._engines.get(component.docker)
        if metric not in {MEMORY, MEMORY_BYTES} or engine is None or not component.container:
            return None
        try:
            usage = engine.usages({component.container}).get(component.container)
        except SelfhealError:
            return None
        return None if usage is None else values_of(usage, None, passed_s=0).get(metric)
