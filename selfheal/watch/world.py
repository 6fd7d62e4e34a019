"""What a run of the watcher needs, how patient it is, and what it remembers. Bootstrap builds `World` and `Pace`."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from selfheal.model.attempt import Holder
from selfheal.model.component import Component
from selfheal.model.observation import Observation
from selfheal.model.trigger import Trigger
from selfheal.policy.health import Track
from selfheal.ports import Clock, ContainerControl, HealStore, HealthStore, Observe
from selfheal.protocol.heal import Result
from selfheal.watch.hearing import Hearing
from selfheal.watch.succession import never


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often, and how patient.

    Attributes:
        sweep: from one look at everything to the next.
        strikes: sick observations in a row that make DOWN.
        recoveries: healthy ones in a row that end it.
        reconcile: from one turn of reconcile to the next.
        at_once: heals that may run at the same time.
        platform_grace: how long Docker's own restarts may try before a trigger is raised.
    """

    sweep: timedelta
    strikes: int
    recoveries: int
    reconcile: timedelta
    at_once: int
    platform_grace: timedelta = timedelta(seconds=10)


class Emergency(Protocol):
    """Tells people while the database is away."""

    def trouble(self, why: str) -> None:
        """It could not be written to; returns at once."""
        ...

    def fine(self) -> None:
        """It has just been."""
        ...


@dataclass(frozen=True, kw_only=True)
class World:
    """What the watcher needs.

    Attributes:
        components: the estate, by name.
        observe: one look at one component.
        observe_all: one look at each.
        heals: faults and attempts.
        health: `health_history` and the hand-over.
        dispatch: carries a trigger to its result; called in a thread of its own.
        reconcile: one turn; called in a thread of its own.
        note: writes down that a trigger waits for its turn; called in a thread of its own.
        holds: what keeps heals back now, by id: pauses, maintenance windows, storms.
        clock: time.
        holder: this process.
        engines: the Docker engines by name; what happens to their containers is seen at once.
        estate: what it is called.
        hearing: what is heard of agent-health.
        raised: the triggers that breakers and people's words have raised, and that wait; asked after each sweep.
        tell: tells people of what is CRITICAL and waits; called after each sweep, in a thread of its own.
        emergency: is told whether health could be recorded; None: nobody is.
        overtaken: whether other settings are in force than those of this world.
    """

    components: Mapping[str, Component]
    observe: Observe
    observe_all: Callable[[Sequence[Component]], Sequence[Observation]]
    heals: HealStore
    health: HealthStore
    dispatch: Callable[[Trigger], Result]
    reconcile: Callable[[], object]
    note: Callable[[Trigger], object]
    holds: Callable[[], frozenset[str]]
    clock: Clock
    holder: Holder
    engines: Mapping[str, ContainerControl] = field(default_factory=dict)
    estate: str = "estate"
    hearing: Hearing = field(default_factory=Hearing)
    raised: Callable[[], Sequence[Trigger]] = tuple
    tell: Callable[[], object] = tuple
    emergency: Emergency | None = None
    overtaken: Callable[[], bool] = never


@dataclass(kw_only=True)
class Seen:
    """What one run of the watcher remembers of a component."""

    track: Track = field(default_factory=Track)
    sick_since: datetime | None = None
    not_before: float = 0.0  # on the monotonic clock: a wall clock that jumps must not silence a component
    held: bool = False  # refused by what a person may lift
    heal: Future[None] | None = None
    fault_may_be_open: bool = True
    looked: bool = False

    @property
    def healing(self) -> bool:
        """Whether a heal of this run is under way."""
        return self.heal is not None and not self.heal.done()


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run of the watcher did, for the run's final message."""

    sweeps: int
    raised: int
    handed_over: bool
