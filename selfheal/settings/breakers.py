"""Circuit breakers: when they trip, for how long, and what is healed when one does."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from selfheal.model.breaker import Thresholds
from selfheal.settings.values import ComponentName, Duration, Section


class Breakers(Section):
    """The thresholds of the breakers of one scope."""

    window: Annotated[int, Field(ge=1, le=1000)] = 10
    """So many last results count."""
    fewest: Annotated[int, Field(ge=1, le=1000)] = 5
    """Below so many results a breaker does not trip."""
    trip_rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    """It trips when at least this share of the results are failures."""
    open_for: Annotated[tuple[Duration, ...], Field(min_length=1)] = (
        timedelta(minutes=5),
        timedelta(minutes=10),
        timedelta(minutes=20),
    )
    """How long it stays open: the first time, the next time, and so on; a close begins anew."""
    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """That time is made shorter or longer by up to this share, at random."""
    probes: Annotated[int, Field(ge=1, le=100)] = 5
    """So many tries are let through when it is half-open."""
    close_rate: Annotated[float, Field(gt=0, le=1)] = 0.8
    """It closes when at least this share of the probes succeed, and opens again when that is out of reach."""
    permit_lease: Duration = timedelta(minutes=2)
    """A probe whose process does not keep it up for so long is lost, and another one may be tried."""

    def thresholds(self) -> Thresholds:
        """The same for the automaton."""
        return Thresholds(**dict(self))


class AgentBreakers(Breakers):
    """The same for agents."""

    permit_lease: Duration = timedelta(minutes=2)
    """A probe whose workflow does not renew its permit for so long is lost, and another one may be tried."""


class CauseSettings(Section):
    """What may be behind a breaker's failures."""

    component: ComponentName
    """One of the components; it is healed even while it looks healthy."""
    action: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{0,50}$")] = ""
    """How, like `restart-service` or `clear-caches`; empty: as its ladder says."""


class OnOpening(Section):
    """What is healed when a breaker trips."""

    heal: Annotated[tuple[CauseSettings, ...], Field(max_length=10)] = ()
    """Each is raised once per opening, like `[{ component = "orchestrator", action = "restart-service" }]`, and passes
    admission like every trigger, but for this breaker itself."""
