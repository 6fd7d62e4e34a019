"""One look at a component, or at all of them: first its keeper (supervisor or Docker engine), then its probe.

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
from selfheal.ports import Clock, ContainerControl, Probe, ServiceControl
from selfheal.probes.look import Seen, look

T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True, kw_only=True)
class _Answer(Generic[T]):
    """What a keeper said, or the reason why it said nothing; neither for a component without one."""

    said: T | None = None
    reason: str = ""


class Observer:
    """Fulfils `ports.Observe`.

    Args:
        controls: the supervisors by name.
        probes: one per kind (`probes.table`).
        clock: for the time of an observation.
        containers: the Docker engines by name.
        at_once: how many probes and keepers `observe_all` asks at the same time.
    """

    def __init__(
        self,
        *,
        controls: Mapping[str, ServiceControl],
        probes: Mapping[ProbeKind, Probe],
        clock: Clock,
        containers: Mapping[str, ContainerControl] | None = None,
        at_once: int = 16,
    ) -> None:
        self._controls = controls
        self._containers = containers or {}
        self._probes = probes
        self._clock = clock
        self._at_once = at_once

    def __call__(self, component: Component) -> Observation:
        """Ask the component's keeper for its process or container, then its probe."""
        return self._judge(component, self._life(component))

    def observe_all(self, components: Sequence[Component]) -> list[Observation]:
        """One observation per component, in order; each keeper is asked once, probes run concurrently."""
        if not components:
            return []
        with ThreadPoolExecutor(max_workers=self._at_once, thread_name_prefix="observe") as pool:
            kept: dict[str, list[Component]] = {}
            for component in components:
                kept.setdefault(component.keeper, []).append(component)
            rolls = dict(zip(kept, pool.map(self._roll, kept.values()), strict=True))
            return list(pool.map(lambda component: self._judge(component, _find(component, rolls)), components))

    def _judge(self, component: Component, life: _Answer[Incarnation]) -> Observation:
        """The probe's verdict, unless the keeper already knows that there is nothing to ask."""
        incarnation = life.said
        if incarnation is not None and not incarnation.can_answer:
            gone = Seen(health=Health.SICK, detail=incarnation.words)
            return look(component, incarnation, self._clock, lambda: gone)
        observation = self._probes[component.probe].observe(component, incarnation)
        if observation.health is Health.UNKNOWN and life.reason:
            return replace(observation, detail=life.reason)
        return observation

    def _life(self, component: Component) -> _Answer[Incarnation]:
        if component.container:
            return _ask(self._containers, component.docker, lambda engine: engine.container(component.container))
        if component.supervisor:
            return _ask(self._controls, component.supervisor, lambda control: control.process(component.program))
        return _Answer()

    def _roll(self, kept: Sequence[Component]) -> _Answer[Mapping[str, Incarnation]]:
        """What the keeper of these components says of all of them."""
        first, units = kept[0], {component.unit for component in kept}
        if first.container:
            return _ask(self._containers, first.docker, lambda engine: engine.containers(units))
        if first.supervisor:
            return _ask(self._controls, first.supervisor, lambda control: control.processes())
        return _Answer()


def _ask(keepers: Mapping[str, K], name: str, question: Callable[[K], T]) -> _Answer[T]:
    keeper = keepers.get(name)
    if keeper is None:
        return _Answer(reason=f"no keeper is named {name!r}{nearest(name, keepers)}")
    try:
        return _Answer(said=question(keeper))
    except SelfhealError as error:
        return _Answer(reason=str(error))
    except Exception as error:  # noqa: BLE001  an observer never raises: a broken client tells nothing
        return _Answer(reason=f"asking its keeper broke: {type(error).__name__}: {error}")


def _find(component: Component, rolls: Mapping[str, _Answer[Mapping[str, Incarnation]]]) -> _Answer[Incarnation]:
    """The component's process or container in what its keeper said of all."""
    roll = rolls[component.keeper]
    if roll.said is None:
        return _Answer(reason=roll.reason)
    life = roll.said.get(component.unit)
    if life is None:
        return _Answer(reason=f"its keeper knows nothing named {component.unit!r}{nearest(component.unit, roll.said)}")
    return _Answer(said=life)
