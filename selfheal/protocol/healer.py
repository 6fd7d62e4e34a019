"""What a heal needs of the world, wired once by bootstrap and handed to every step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from selfheal.model.component import Component
from selfheal.model.observation import Observation
from selfheal.model.prediction import PreemptingRules
from selfheal.model.trigger import Trigger
from selfheal.ports import Action, Clock, HealStore, Measure, Observe
from selfheal.protocol.leases import Leases


class Actions(Protocol):
    """The registry of actions."""

    def find_actions(self, trigger: Trigger, component: Component) -> Sequence[Action]:
        """The trigger's own action, or the rungs that can handle it, in order; empty where nothing fits.

        Raises:
            Permanent: the trigger names an action that does not exist or does not fit.
        """
        ...

    def mode(self, action: Action) -> str:
        """How far it may go: observe, shadow, approve or auto."""
        ...

    def modes(self) -> Mapping[str, str]:
        """The same of every action, by name."""
        ...

    def get(self, name: str) -> Action:
        """The action of this name; `Permanent` with the nearest name if there is none."""
        ...


def _untold(component: Component, metric: str, seen: Observation) -> float | None:  # noqa: ARG001 - nobody measures
    return None


@dataclass(frozen=True, kw_only=True)
class Healer:
    """The ports of a heal.

    Attributes:
        components: the estate, by name.
        allow: names of the components that may be healed.
        actions: the registry.
        store: faults, triggers and attempts.
        observe: one look at a component.
        leases: keeps what this process carries out.
        clock: time, and waiting.
        poll_s: seconds between two looks while waiting for health.
        preempting: how far heals may go before anything is sick.
        measure: one value of a component, now.
    """

    components: Mapping[str, Component]
    allow: frozenset[str]
    actions: Actions
    store: HealStore
    observe: Observe
    leases: Leases
    clock: Clock
    poll_s: float = 0.25
    preempting: PreemptingRules = field(default_factory=PreemptingRules)
    measure: Measure = _untold
