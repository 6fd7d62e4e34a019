"""Health of a database of the estate: SELECT 1 on a new connection in time. The observer calls this.

A database that answers and does not let us in (it starts or recovers, it is full, our password is wrong) is not
dead, and restarting it would end everybody else's work: that is UNKNOWN.
"""

from collections.abc import Mapping

from selfheal.model.component import Component
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.policy.names import named
from selfheal.ports import Clock, EstateDatabase
from selfheal.probes.look import Seen, look


class SqlProbe:
    """Fulfils `ports.Probe` for components with `probe = "sql"`."""

    def __init__(self, databases: Mapping[str, EstateDatabase], clock: Clock) -> None:
        self._databases = databases
        self._clock = clock

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Ask the database once, within the component's probe time-out."""
        return look(component, incarnation, self._clock, lambda: self._ask(component))

    def _ask(self, component: Component) -> Seen:
        database = named(component.database, self._databases, kind="database")
        return Seen(health=Health.HEALTHY, response_ms=database.ping(timeout=component.probe_timeout))
