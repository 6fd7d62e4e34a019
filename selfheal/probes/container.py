"""Health by container: what Docker's own health check says; without one, that it runs. The observer calls this."""

from selfheal.model.component import Component
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.ports import Clock
from selfheal.probes.look import Seen, look


class ContainerProbe:
    """Fulfils `ports.Probe` for components with `probe = "container"`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Judge the engine's word; without one nothing is known."""
        return look(component, incarnation, self._clock, lambda: _judge(incarnation))


def _judge(incarnation: Incarnation | None) -> Seen:
    """A container whose health check has not spoken yet, or speaks no more, is neither healed nor sick."""
    if incarnation is None:
        return Seen(health=Health.UNKNOWN, detail="its Docker engine cannot be asked")
    if not incarnation.can_answer:
        return Seen(health=Health.SICK, detail=incarnation.words)
    if incarnation.health == "unhealthy":
        said = f": {incarnation.note}" if incarnation.note else ""
        return Seen(health=Health.SICK, detail=f"container unhealthy{said}")
    if incarnation.health == "starting":
        return Seen(health=Health.UNKNOWN, detail="starting: its health check has not passed or failed yet")
    if incarnation.health == "unchecked":
        return Seen(health=Health.UNKNOWN, detail=incarnation.note)
    return Seen(health=Health.HEALTHY)
