"""What the settings say of breakers: the thresholds of each scope, and what is healed when one trips."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from selfheal.model.breaker import Thresholds


class Scope(StrEnum):
    """What a breaker lets through: an action's heals, or an agent's workflows. It is the first word of its name."""

    HEAL = "heal"
    AGENT = "agent"


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What may be behind a breaker's failures, and is healed once each time it trips.

    Attributes:
        component: its name.
        action: how; empty: the component's ladder decides.
    """

    component: str
    action: str = ""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules of all breakers.

    Attributes:
        heal: thresholds of the breakers `heal:ACTION`.
        agent: thresholds of the breakers `agent:NAME` and `agent:TENANT/NAME`.
        causes: what is healed when a breaker trips, by its name, or by `heal:*` and `agent:*` for the others.
    """

    heal: Thresholds = field(default_factory=Thresholds)
    agent: Thresholds = field(default_factory=Thresholds)
    causes: Mapping[str, tuple[Cause, ...]] = field(default_factory=dict)

    def thresholds(self, name: str) -> Thresholds:
        """Of the breaker with this name."""
        return self.agent if name.startswith(f"{Scope.AGENT}:") else self.heal

    def causes_of(self, name: str) -> tuple[Cause, ...]:
        """What to heal when this breaker trips: its own, else its scope's."""
        others = f"{name.partition(':')[0]}:*"
        return self.causes.get(name, self.causes.get(others, ()))
