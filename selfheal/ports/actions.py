"""What looks at a component, and what heals it."""

from datetime import timedelta
from typing import Protocol

from selfheal.model.attempt import Plan
from selfheal.model.component import Component
from selfheal.model.observation import Incarnation, Observation
from selfheal.model.trigger import Trigger


class Probe(Protocol):
    """One way to observe a component's health. It never raises: what it could not tell is UNKNOWN."""

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """One look; `incarnation` is what its keeper says of the process or container, None if it could not say."""
        ...


class Observe(Protocol):
    """One look at a component: process or container as its keeper sees it, then the probe. It never raises."""

    def __call__(self, component: Component) -> Observation:
        """The observation."""
        ...


class Measure(Protocol):
    """One value of one component, measured now. Never raises: None where nobody can tell."""

    def __call__(self, component: Component, metric: str, seen: Observation) -> float | None:
        """The value of a metric of `health_history`; `seen` is the look that was just taken."""
        ...


class Action(Protocol):
    """One way to heal. Every action has this shape; `selfheal.actions.table` lists them.

    Attributes:
        name: as in a ladder, e.g. `restart-service`.
        action_type: as in `healing_actions`, e.g. `RESTART_SERVICE`.
        mode: observe, shadow, approve or auto.
        risk: in words, for a person who is asked.
        manual_minutes: what the same costs a person.
        timeout: the act itself is over by then; it becomes the act's deadline.
    """

    name: str
    action_type: str
    mode: str
    risk: str
    manual_minutes: int
    timeout: timedelta

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether this action fits this reason on this component."""
        ...

    def prepare(self, component: Component) -> Plan:
        """Look and keep the evidence; changes nothing. `Transient` when the target's keeper cannot be asked."""
        ...

    def commit(self, component: Component, plan: Plan) -> str:
        """Do it, once, within `timeout`; says what was done. Any error leaves the effect for observation to tell."""
        ...

    def validate(self, component: Component) -> Observation:
        """One look at the result; never raises."""
        ...

    def rollback(self, component: Component, plan: Plan) -> str:
        """Go back to what `plan.rollback` says; safe to repeat; says what was done."""
        ...
