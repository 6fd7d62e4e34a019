"""Health by a command of the settings, run within the component's container: well where it ends with 0 in time.

The observer calls this. A command that cannot even be begun, since its program is missing, says the same as one that
fails; an engine that cannot be asked says nothing.
"""

from collections.abc import Mapping

from selfheal.logs import without_secrets
from selfheal.model.check import Executed, shown
from selfheal.model.component import Component
from selfheal.model.errors import Overrun, Permanent, Transient
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.policy.names import named
from selfheal.ports import Clock, ContainerInside
from selfheal.probes.look import Seen, look

_LONGEST = 200


class CommandProbe:
    """Fulfils `ports.Probe` for components with `probe = "command"`.

    Args:
        insides: of the containers, by engine.
        clock: for the time of an observation.
    """

    def __init__(self, insides: Mapping[str, ContainerInside], clock: Clock) -> None:
        self._insides, self._clock = insides, clock

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Run it once, within the component's probe time-out."""
        return look(component, incarnation, self._clock, lambda: self._ask(component, incarnation))

    def _ask(self, component: Component, incarnation: Incarnation | None) -> Seen:
        if incarnation is None:
            raise Permanent("its Docker engine cannot be asked")
        inside = named(component.docker, self._insides, kind="engine")
        try:
            done = inside.execute(incarnation.id, component.command, timeout=component.probe_timeout)
        except Overrun:
            raise
        except Transient as error:
            raise Permanent(f"`{shown(component.command)}` cannot be run: {error.message}") from error
        if not done.exit_code:
            return Seen(health=Health.HEALTHY)
        return Seen(health=Health.SICK, detail=_failed(component, done))


def _failed(component: Component, done: Executed) -> str:
    """How it failed, with the first and the last of what it wrote."""
    lines = [line.strip() for line in without_secrets(done.output).splitlines() if line.strip()]
    said = " ... ".join(dict.fromkeys((lines[0], lines[-1]))) if lines else "it said nothing"
    return f"`{shown(component.command)}` ended with {done.exit_code}: {said[:_LONGEST]}"
