"""Health of a table or view of the estate: it is there, and populated. The observer calls this.

Where the database cannot be asked nothing is known of what is in it: that is the fault of another component.
"""

from collections.abc import Mapping
from dataclasses import replace

from selfheal.model.component import Component
from selfheal.model.errors import Permanent, Transient
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.policy.names import named
from selfheal.ports import Clock, EstateDatabase
from selfheal.probes.look import Seen, look

_SICK = {
    "MISSING": "is missing",
    "UNPOPULATED": "is a materialized view that is not populated: nobody can read it",
}


class SqlObjectProbe:
    """Fulfils `ports.Probe` for components with `probe = "sql-object"`."""

    def __init__(self, databases: Mapping[str, EstateDatabase], clock: Clock) -> None:
        self._databases = databases
        self._clock = clock

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Look once, within the component's probe time-out; the observation's incarnation is the object's."""
        found: list[Incarnation] = []

        def ask() -> Seen:
            found.append(self._object(component))
            said = _SICK.get(found[0].state, "")
            detail = f"{component.object} {said}" if said else ""
            return Seen(health=Health.SICK if said else Health.HEALTHY, detail=detail)

        seen = look(component, incarnation, self._clock, ask)
        return replace(seen, incarnation=found[0]) if found else seen

    def _object(self, component: Component) -> Incarnation:
        database = named(component.database, self._databases, kind="database")
        try:
            return database.object(component.object, timeout=component.probe_timeout)
        except Transient as error:
            raise Permanent(f"{component.object} cannot be looked for: {error.message}") from error
