"""What is foretold of one series at one moment, and why nothing is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class NoForecast(StrEnum):
    """Why there is no time of a breach: in words, as people read them."""

    LIMIT = "its limit is no number"
    EMPTY = "it has no values"
    ONE = "it has only one value"
    YOUNG = "it is younger than half a day"
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
    """

    at: datetime
    breach_at: datetime | None
    low: datetime | None
    high: datetime | None
    votes: int
    alarm: bool
    raised: bool
    why_not: NoForecast | None
