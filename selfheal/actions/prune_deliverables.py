"""PRUNE_DELIVERABLES: delete the deliverables of requests that nobody knows, by a person's word, and keep copies.

The heal protocol calls it through `actions.table`. It acts on the one component `deliverables`, only where a person
names it. What is deleted is deleted by its place in the stream: exactly what was found, and what was shown.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from selfheal.model.attempt import Plan
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Permanent, SelfhealError, TargetChanged
from selfheal.model.observation import Health, Observation
from selfheal.model.stream import Orphan
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.ports import Clock, Observe, OrphanedDeliverables, PrunedCopies

AT_ONCE = 1000
"""No run deletes more."""
_SHOWN = 50


class PruneDeliverables:
    """Fulfils `ports.Action` for the component `deliverables`."""

    name = "prune-deliverables"
    action_type = "PRUNE_DELIVERABLES"
    mode = "approve"
    risk = "What is deleted is evidence: a request that was forgotten by mistake looks as if nothing had been done."
    manual_minutes = 45
    timeout = timedelta(minutes=2)

    def __init__(
        self,
        *,
        orphans: OrphanedDeliverables | None,
        copies: PrunedCopies | None,
        observe: Observe,
        clock: Clock,
    ) -> None:
        self._orphans = orphans
        self._copies = copies
        self._observe = observe
        self._clock = clock

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether a person asks, for the deliverables."""
        asked = trigger.type is TriggerType.MANUAL and trigger.action == self.name
        return asked and component.probe is ProbeKind.DELIVERABLES

    def prepare(self, component: Component) -> Plan:
        """Find them; how many there are of each request is the preview. Changes nothing."""
        found = self._found()
        if not found:
            raise Permanent(f"nothing of {component.name} is without a request, or all of that is of today")
        by_request = Counter(one.req_number for one in found)
        by_stream = Counter(one.message.stream for one in found)
        more = len(by_request) - _SHOWN
        shown = [f"{name}: {count}" for name, count in by_request.most_common(_SHOWN)]
        return Plan(
            rollback={"copies": "published again"},
            evidence={"by_stream": dict(by_stream), "by_request": dict(by_request.most_common(_SHOWN))},
            steps=(
                f"keep copies of {len(found)} deliverables of {len(by_request)} requests, and delete them",
                "these requests are neither in the request file nor in workflow_state",
                f"by stream: {', '.join(f'{name}: {count}' for name, count in sorted(by_stream.items()))}",
                f"by request: {', '.join(shown)}{f' and {more} requests more' if more > 0 else ''}",
            ),
            parameters={"deliverables": len(found), "sha256": _fingerprint(found)},
        )

    def commit(self, component: Component, plan: Plan) -> str:
        """Find them again, keep copies, delete; nothing where others are found than were shown."""
        orphans, copies = self._tools()
        found = self._found()
        if _fingerprint(found) != plan.parameters.get("sha256"):
            raise TargetChanged(f"not done: the orphans among {component.name} are others than were shown")
        copies.keep(found)
        orphans.delete(found)
        return f"deleted {len(found)} deliverables, of which there are copies"

    def validate(self, component: Component) -> Observation:
        """Look for each that was to be deleted; where none is open, at the whole."""
        try:
            orphans, copies = self._tools()
            wanted = copies.open()
            left = orphans.there(wanted)
            gone = {id(one) for one in wanted} - {id(one) for one in left}
            copies.gone([one for one in wanted if id(one) in gone])
        except SelfhealError as error:
            return self._seen(component, Health.UNKNOWN, str(error))
        if left:
            return self._seen(component, Health.SICK, f"{len(left)} deliverables are still there")
        if not wanted:
            return self._observe(component)
        return self._seen(component, Health.HEALTHY, f"{len(wanted)} deliverables are gone")

    def rollback(self, component: Component, plan: Plan) -> str:  # noqa: ARG002 - there is nothing to go back to
        """Nothing: what was deleted was nobody's, and its copies are kept for whoever wants it back."""
        return f"what was deleted from {component.name} stays deleted; its copies are in pruned_deliverables"

    def _found(self) -> Sequence[Orphan]:
        return self._tools()[0].find(limit=AT_ONCE)

    def _tools(self) -> tuple[OrphanedDeliverables, PrunedCopies]:
        if self._orphans is None or self._copies is None:
            raise Permanent("there are no workflows", hint="name workflows.request_file in the settings")
        return self._orphans, self._copies

    def _seen(self, component: Component, health: Health, detail: str) -> Observation:
        return Observation(component=component.name, health=health, detail=detail, observed_at=self._clock.now())


def _fingerprint(found: Sequence[Orphan]) -> str:
    """Of exactly these messages."""
    places = "\n".join(f"{one.message.stream} {one.stream_created} {one.message.sequence}" for one in found)
    return hashlib.sha256(places.encode()).hexdigest()
