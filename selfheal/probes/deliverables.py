"""Health of all deliverables: sick where some belong to no request, and have for a while. The observer calls this.

Nothing watches them: they are looked at where a person asks for their pruning.
"""

from selfheal.model.component import Component
from selfheal.model.errors import Permanent, Transient
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.ports import Clock, OrphanedDeliverables
from selfheal.probes.look import Seen, look


class DeliverablesProbe:
    """Fulfils `ports.Probe` for the component `deliverables`."""

    def __init__(self, orphans: OrphanedDeliverables | None, clock: Clock) -> None:
        self._orphans = orphans
        self._clock = clock

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Look for one that may be pruned."""
        return look(component, incarnation, self._clock, self._ask)

    def _ask(self) -> Seen:
        if self._orphans is None:
            raise Permanent("there are no workflows", hint="name workflows.request_file in the settings")
        try:
            found = self._orphans.find(limit=1)
        except Transient as error:
            raise Permanent(error.message, hint=error.hint) from error  # tells nothing of the deliverables
        if not found:
            return Seen(health=Health.HEALTHY, detail="each belongs to a request, or is too young to tell")
        return Seen(health=Health.SICK, detail=f"some belong to no request, like those of {found[0].req_number}")
