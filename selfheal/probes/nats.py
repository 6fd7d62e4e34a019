"""Health of a NATS broker: a new connection and a flush in time. The observer calls this."""

from selfheal.model.component import Component
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.ports import BrokerClient, Clock
from selfheal.probes.look import Seen, look


class NatsProbe:
    """Fulfils `ports.Probe` for components with `probe = "nats"`."""

    def __init__(self, broker: BrokerClient, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Connect to the broker once, within the component's probe time-out."""
        return look(component, incarnation, self._clock, lambda: self._ask(component))

    def _ask(self, component: Component) -> Seen:
        milliseconds = self._broker.ping(
            component.url, credentials=component.credentials, timeout=component.probe_timeout
        )
        return Seen(health=Health.HEALTHY, response_ms=milliseconds)
