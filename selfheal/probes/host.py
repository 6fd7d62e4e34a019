"""Health of the host that we run on: nothing is wrong with it by one look. The observer calls this around a heal."""

from selfheal.model.component import Component
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.ports import Clock, LooksAtHost
from selfheal.probes.look import Seen, look


class HostProbe:
    """Fulfils `ports.Probe` for the component `host`.

    Args:
        host: looks, and says what is wrong.
        clock: for the time of an observation.
    """

    def __init__(self, host: LooksAtHost, clock: Clock) -> None:
        self._host = host
        self._clock = clock

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Look once."""

        def ask() -> Seen:
            wrong = self._host.look().findings
            words = "; ".join(one.message for one in wrong)
            return Seen(health=Health.SICK if wrong else Health.HEALTHY, detail=words)

        return look(component, incarnation, self._clock, ask)
