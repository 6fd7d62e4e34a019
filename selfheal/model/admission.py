"""What admission answers to a trigger."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class Decision(StrEnum):
    """ADMITTED, or the name of a refusal."""

    ADMITTED = "ADMITTED"
    PAUSED = "PAUSED"
    MAINTENANCE = "MAINTENANCE"
    ALREADY_HEALING = "ALREADY_HEALING"
    STALE_TRIGGER = "STALE_TRIGGER"
    ATTEMPTS_EXHAUSTED = "ATTEMPTS_EXHAUSTED"
    COOLDOWN = "COOLDOWN"
    CIRCUIT_OPEN = "CIRCUIT_OPEN"
    STORM = "STORM"
    BLAST_RADIUS = "BLAST_RADIUS"
    NOT_ALLOWED = "NOT_ALLOWED"
    NO_ACTION = "NO_ACTION"
    ALREADY_HEALTHY = "ALREADY_HEALTHY"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What admission never exceeds, however many ask at once.

    Attributes:
        lease: how long an attempt belongs to its process without renewal.
        cooldown: rest of an action on a target after a failed attempt, or a second heal within `flap`; it doubles.
        flap: healed and broken again within this time did not hold.
        per_action: attempts of one action on one target within `attempts_within` that failed or did not hold; then
            the next rung.
        per_fault: attempts on one fault within `attempts_within`; then a person.
        at_once: heals under way; a CRITICAL one has one more place.
        in_10_min: heals that begin within `short_window`.
        in_hour: heals that begin within `long_window`.
        group_share: of a group of `group_from` or more, at most this share is being healed at once.
        group_from: see `group_share`.
        storm_group: so many sick components, and more than half of a group, are a storm of the group; 0: never.
        storm_estate: so many sick components are a storm of the estate; 0: never.
        storm_within: they became sick within this time.
        storm_quiet: no new fault for so long ends a storm.
        stale: an observation that is older is made again before anything is done.
        short_window: see `in_10_min`.
        long_window: see `in_hour`.
        approval: a person who is asked has so long to answer.
        attempts_within: what ended longer ago is forgotten: as an attempt that is spent, and by cool-downs.
        longest_cooldown: where the doubling of `cooldown` ends.
        parents_first: a sick component keeps what depends on it waiting for so long, and no longer.
        foretold_at_once: so many pre-emptive heals are under way.
        foretold_in_hour: so many begin within an hour.
        foretold_in_day: so many begin within a day.
        foretold_of_one: so many of one target begin within a day.
    """

    lease: timedelta = timedelta(seconds=60)
    cooldown: timedelta = timedelta(minutes=10)
    flap: timedelta = timedelta(minutes=10)
    per_action: int = 3
    per_fault: int = 5
    at_once: int = 3
    in_10_min: int = 10
    in_hour: int = 30
    group_share: float = 0.2
    group_from: int = 10
    storm_group: int = 5
    storm_estate: int = 10
    storm_within: timedelta = timedelta(minutes=5)
    storm_quiet: timedelta = timedelta(minutes=10)
    stale: timedelta = timedelta(seconds=60)
    short_window: timedelta = timedelta(minutes=10)
    long_window: timedelta = timedelta(hours=1)
    approval: timedelta = timedelta(hours=1)
    attempts_within: timedelta = timedelta(hours=24)
    longest_cooldown: timedelta = timedelta(hours=24)
    parents_first: timedelta = timedelta(minutes=10)
    foretold_at_once: int = 1
    foretold_in_hour: int = 3
    foretold_in_day: int = 12
    foretold_of_one: int = 3


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What things cost, in dollars: for the report of what was saved.

    Attributes:
        minute: of a person's time.
        failure: a failure that was not prevented.
    """

    minute: float = 5.0
    failure: float = 215.0


@dataclass(frozen=True, kw_only=True)
class Rung:
    """An action of the ladder that fits.

    Attributes:
        action: its name.
        action_type: as in `healing_actions`.
        mode: how far it may go by the settings; what is written in the database may be stricter.
        manual_minutes: what the same costs a person.
    """

    action: str
    action_type: str
    mode: str = "auto"
    manual_minutes: int = 0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a component stands in the estate.

    Attributes:
        target: its canonical physical target; empty for what is no component.
        group: of what fails together; empty for none.
        group_size: components in that group.
        parents: targets that it depends on, directly or not, and that may be healed: they come first.
    """

    target: str = ""
    group: str = ""
    group_size: int = 0
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A refusal that needs no database: decided at the door, recorded all the same."""

    decision: Decision
    reason: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The recorded answer to a trigger.

    Attributes:
        decision: ADMITTED or a named refusal.
        reason: why, for a person.
        attempt_id: the attempt that was admitted, or that stands in the way; None where there is none.
        fault_id: the fault that the trigger joined or opened; None where there is none.
        repeated: whether this trigger id was answered before: this is the first answer again.
        retry_at: when a refused trigger is worth raising again; None where time does not help.
    """

    decision: Decision
    reason: str
    attempt_id: UUID | None = None
    fault_id: UUID | None = None
    repeated: bool = False
    retry_at: datetime | None = None

    @property
    def admitted(self) -> bool:
        """Whether a heal may begin."""
        return self.decision is Decision.ADMITTED


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What would become of a trigger now.

    Attributes:
        refusals: all that stands in the way, the one that admission would name first; empty: it would be admitted.
        action: which rung of the ladder would be taken, or asked for; empty where there is none to be tried.
        asks: whether the last refusal, AWAITING_APPROVAL, is a new question to a person.
    """

    refusals: tuple[Answer, ...] = ()
    action: str = ""
    asks: bool = False
