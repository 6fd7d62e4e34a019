"""RESTART_DATABASE: restart a database of the estate that does not answer, through whoever keeps it.

The heal protocol calls it through `actions.table`. It adds to the restarts of services and containers that the
database is asked first, and once more right before: one that answers in any way, be it that it starts, recovers or is
full, is never restarted.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from selfheal.model.attempt import Plan
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import NotAllowed, Permanent, TargetChanged, Transient
from selfheal.model.observation import Observation
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.policy.names import named
from selfheal.ports import Action, EstateDatabase

REASONS = frozenset(
    {
        TriggerType.SERVICE_DOWN,
        TriggerType.CONTAINER_DOWN,
        TriggerType.LOG_ERROR,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.MANUAL,
    }
)


class RestartDatabase:
    """Fulfils `ports.Action` for components with `probe = "sql"` and a program or container.

    Args:
        databases: of the estate, by name.
        service: restarts programs.
        container: restarts containers.
    """

    name = "restart-database"
    action_type = "RESTART_DATABASE"
    mode = "auto"
    risk = "All connections of the database end, and what was not committed is lost; it recovers when it starts."
    manual_minutes = 20

    def __init__(self, *, databases: Mapping[str, EstateDatabase], service: Action, container: Action) -> None:
        self.timeout: timedelta = max(service.timeout, container.timeout)
        self._databases = databases
        self._service = service
        self._container = container

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether a database is down, or a person asks, and something keeps it."""
        return trigger.type in REASONS and component.probe is ProbeKind.SQL and bool(component.keeper)

    def prepare(self, component: Component) -> Plan:
        """Ask it, and keep what its keeper tells: state, last log lines. Its activity cannot be had: it is silent."""
        said = self._silence(component)
        plan = self._keeper(component).prepare(component)
        return replace(plan, evidence=plan.evidence | {"database": said}, steps=(f"{said}: restart it", *plan.steps))

    def commit(self, component: Component, plan: Plan) -> str:
        """Restart it with its own signal and grace, if it is silent still."""
        try:
            self._silence(component)
        except NotAllowed as error:
            raise TargetChanged(str(error)) from error
        return self._keeper(component).commit(component, plan)

    def validate(self, component: Component) -> Observation:
        """One look."""
        return self._keeper(component).validate(component)

    def rollback(self, component: Component, plan: Plan) -> str:
        """Return it to the state that was found."""
        return self._keeper(component).rollback(component, plan)

    def _silence(self, component: Component) -> str:
        """Why it does not answer.

        Raises:
            NotAllowed: it does, if only to say that it takes no connections.
        """
        database = named(component.database, self._databases, kind="database")
        try:
            database.ping(timeout=component.probe_timeout)
        except Transient as error:
            return error.message
        except Permanent as error:
            raise NotAllowed(f"not restarted, since it is not dead: {error.message}", hint=error.hint) from error
        raise NotAllowed(f"not restarted: {component.database} answers")

    def _keeper(self, component: Component) -> Action:
        return self._container if component.container else self._service
