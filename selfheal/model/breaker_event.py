"""What can happen to a circuit breaker; `policy.breaker` says what comes of it. The recorded events replay its life."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from selfheal.model.breaker import Override, Permit


@dataclass(frozen=True, kw_only=True)
class Ask:
    """May it be tried? `permit` is client-made."""

    at: datetime
    permit: UUID


@dataclass(frozen=True, kw_only=True)
class Renew:
    """A probe is still under way."""

    at: datetime
    permit: UUID


@dataclass(frozen=True, kw_only=True)
class GiveBack:
    """A probe was not needed after all: its permit goes to somebody else."""

    at: datetime
    permit: UUID


@dataclass(frozen=True, kw_only=True)
class Result:
    """How something that was permitted ended. `chance`, from -1 to 1, is drawn by the caller for the open time."""

    at: datetime
    permit: Permit
    success: bool
    chance: float


@dataclass(frozen=True, kw_only=True)
class Force:
    """A person's override."""

    at: datetime
    override: Override


@dataclass(frozen=True, kw_only=True)
class Release:
    """A person ends the override: the results decide again, beginning with probes after an open one."""

    at: datetime
    who: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Reset:
    """A person wants it as new: closed, automatic, nothing remembered but the generation."""

    at: datetime
    who: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Look:
    """Nothing happened, but time has passed."""

    at: datetime


Event = Ask | Renew | GiveBack | Result | Force | Release | Reset | Look
