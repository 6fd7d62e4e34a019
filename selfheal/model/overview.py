"""How the whole stands at this moment, for whoever has just been woken up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from selfheal.model.health import Watch
from selfheal.model.pause import Pause
from selfheal.model.storm import Storm


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What there is of each.

    Attributes:
        at: of the database's clock, when it was counted.
        sick: faults that are open.
        healing: of these, how many an attempt is under way for.
        needs_person: of these, how many a person must look at.
        approvals: questions that wait for a person's word.
        alerts: that wait to be delivered.
        missed_starts: heals that did not begin in time, in 24 h.
        actions: attempts that were admitted in 24 h.
    """

    at: datetime
    sick: int
    healing: int
    needs_person: int
    approvals: int
    alerts: int
    missed_starts: int
    actions: int


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The counts, and what holds heals back.

    Attributes:
        counts: see there.
        paused: the kill switch; None: it is off.
        storms: that have not ended.
        watches: who watches.
    """

    counts: Counts
    paused: Pause | None
    storms: Sequence[Storm]
    watches: Sequence[Watch]


class Level(StrEnum):
    """How bad the news are."""

    WELL = "well"
    BUSY = "busy"  # sick, and being dealt with
    HELD = "held"  # somebody or something holds heals back
    BAD = "bad"  # a person is needed, or nobody watches


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One sentence, or two.

    Attributes:
        level: how bad it is.
        words: for a person.
    """

    level: Level
    words: str
