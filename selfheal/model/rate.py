"""What came of the heals: figures with their 95 % intervals."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure and its 95 % interval.

    Attributes:
        value: None where there is nothing to count.
        low: from here; None where too little is known for an interval.
        high: to here.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The metrics of an action, of a component, of both, or of all.

    Attributes:
        action_type: None: of all actions.
        component: None: of all components.
        attempts: that are finished.
        healed: of these, verified.
        recurred: heals whose target was sick again within 24 h, so far.
        prevented: failures that a breaker prevented by its refusal.
        success: share of the attempts that healed (Wilson).
        mttr_s: mean seconds from detection to verified healed (Student's t).
        recurrence: share of the heals that recurred (Wilson).
        saved: dollars (Student's t, of the sum).
    """

    action_type: str | None
    component: str | None
    attempts: int
    healed: int
    recurred: int
    prevented: int
    success: Estimate
    mttr_s: Estimate
    recurrence: Estimate
    saved: Estimate


@dataclass(frozen=True, kw_only=True)
class SuccessRate:
    """A line of the client's view of everything that ever finished.

    Attributes:
        action_type: of what.
        attempts: that are finished.
        successful: of these.
        failed: of these, what was rolled back included.
        rolled_back: of the failed ones.
        rate_pct: successes of a hundred, with two decimals.
        execution_ms: mean of the successes; None without one.
        last_attempted: when the last one was admitted.
    """

    action_type: str
    attempts: int
    successful: int
    failed: int
    rolled_back: int
    rate_pct: float
    execution_ms: float | None
    last_attempted: datetime


@dataclass(frozen=True, kw_only=True)
class DayOfHeals:
    """What was healed on one day.

    Attributes:
        day: in UTC.
        heals: faults that an attempt has healed.
        mttr_s: mean seconds from detection to verified healed.
    """

    day: date
    heals: int
    mttr_s: float
