"""One look at a component, or at all of them: first its supervisor, then its probe.

The protocol of a heal calls an `Observer` for one component (before, after and while waiting), the watcher's
sweep for all of them. Nothing here raises: what could not be told is UNKNOWN.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import SelfhealError
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.policy.names import nearest
from selfheal.ports import Clock, Probe, ServiceControl
from selfheal.probes.look import Seen, look

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Answer(Generic[T]):
    """What a supervisor said, or the reason why it said nothing; neither for a component without one."""

    said: T | None = None
    reason: str = ""


class Observer:
    """Fulfils `ports.Observe`.

    Args:
        controls: the supervisors by name.
        probes: one per kind (`probes.table`).
        clock: for the time of an observation.
        at_once: how many probes and supervisors `observe_all` asks at the same time.
    """

    def __init__(
        self,
        *,
        controls: Mapping[str, ServiceControl],
        probes: Mapping[ProbeKind, Probe],
        clock: Clock,
        at_once: int = 16,
    ) -> None:
        self._controls = controls
        self._probes = probes
        self._clock = clock
        self._at_once = at_once

    def __call__(self, component: Component) -> Observation:
        """Ask the component's supervisor for its process, then its probe."""
        return self._judge(component, self._life(component))

    def observe_all(self, components: Sequence[Component]) -> list[Observation]:
        """One observation per component, in order; each supervisor is asked once, probes run concurrently."""
        if not components:
            return []
        with ThreadPoolExecutor(max_workers=self._at_once, thread_name_prefix="observe") as pool:
            names = sorted({component.supervisor for component in components if component.supervisor})
            rolls = dict(zip(names, pool.map(self._roll, names), strict=True))
            return list(
                pool.map(lambda component: self._judge(component, _find(component, rolls)), components)
            )

    def _judge(self, component: Component, life: _Answer[Incarnation]) -> Observation:
        """The probe's verdict, unless the supervisor already knows that there is nothing to ask."""
        incarnation = life.said
        if incarnation is not None and not incarnation.running:
            gone = Seen(health=Health.SICK, detail=f"process {incarnation.state}")
            return look(component, incarnation, self._clock, lambda: gone)
        observation = self._probes[component.probe].observe(component, incarnation)
        if observation.health is Health.UNKNOWN and life.reason:
            return replace(observation, detail=life.reason)
        return observation

    def _life(self, component: Component) -> _Answer[Incarnation]:
        if not component.supervisor:
            return _Answer()
        return self._ask(component.supervisor, lambda control: control.process(component.program))

    def _roll(self, supervisor: str) -> _Answer[Mapping[str, Incarnation]]:
        return self._ask(supervisor, lambda control: control.processes())

    def _ask(self, supervisor: str, question: Callable[[ServiceControl], T]) -> _Answer[T]:
        control = self._controls.get(supervisor)
        if control is None:
            return _Answer(
                reason=f"no supervisor is named {supervisor!r}{nearest(supervisor, self._controls)}"
            )
        try:
            return _Answer(said=question(control))
        except SelfhealError as error:
            return _Answer(reason=str(error))
        except Exception as error:  # noqa: BLE001  an observer never raises: a broken client tells nothing
            return _Answer(reason=f"asking its supervisor broke: {type(error).__name__}: {error}")


def _find(
    component: Component, rolls: Mapping[str, _Answer[Mapping[str, Incarnation]]]
) -> _Answer[Incarnation]:
    """The component's process in what its supervisor said of all."""
    if not component.supervisor:
        return _Answer()
    roll = rolls[component.supervisor]
    if roll.said is None:
        return _Answer(reason=roll.reason)
    life = roll.said.get(component.program)
    if life is None:
        hint = nearest(component.program, roll.said)
        return _Answer(reason=f"its supervisor knows no program {component.program!r}{hint}")
    return _Answer(said=life)
