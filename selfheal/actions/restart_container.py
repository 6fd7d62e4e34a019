"""RESTART_CONTAINER: stop a container with its own signal and grace, and start it again; one call to the engine.

The heal protocol calls it through `actions.table`. A crash loop and a container that is gone are none of its
reasons: the one is restarted often enough already, the other cannot be.
"""

from collections.abc import Mapping
from datetime import timedelta

from selfheal.actions.container import engine_of, evidence_of, existing, the_same
from selfheal.model.attempt import Plan
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Permanent
from selfheal.model.observation import Incarnation, Observation
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.policy.preempting import of_memory, of_response
from selfheal.ports import ContainerControl, Observe

REASONS = frozenset(
    {
        TriggerType.CONTAINER_DOWN,
        TriggerType.LOG_ERROR,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.HOST_PRESSURE,
        TriggerType.MEMORY_HIGH,
        TriggerType.CHECK_FAILED,
        TriggerType.MOUNT_GONE,
        TriggerType.BREAKER_OPENED,
        TriggerType.BEHIND_ESCALATION,
        TriggerType.MANUAL,
    }
)
OVERHEAD = timedelta(seconds=15)
"""What a stop and a start may take besides the stop's grace."""


class RestartContainer:
    """Fulfils `ports.Action` for components with a container."""

    name = "restart-container"
    action_type = "RESTART_CONTAINER"
    mode = "auto"
    risk = "The container is away for as long as it takes to stop and start; requests under way are lost."
    manual_minutes = 10

    def __init__(
        self,
        *,
        containers: Mapping[str, ContainerControl],
        observe: Observe,
        timeout: timedelta = timedelta(seconds=60),
    ) -> None:
        self.timeout = timeout
        self._containers = containers
        self._observe = observe

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether it is a container that is down, suspected or behind an open breaker, or a person asks."""
        fits = trigger.type in REASONS or of_memory(trigger) or of_response(trigger)
        return fits and bool(component.container)

    def prepare(self, component: Component) -> Plan:
        """Keep the inspection, what it uses and its last log lines; refuse what a restart cannot mend or would harm."""
        engine = engine_of(component, self._containers)
        life = existing(engine, component)
        if life.running and life.health == "starting" and component.probe is ProbeKind.CONTAINER:
            raise Permanent(
                f"{component.container} has just been started and its health check has not spoken yet: not touched"
            )
        grace = engine.stop_grace(life.id)
        if life.running and grace + OVERHEAD > self.timeout:
            raise Permanent(
                f"{component.container} may take {grace.total_seconds():g} s to stop, longer than this action may take "
                f"({self.timeout.total_seconds():g} s)",
                hint="restart it by hand: its grace is not cut short",
            )
        return Plan(
            before=life,
            rollback={"restore": _kind(life)},
            evidence=evidence_of(engine, life),
            steps=tuple(_steps(component, life, grace)),
        )

    def commit(self, component: Component, plan: Plan) -> str:
        """Restart it, or start it if it does not run, if it is still the life that was found.

        Docker has no compare-and-set: a restart by somebody else between the look and the call would be repeated.
        """
        engine, name = engine_of(component, self._containers), component.container
        was = the_same(engine, component, plan.before)
        if was.state == "PAUSED":
            engine.unpause(was.id)
        if was.running:
            engine.restart(was.id, timeout=self.timeout)
            return f"restarted {name}" + (" (it was paused)" if was.state == "PAUSED" else "")
        engine.start(was.id, timeout=self.timeout)
        return f"started {name} (it was {was.words.removeprefix('container ')})" + _memory(was)

    def validate(self, component: Component) -> Observation:
        """One look."""
        return self._observe(component)

    def rollback(self, component: Component, plan: Plan) -> str:
        """Return the container to the state that was found; nothing else can be undone."""
        wanted = (plan.rollback or {}).get("restore")
        if wanted not in {"running", "stopped", "paused"} or plan.before is None:
            raise Permanent(f"the plan of {component.container} does not say what to go back to")
        engine = engine_of(component, self._containers)
        now = existing(engine, component)
        if now.id != plan.before.id:
            raise Permanent(f"{component.container} was created anew by somebody else meanwhile: not touched")
        return self._restore(engine, component.container, now, str(wanted))

    def _restore(self, engine: ContainerControl, name: str, now: Incarnation, wanted: str) -> str:
        if _kind(now) == wanted:
            return f"{name} is {wanted}, as it was found"
        if wanted == "stopped":
            engine.stop(now.id, timeout=self.timeout)
        elif not now.running:
            engine.start(now.id, timeout=self.timeout)
        elif wanted == "running":
            engine.unpause(now.id)
        if wanted == "paused":
            engine.pause(now.id)
        return f"{name} is {wanted} again, as it was found"


def _kind(life: Incarnation) -> str:
    """Which of the states to go back to this is; one that Docker keeps restarting counts as running."""
    if life.state == "PAUSED":
        return "paused"
    return "running" if life.running or life.state in {"RESTARTING", "CRASH_LOOP"} else "stopped"


def _steps(component: Component, life: Incarnation, grace: timedelta) -> list[str]:
    if not life.running:
        return [f"start {component.container}"]
    unpause = [f"unpause {component.container}"] if life.state == "PAUSED" else []
    return [*unpause, f"restart {component.container} ({grace.total_seconds():g} s to stop by itself)"]


def _memory(was: Incarnation) -> str:
    """A warning where a restart only buys time."""
    if "out of memory" not in was.note:
        return ""
    return "; it was killed for lack of memory and will be again unless its limit or its use changes"
