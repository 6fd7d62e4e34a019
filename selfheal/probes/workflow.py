"""Health of a workflow: sick when it is stuck or escalated. The observer calls this.

Where a store cannot be asked, or they contradict each other, nothing is known of it: that moves nothing.
"""

from dataclasses import replace
from datetime import timedelta

from selfheal.model.component import Component
from selfheal.model.errors import Permanent, Transient
from selfheal.model.observation import Incarnation, Observation
from selfheal.policy.preempting import PAST_PACE
from selfheal.ports import Clock
from selfheal.probes.look import Seen, look
from selfheal.protocol.workflow_looks import WorkflowLooks


class WorkflowProbe:
    """Fulfils `ports.Probe` for workflows."""

    def __init__(self, looks: WorkflowLooks, clock: Clock) -> None:
        self._looks = looks
        self._clock = clock

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Look once; the observation's incarnation is what file and state say of it."""
        found: list[Incarnation] = []

        def ask() -> Seen:
            try:
                seen = self._looks.one(component.name)
            except Transient as error:
                raise Permanent(error.message, hint=error.hint) from error  # tells nothing of the workflow
            found.append(seen.life)
            if seen.early is None:
                return Seen(health=seen.health, detail=seen.verdict.why)
            past = {PAST_PACE: seen.early.past / timedelta(minutes=1)}
            return Seen(health=seen.health, detail=seen.early.plan.why, values=past)

        told = look(component, incarnation, self._clock, ask)
        return replace(told, incarnation=found[0]) if found else told
