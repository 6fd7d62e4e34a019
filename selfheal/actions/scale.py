"""SCALE: let more replicas of a component run, up to the most that its settings allow; back to the number of before.

The heal protocol calls it through `actions.table`. What it asks for is always a whole number, never one more: a healer
that dies in the middle leaves a number that can be looked at, and nothing that a second one could do twice. It only
goes up; it comes down where it did not help, and otherwise by a person.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from selfheal.actions.evidence import redacted
from selfheal.model.attempt import Plan
from selfheal.model.check import LONGEST_SCALE, Replicas, Scale, shown
from selfheal.model.component import Component
from selfheal.model.errors import Declined, Permanent, SelfhealError, TargetChanged
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.policy.names import named
from selfheal.policy.preempting import of_memory, of_response
from selfheal.ports import Clock, Observe, ReplicaSets

REPLICAS, THERE = "replicas", "replicas_there"
"""What a look measures: how many run, and how many there are."""
REASONS = frozenset(
    {
        TriggerType.SERVICE_DOWN,
        TriggerType.CONTAINER_DOWN,
        TriggerType.MEMORY_HIGH,
        TriggerType.LOG_ERROR,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.BREAKER_OPENED,
        TriggerType.MANUAL,
    }
)
_OVERHEAD = timedelta(seconds=30)
"""What the looks before the act may take besides it."""
_POLL_S = 0.5


class ScaleOut:
    """Fulfils `ports.Action` for components with `scale`.

    Args:
        commands: changes the number by the component's own commands; None: that is not done.
        engines: the same by Docker, by engine.
        observe: one look.
        clock: time.
    """

    name = "scale"
    action_type = "SCALE"
    mode = "approve"
    risk = "More replicas take memory and connections of the host and of what they depend on; nobody ends them later."
    manual_minutes = 15
    timeout = LONGEST_SCALE + _OVERHEAD

    def __init__(
        self, *, commands: ReplicaSets | None, engines: Mapping[str, ReplicaSets], observe: Observe, clock: Clock
    ) -> None:
        self._commands, self._engines = commands, engines
        self._observe, self._clock = observe, clock

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether the settings say how, and it may be short of memory or too slow, or a person asks."""
        fits = trigger.type in REASONS or of_memory(trigger) or of_response(trigger)
        return fits and component.scale is not None

    def prepare(self, component: Component) -> Plan:
        """Count; the number of now is the way back.

        Raises:
            Declined: as many run as there may be.
        """
        scale, now = _scale(component), self._count(component)
        wanted = scale.after(now.running)
        if wanted == now.running:
            raise Declined(
                f"{component.name} runs {now.words} replicas, and at most {scale.most} are allowed",
                hint="raise max of its scale, or end what is not needed",
            )
        seen = self._observe(component)
        return Plan(
            before=seen.incarnation,
            rollback={REPLICAS: now.running},
            evidence={"seen": redacted(f"{seen.health}: {seen.detail}"), REPLICAS: now.words},
            steps=(f"bring {component.name} from {now.words} to {_how(scale, wanted)}",),
            parameters={"from": now.running, "to": wanted},
            timeout_s=(scale.timeout + _OVERHEAD).total_seconds(),
            found=_measured(now),
            wanted={REPLICAS: wanted},
        )

    def commit(self, component: Component, plan: Plan) -> str:
        """Bring it to the number that was planned, if as many run as were counted then.

        Raises:
            TargetChanged: their number is another one by now, or nobody can tell; nothing was done.
        """
        wanted = int(plan.wanted[REPLICAS])
        try:
            now = self._count(component)
        except SelfhealError as error:
            raise TargetChanged(f"not done: nobody can tell how many replicas run: {error.message}") from error
        if plan.found != _measured(now):
            raise TargetChanged(f"not done: {component.name} runs {now.words} replicas by now: somebody else scaled it")
        said = self._sets(component).bring_to(component, wanted)
        return f"from {now.words} to {wanted} replicas: {said}"

    def validate(self, component: Component) -> Observation:
        """One look at the component, and at how many replicas run and are well."""
        seen = self._observe(component)
        try:
            now = self._count(component)
        except SelfhealError as error:
            detail = f"nobody can tell how many replicas run: {error.message}"
            return replace(seen, health=Health.UNKNOWN, detail=detail)
        seen = replace(seen, values={**seen.values, **_measured(now)})
        if now.unready and seen.health is Health.HEALTHY:
            return replace(seen, health=Health.SICK, detail=f"not ready yet: {', '.join(now.unready)}")
        return seen

    def rollback(self, component: Component, plan: Plan) -> str:
        """Bring it back to the number that was found; a number that we cannot have left is somebody else's.

        Raises:
            TargetChanged: more or fewer run than before the act and as it wanted.
            Permanent: the number does not come back in time.
        """
        back, wanted = (plan.rollback or {}).get(REPLICAS), plan.wanted.get(REPLICAS)
        if back is None or wanted is None:
            raise Permanent(f"the plan of {component.name} does not say what number to go back to")
        now = self._count(component)
        if not back <= now.running <= wanted:
            raise TargetChanged(f"{component.name} runs {now.words} replicas by now, by somebody else: left as it is")
        if plan.found == _measured(now):
            return f"{component.name} runs {back} replicas, as it was found"
        said = self._sets(component).bring_to(component, back)
        self._wait_for(component, back)
        return f"back to {back} replicas: {said}"

    def _wait_for(self, component: Component, number: int) -> None:
        """Until so many run; what was told to end may take its time."""
        ends = self._clock.monotonic() + _scale(component).timeout.total_seconds()
        while (now := self._count(component)).running != number:
            if self._clock.monotonic() >= ends:
                raise Permanent(f"{component.name} still runs {now.words} replicas, not {number}", hint="look at it")
            self._clock.wait(_POLL_S)

    def _count(self, component: Component) -> Replicas:
        return self._sets(component).look(component)

    def _sets(self, component: Component) -> ReplicaSets:
        if _scale(component).label:
            return named(component.docker, self._engines, kind="engine")
        if self._commands is None:
            raise Permanent("commands of this machine are not run")
        return self._commands


def _scale(component: Component) -> Scale:
    if component.scale is None:
        raise Permanent(f"{component.name} has no scale", hint="set it in the settings of the component")
    return component.scale


def _measured(now: Replicas) -> dict[str, float]:
    """A look as an observation tells it."""
    return {REPLICAS: now.running, THERE: now.there}


def _how(scale: Scale, number: int) -> str:
    by = f"containers like its own, with the label {scale.label}" if scale.label else ""
    return f"{number} replicas (at most {scale.most}) by {by or f'`{shown(scale.brought_to(number))}`'}"
