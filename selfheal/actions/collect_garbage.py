"""COLLECT_GARBAGE: tell a component to give memory back, by the one signal, call or command that the settings name.

The heal protocol calls it through `actions.table`; a ladder begins with it and goes on with a restart. It is healed
where its memory is seen below the limit within `start_timeout`.
"""

from collections.abc import Mapping
from datetime import timedelta

from selfheal.actions.calling import send
from selfheal.actions.container import answering, engine_of, evidence_of, the_same
from selfheal.actions.evidence import redacted
from selfheal.actions.service import Service
from selfheal.model.attempt import Plan
from selfheal.model.check import LONGEST_CALL, Collect, shown
from selfheal.model.component import Component
from selfheal.model.errors import Declined, NotAllowed, Permanent, TargetChanged
from selfheal.model.observation import Observation
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.policy.names import named
from selfheal.policy.preempting import of_memory
from selfheal.ports import (
    BrokerClient,
    Clock,
    ContainerControl,
    ContainerInside,
    HttpClient,
    LocalProcesses,
    Observe,
    ServiceControl,
)

REASONS = frozenset(
    {
        TriggerType.LOG_ERROR,
        TriggerType.MEMORY_HIGH,
        TriggerType.HOST_PRESSURE,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.MANUAL,
    }
)
_OVERHEAD = timedelta(seconds=15)


class CollectGarbage:
    """Fulfils `ports.Action` for components with `collect`.

    Args:
        containers: the engines by name.
        insides: the same, within.
        controls: the supervisors by name.
        processes: of this machine; None: there are none to act on.
        http: calls URLs.
        broker: sends messages.
        observe: one look.
        clock: time.
    """

    name = "collect-garbage"
    action_type = "COLLECT_GARBAGE"
    mode = "auto"
    risk = "The component stands still while it collects; one that does not handle the signal may end by it."
    manual_minutes = 5
    timeout = LONGEST_CALL + _OVERHEAD

    def __init__(  # noqa: PLR0913 - the three ways, and what they go through
        self,
        *,
        containers: Mapping[str, ContainerControl],
        insides: Mapping[str, ContainerInside],
        controls: Mapping[str, ServiceControl],
        processes: LocalProcesses | None,
        http: HttpClient,
        broker: BrokerClient,
        observe: Observe,
        clock: Clock,
    ) -> None:
        self._containers, self._insides, self._controls = containers, insides, controls
        self._processes, self._http, self._broker = processes, http, broker
        self._observe, self._clock = observe, clock

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether the settings say how, and memory may be short, or a person asks."""
        fits = trigger.type in REASONS or of_memory(trigger)
        return fits and component.collect is not None

    def prepare(self, component: Component) -> Plan:
        """Look, and keep what its keeper tells."""
        collect, seen = _collect(component), self._observe(component)
        evidence = {"seen": redacted(f"{seen.health}: {seen.detail}")}
        before = seen.incarnation
        if component.container:
            engine = engine_of(component, self._containers)
            before = answering(engine, component)
            evidence |= evidence_of(engine, before)
        elif component.program:
            plan = self._service(component).plan()
            before, evidence = plan.before, evidence | plan.evidence
        return Plan(before=before, evidence=evidence, steps=(_words(component, collect),))

    def commit(self, component: Component, plan: Plan) -> str:
        """Tell it once, if it is still the life that was looked at.

        Raises:
            Declined: its process would end by the signal; nothing was sent.
        """
        collect = _collect(component)
        if component.container:
            life = the_same(engine_of(component, self._containers), component, plan.before)
            if not collect.call:
                return self._within(component, collect, life.id)
        elif component.program:
            self._same_process(component, plan)
            if collect.signal:
                return self._signalled(component, collect, plan)
        if collect.call is None:
            raise Permanent(f"{component.name} has nothing that gets a signal or command")
        return send(collect.call, self._http, self._broker)

    def validate(self, component: Component) -> Observation:
        """One look."""
        return self._observe(component)

    def rollback(self, component: Component, plan: Plan) -> str:  # noqa: ARG002 - there is none
        """Nothing: garbage that was collected is nobody's."""
        return f"nothing of {component.name} has to be put back"

    def _within(self, component: Component, collect: Collect, container_id: str) -> str:
        inside = named(component.docker, self._insides, kind="engine")
        if collect.signal:
            stops = engine_of(component, self._containers).inspect(container_id).get("stop_signal")
            if stops == collect.signal:
                raise Declined(f"{stops} stops {component.container}", hint="set another way to collect")
            inside.signal(container_id, collect.signal)
            return f"sent {collect.signal} to {component.container}"
        done = inside.execute(container_id, collect.command, timeout=collect.timeout)
        if done.exit_code:
            said = redacted(done.output)[-300:]
            raise Permanent(f"`{shown(collect.command)}` ended with {done.exit_code}: {said}")
        return f"`{shown(collect.command)}` ended well in {component.container}"

    def _signalled(self, component: Component, collect: Collect, plan: Plan) -> str:
        """To the process that the supervisor still tells of while we hold it."""
        before, service = plan.before, self._service(component)
        if before is None:
            raise Permanent(f"it is not known which process of {component.program} was looked at")
        try:
            self._here(component).signal(before, collect.signal, still=lambda: before.same_life(service.life()))
        except NotAllowed as error:
            raise Declined(error.message, hint=error.hint) from error
        return f"sent {collect.signal} to {component.program} (process {before.pid})"

    def _same_process(self, component: Component, plan: Plan) -> None:
        if plan.before is not None and not plan.before.same_life(self._service(component).life()):
            raise TargetChanged(f"{component.program} was restarted by somebody else meanwhile: not touched")

    def _here(self, component: Component) -> LocalProcesses:
        if self._processes is None:
            raise Permanent(f"the process of {component.name} is not on this machine")
        return self._processes

    def _service(self, component: Component) -> Service:
        return Service(component, self._controls, self._clock)


def _collect(component: Component) -> Collect:
    if component.collect is None:
        raise Permanent(f"{component.name} has no collect", hint="set it in the settings of the component")
    return component.collect


def _words(component: Component, collect: Collect) -> str:
    if collect.call is not None:
        return collect.call.words
    if collect.signal:
        return f"send {collect.signal} to {component.unit}"
    return f"run `{shown(collect.command)}` in {component.container}"
