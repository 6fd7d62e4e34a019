"""A circuit breaker: whether what keeps failing may be tried, be it an action's heals or an agent's workflows."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class State(StrEnum):
    """Whether asks are granted: all, none, or a few probes."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class Mode(StrEnum):
    """Who decides about the state: the results, or a person until the override ends."""

    AUTOMATIC = "AUTOMATIC"
    FORCED_OPEN = "FORCED_OPEN"
    FORCED_CLOSED = "FORCED_CLOSED"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """When a breaker trips, for how long, and what closes it again.

    Attributes:
        window: how many of the last results count.
        fewest: it does not trip before it has so many.
        trip_rate: share of failures in the window from which on it trips.
        open_for: how long it stays open: the first time, the next, and so on; the last for ever after.
        jitter: share by which that time is made shorter or longer at random.
        probes: permits while half-open.
        close_rate: share of successful probes from which on it closes.
        permit_lease: after that a probe that said nothing is lost and gives its permit back.
    """

    window: int = 10
    fewest: int = 5
    trip_rate: float = 0.5
    open_for: tuple[timedelta, ...] = (timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=20))
    jitter: float = 0.1
    probes: int = 5
    close_rate: float = 0.8
    permit_lease: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class Override:
    """What a person decided.

    Attributes:
        mode: never AUTOMATIC.
        who: the person.
        why: the reason.
        until: when it ends by itself; None: when a person ends it.
    """

    mode: Mode
    who: str
    why: str
    until: datetime | None = None


class BreakerDeed(StrEnum):
    """What a person can do to a breaker: override it, end that, or make it as new."""

    OPEN = "open"
    CLOSE = "close"
    AUTOMATIC = "automatic"
    RESET = "reset"


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """One breaker at one moment; `policy.breaker` alone makes the next one.

    Attributes:
        name: as `policy.breaker_names` forms it.
        state: whether asks are granted.
        generation: counts the transitions; a result of another generation is void.
        results: the window, oldest first: True is a success. Of the closed state.
        level: how often it has tripped since it last closed, less one: the place in `open_for`.
        opened_at: when it tripped last; None if never.
        open_until: when an ask makes it half-open; None unless it is open by its results.
        permits: probes under way, sorted by id, with the end of their leases. Of the half-open state.
        successes: probes that succeeded.
        failures: probes that failed.
        override: a person's decision, if one is in force.
    """

    name: str
    state: State = State.CLOSED
    generation: int = 0
    results: tuple[bool, ...] = ()
    level: int = 0
    opened_at: datetime | None = None
    open_until: datetime | None = None
    permits: tuple[tuple[UUID, datetime], ...] = field(default=())
    successes: int = 0
    failures: int = 0
    override: Override | None = None

    @property
    def mode(self) -> Mode:
        """Who decides."""
        return Mode.AUTOMATIC if self.override is None else self.override.mode

    @property
    def failure_rate(self) -> float:
        """Share of failures in the window, 0 where it is empty."""
        return self.results.count(False) / len(self.results) if self.results else 0.0


@dataclass(frozen=True, kw_only=True)
class Permit:
    """A granted ask; its result must name both.

    Attributes:
        id: as the ask gave it.
        generation: of the breaker when it was granted.
    """

    id: UUID
    generation: int


@dataclass(frozen=True, kw_only=True)
class Denial:
    """A refused ask: a prevented failure, unless the breaker could not be asked at all.

    Attributes:
        reason: why, for a person.
        retry_at: when asking again may help; None where only a person or another probe's end changes it.
        asked: False where the database did not answer: nobody knows the breaker's state, so nothing may begin.
    """

    reason: str
    retry_at: datetime | None = None
    asked: bool = True


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failure that a breaker was told of, for people.

    Attributes:
        at: when.
        permit: of what had been let through; of an action's breaker it is the attempt's id.
        note: what failed, and how.
    """

    at: datetime
    permit: UUID
    note: str
