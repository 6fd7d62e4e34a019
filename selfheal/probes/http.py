"""Health by URL: an answer of 2xx or 3xx in time is healthy. The observer calls this."""

from selfheal.model.component import Component
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.ports import Clock, HttpClient
from selfheal.probes.look import Seen, look

FIRST_GOOD, FIRST_BAD = 200, 400


class HttpProbe:
    """Fulfils `ports.Probe` for components with `probe = "http"`."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Ask the component's URL once, within its probe time-out."""
        return look(component, incarnation, self._clock, lambda: self._ask(component))

    def _ask(self, component: Component) -> Seen:
        status, milliseconds = self._http.get(component.url, timeout=component.probe_timeout)
        if FIRST_GOOD <= status < FIRST_BAD:
            return Seen(health=Health.HEALTHY, response_ms=milliseconds)
        return Seen(health=Health.SICK, detail=f"answers {status}", response_ms=milliseconds)
