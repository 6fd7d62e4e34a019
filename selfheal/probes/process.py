"""Health by process: what its supervisor says is all there is to know. The observer calls this."""

from selfheal.model.component import Component
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.ports import Clock
from selfheal.probes.look import Seen, look


class ProcessProbe:
    """Fulfils `ports.Probe` for components with `probe = "process"`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Judge the supervisor's word; without one nothing is known."""
        return look(component, incarnation, self._clock, lambda: _judge(incarnation))


def _judge(incarnation: Incarnation | None) -> Seen:
    if incarnation is None:
        return Seen(health=Health.UNKNOWN, detail="its supervisor cannot be asked")
    if incarnation.running and incarnation.state == "RUNNING":
        return Seen(health=Health.HEALTHY)
    if incarnation.state == "STARTING":
        return Seen(health=Health.SICK, detail="starting")
    return Seen(health=Health.SICK, detail=f"process {incarnation.state}")
