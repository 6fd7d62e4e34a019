"""What is foretold of one series at one moment, and why nothing is; and how its values come and are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

Name = tuple[str, str]
"""Component and metric: a series."""


class NoForecast(StrEnum):
    """Why there is no time of a breach: in words, as people read them."""

    LIMIT = "its limit is no number"
    EMPTY = "it has no values"
    ONE = "it has only one value"
    YOUNG = "it is younger than 3 hours"
    FIRST_DAY = "in its first day more lines must agree, on a breach that is nearer"
    STALE = "it had no value for an hour"
    CONSTANT = "it does not change"
    OVER = "it is over its limit already"
    KNOWN = "it has been as high before, and fell by itself"
    TEETH = "its teeth do not rise towards the limit"
    AWAY = "it does not rise towards its limit"
    FEW = "too few of its lines agree on a breach within the horizon"


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """One series, one moment.

    Attributes:
        at: the end of the newest 5 minutes that were looked at.
        breach_at: when the limit is reached; None with a reason.
        low: with 80 % between this
        high: and this.
        votes: lines that foretell a breach within the horizon, of five; a line through peaks counts as all.
        alarm: it has been foretold for long enough, and was not taken back.
        raised: the alarm begins now.
        why_not: why there is no time; None where there is one.
        age: how long the series has been measured, as far as it is remembered; zero without a value.
        step: how long it usually is from one value to the next.
    """

    at: datetime
    breach_at: datetime | None
    low: datetime | None
    high: datetime | None
    votes: int
    alarm: bool
    raised: bool
    why_not: NoForecast | None
    age: timedelta = timedelta(0)
    step: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Packed:
    """One series over a stretch of time, as the database packs it: big-endian, one after the other.

    Attributes:
        name: component and metric.
        buckets: 4-byte places from the stretch's begin.
        highest: 8-byte values of these; NaN where no look had one.
        down: 4-byte numbers of looks that found it down.
    """

    name: Name
    buckets: bytes
    highest: bytes
    down: bytes


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The state of a forecast between two runs.

    Attributes:
        head: everything but the ring, versioned.
        rows: of the ring by place, raw and smooth; of a state that is saved only those that have changed.
        serial: counts the runs that have saved it; 0: none has.
    """

    head: bytes
    rows: Mapping[int, tuple[bytes, bytes]]
    serial: int = 0
