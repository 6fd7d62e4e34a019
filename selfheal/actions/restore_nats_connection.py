"""RESTORE_NATS_CONNECTION: try to reach the broker with growing pauses; only then restart its service.

The heal protocol calls it through `actions.table`. A broker that is merely slow keeps its clients and
streams.
"""

from collections.abc import Mapping
from datetime import timedelta

from selfheal.actions.service import Service
from selfheal.model.attempt import Plan
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Permanent, SelfhealError
from selfheal.model.observation import Observation
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.ports import BrokerClient, Clock, Observe, ServiceControl

REASONS = frozenset(
    {
        TriggerType.NATS_DOWN,
        TriggerType.SERVICE_DOWN,
        TriggerType.LOG_ERROR,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.MANUAL,
    }
)
PAUSES = (0.5, 1.0, 2.0)


class RestoreNatsConnection:
    """Fulfils `ports.Action` for components whose probe is a NATS broker."""

    name = "restore-nats-connection"
    action_type = "RESTORE_NATS_CONNECTION"
    mode = "auto"
    risk = "A silent broker is restarted: clients reconnect, what was not acknowledged comes again."
    manual_minutes = 10
    timeout = timedelta(seconds=60)

    def __init__(
        self,
        *,
        controls: Mapping[str, ServiceControl],
        observe: Observe,
        broker: BrokerClient,
        clock: Clock,
    ) -> None:
        self._controls = controls
        self._observe = observe
        self._broker = broker
        self._clock = clock

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether a broker is down, by any name, or a person asks; one in a container is for restart-container."""
        return trigger.type in REASONS and component.probe is ProbeKind.NATS and not component.container

    def prepare(self, component: Component) -> Plan:
        """Keep the process's state and its last log lines, where the broker has a supervisor of ours."""
        steps = f"connect up to {len(PAUSES) + 1} times, with pauses of {', '.join(f'{p:g} s' for p in PAUSES)}"
        if not component.supervisor:
            return Plan(steps=(steps,))
        return self._service(component).plan(steps, f"if it stays silent, restart {component.program}")

    def commit(self, component: Component, plan: Plan) -> str:
        """Reconnect if the process runs and answers; else restart the service, at once if it is dead."""
        ends = self._clock.monotonic() + self.timeout.total_seconds()
        silence = self._reconnect(component)
        if silence is None:
            return "reconnected without a restart"
        if not component.supervisor:
            raise Permanent(
                f"{component.name} stays silent and has no supervisor to restart it ({silence})",
                hint="restart it by hand, or set supervisor and program of the component",
            )
        left = timedelta(seconds=max(1.0, ends - self._clock.monotonic()))
        return f"{self._service(component).restart(before=plan.before, timeout=left)}: {silence}"

    def validate(self, component: Component) -> Observation:
        """One look."""
        return self._observe(component)

    def rollback(self, component: Component, plan: Plan) -> str:
        """Return the broker's process to the state that was found."""
        if plan.rollback is None:
            return "nothing to go back to: no process was touched"
        return self._service(component).restore(plan.rollback, timeout=self.timeout)

    def _reconnect(self, component: Component) -> str | None:
        """None once the broker answers, or why it does not."""
        silence = ""
        for pause in (*PAUSES, None):
            if component.supervisor and not (life := self._service(component).life()).running:
                return f"its process is {life.state}"
            try:
                self._broker.ping(component.url, credentials=component.credentials, timeout=component.probe_timeout)
            except SelfhealError as error:
                silence = error.message
            else:
                return None
            if pause is not None:
                self._clock.wait(pause)
        return silence

    def _service(self, component: Component) -> Service:
        return Service(component, self._controls, self._clock)
