"""RESTART_SERVICE: stop a supervised program with its own signal and grace, and start it again.

The heal protocol calls it through `actions.table`.
"""

from collections.abc import Mapping
from datetime import timedelta

from selfheal.actions.service import Service
from selfheal.model.attempt import Plan
from selfheal.model.component import Component
from selfheal.model.observation import Observation
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.policy.preempting import of_memory, of_response
from selfheal.ports import Clock, Observe, ServiceControl

REASONS = frozenset(
    {
        TriggerType.SERVICE_DOWN,
        TriggerType.LOG_ERROR,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.HOST_PRESSURE,
        TriggerType.MEMORY_HIGH,
        TriggerType.BREAKER_OPENED,
        TriggerType.BEHIND_ESCALATION,
        TriggerType.MANUAL,
    }
)


class RestartService:
    """Fulfils `ports.Action` for components with a supervisor and a program."""

    name = "restart-service"
    action_type = "RESTART_SERVICE"
    mode = "auto"
    risk = "The service is away for as long as it takes to stop and start; requests under way are lost."
    manual_minutes = 10

    def __init__(
        self,
        *,
        controls: Mapping[str, ServiceControl],
        observe: Observe,
        clock: Clock,
        timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        self.timeout = timeout
        self._controls = controls
        self._observe = observe
        self._clock = clock

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether there is a program to restart that is down, suspected or behind an open breaker, or a person asks."""
        fits = trigger.type in REASONS or of_memory(trigger) or of_response(trigger)
        return fits and bool(component.supervisor and component.program)

    def prepare(self, component: Component) -> Plan:
        """Keep the process's state and its last log lines."""
        service = self._service(component)
        return service.plan(f"stop {service.program} if it runs", f"start {service.program}")

    def commit(self, component: Component, plan: Plan) -> str:
        """Stop if running, then start, if it is still the incarnation that was found."""
        return self._service(component).restart(before=plan.before, timeout=self.timeout)

    def validate(self, component: Component) -> Observation:
        """One look."""
        return self._observe(component)

    def rollback(self, component: Component, plan: Plan) -> str:
        """Return the process to the state that was found; nothing else can be undone."""
        return self._service(component).restore(plan.rollback, timeout=self.timeout)

    def _service(self, component: Component) -> Service:
        return Service(component, self._controls, self._clock)
