"""What was foretold of a component, kept until it is known what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from selfheal.model.trigger import TriggerType


class Outcome(StrEnum):
    """What became of a prediction.

    HIT: the breach came when it was foretold. EARLY: it came, but later than anybody would have waited for. MISS: it
    did not come. PREVENTED: a pre-emptive heal brought the metric back below where it was well, and no breach came.
    UNKNOWN: nobody can tell, for it was healed for another reason before, or nothing was measured any more.
    """

    HIT = "HIT"
    EARLY = "EARLY"
    MISS = "MISS"
    PREVENTED = "PREVENTED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One alarm of one rule about one metric of one component: a row of `predictions`.

    Attributes:
        id: client-made UUIDv7.
        rule: one of `PREEMPTIVE`: what was noticed, and the type of the trigger that it raises.
        component: whose metric; `host:NAME` of a host, the request's number of a workflow.
        metric: which, with its unit, as `health_history` has it.
        value: its newest value when the alarm was raised.
        threshold: what it must not reach.
        raised_at: end of the newest five minutes that were looked at then; aware.
        breach_at: when it reaches the threshold; None where the rule foretells no time.
        low: with 80 % between this
        high: and this.
        why: in words.
        ended_at: when the alarm was taken back or healed; None while it stands.
        breached_at: when the threshold was reached; None: it was not (yet).
        outcome: None until it is known.
        settled_at: when it was.
        well_below: a heal for it has helped when the metric is below this; None: the threshold.
    """

    id: UUID
    rule: TriggerType
    component: str
    metric: str
    value: float
    threshold: float
    raised_at: datetime
    breach_at: datetime | None
    low: datetime | None
    high: datetime | None
    why: str
    ended_at: datetime | None = None
    breached_at: datetime | None = None
    outcome: Outcome | None = None
    settled_at: datetime | None = None
    well_below: float | None = None

    @property
    def stands(self) -> bool:
        """Whether it still speaks for a pre-emptive heal."""
        return self.ended_at is None and self.outcome is None
