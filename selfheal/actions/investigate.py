"""INVESTIGATE: collect what is known of a component, change nothing, and hand its fault to a person with it.

The heal protocol calls it through `actions.table`. It stands on a ladder where nothing of ours mends a fault (a program
that is not installed, an error in the code), or last, where all that was tried did not help. It heals nothing and does
not say so: its attempt ends as not healed, its breaker hears neither a failure nor a success, and the fault needs a
person from then on.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from selfheal.actions.container import engine_of, evidence_of, existing
from selfheal.actions.evidence import redacted
from selfheal.actions.service import Service
from selfheal.model.attempt import Plan
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import ForAPerson, SelfhealError
from selfheal.model.observation import Observation
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.ports import Clock, ContainerControl, Observe, ServiceControl

_NOT_THINGS = frozenset({ProbeKind.WORKFLOW, ProbeKind.DELIVERABLES})


class Investigate:
    """Fulfils `ports.Action` for every component that is watched."""

    name = "investigate"
    action_type = "INVESTIGATE"
    mode = "auto"
    risk = "None: it only looks."
    manual_minutes = 0
    timeout = timedelta(seconds=10)

    def __init__(
        self,
        *,
        containers: Mapping[str, ContainerControl],
        controls: Mapping[str, ServiceControl],
        observe: Observe,
        clock: Clock,
    ) -> None:
        self._containers, self._controls = containers, controls
        self._observe, self._clock = observe, clock

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether it is a thing of the estate, for any reason; or a workflow that may soon be stuck."""
        return component.probe not in _NOT_THINGS or trigger.type is TriggerType.STUCK_SOON

    def prepare(self, component: Component) -> Plan:
        """Look, and keep what the component's keeper tells; what cannot be had is told."""
        seen = self._observe(component)
        evidence = {"seen": redacted(f"{seen.health}: {seen.detail}")}
        try:
            evidence |= self._of_keeper(component)
        except SelfhealError as error:
            evidence["keeper"] = f"({component.keeper} tells nothing: {redacted(str(error))})"
        return Plan(
            before=seen.incarnation,
            evidence=evidence,
            steps=("collect evidence, change nothing", "hand the fault to a person"),
        )

    def commit(self, component: Component, plan: Plan) -> str:
        """Nothing is done; raises `ForAPerson` with what was seen."""
        raise ForAPerson(f"investigated {component.name}: {plan.evidence['seen']}")

    def validate(self, component: Component) -> Observation:
        """One look."""
        return self._observe(component)

    def rollback(self, component: Component, plan: Plan) -> str:  # noqa: ARG002 - there is none
        """Nothing: nothing was changed."""
        return f"nothing of {component.name} was changed"

    def _of_keeper(self, component: Component) -> dict[str, Any]:
        if component.container:
            engine = engine_of(component, self._containers)
            return evidence_of(engine, existing(engine, component))
        if component.program:
            return Service(component, self._controls, self._clock).plan().evidence
        return {}
