"""What was foretold of a component, kept until it is known what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from selfheal.model.forecast import Kept
from selfheal.model.trigger import Priority, TriggerType

PREEMPT = "preempt:"
"""Before an action's name: what it may do, and has done, before anything is sick; it is written and judged apart."""


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


@dataclass(frozen=True, kw_only=True)
class Rules:
    """When what is noticed; as in the settings `[prediction]`, which explain each."""

    memory_limit: float = 95
    memory_high: float = 85
    memory_high_for: timedelta = timedelta(minutes=15)
    disk_limit: float = 95
    horizon: timedelta = timedelta(hours=2)
    response_rise: float = 0.2
    response_rise_over: timedelta = timedelta(hours=24)
    errors_per_hour: float = 10
    errors_for: timedelta = timedelta(hours=2)
    stuck_share: float = 0.75


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """What a rule has to say of one metric of one component now.

    Attributes:
        rule: which.
        component: whose.
        metric: of what.
        value: its newest.
        threshold: what it must not reach.
        well_below: a heal for it has helped when the metric is below this.
        priority: of the trigger that it raises.
        why: in words.
        breach_at: when it reaches the threshold; None where the rule foretells no time.
        low: with 80 % between this
        high: and this.
        crowd: whether it is one of so many at once that they have one cause: a person is told, and nothing is done.
    """

    rule: TriggerType
    component: str
    metric: str
    value: float
    threshold: float
    well_below: float
    priority: Priority
    why: str
    breach_at: datetime | None = None
    low: datetime | None = None
    high: datetime | None = None
    crowd: bool = False


@dataclass(frozen=True, kw_only=True)
class Sign:
    """How a rule stands on one series.

    Attributes:
        rule: which.
        component: whose.
        metric: of what.
        foretold: what begins now, where it is not said yet; None: nothing does.
        over: what was said before holds no more. Neither: what stands goes on to stand.
    """

    rule: TriggerType
    component: str
    metric: str
    foretold: Foretold | None
    over: bool


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What has come of a prediction so far.

    Attributes:
        breached_at: when the threshold was reached after it; None: it was not.
        helped_at: when a heal for it was verified; None: there was none.
        well: whether the metric came back below where it is well after that.
        healed_at: when something else was done to the component; None: nothing was.
        seen: whether the metric was measured in the time that the prediction is about.
        moved_on: what was foretold can come no more: the workflow has gone on.
    """

    breached_at: datetime | None = None
    helped_at: datetime | None = None
    well: bool = False
    healed_at: datetime | None = None
    seen: bool = True
    moved_on: bool = False


@dataclass(frozen=True, kw_only=True)
class Acted:
    """Something that was done to a component.

    Attributes:
        attempt: its id.
        target: the physical thing.
        at: when; aware.
    """

    attempt: str
    target: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A metric that has reached its limit.

    Attributes:
        component: whose.
        metric: which.
        at: the end of the five minutes in which it did.
        threshold: its limit.
    """

    component: str
    metric: str
    at: datetime
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Raised:
    """A prediction that begins.

    Attributes:
        prediction: as it is written.
        priority: of its trigger.
        triggers: whether a pre-emptive heal is asked for: its component is one of the estate's.
        severity: a person is told with this; empty: nobody is.
    """

    prediction: Prediction
    priority: Priority
    triggers: bool
    severity: str


@dataclass(frozen=True, kw_only=True)
class Untold:
    """A series of which little or nothing can be foretold, for too little of it is known.

    Attributes:
        component: whose.
        metric: which.
        why: in words.
    """

    component: str
    metric: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one run has come to: all of it is written, or nothing.

    Attributes:
        now: of the run; aware.
        kept: what the forecast remembers; its serial is that of what was read.
        raised: what begins.
        ended: what holds no more.
        settled: predictions of which it is known now what became of them, with their outcome and breach.
        breaches: of all metrics with a limit.
        untold: series of which too little is known.
    """

    now: datetime
    kept: Kept
    raised: Sequence[Raised]
    ended: Sequence[Prediction]
    settled: Sequence[Prediction]
    breaches: Sequence[Breach]
    untold: Sequence[Untold] = ()


@dataclass(frozen=True, kw_only=True)
class PreemptingRules:
    """How far pre-emptive heals may go.

    Attributes:
        mode: of every action that has none here.
        actions: the modes of single actions, by name; the action's own mode counts where it is stricter.
    """

    mode: str = "observe"
    actions: Mapping[str, str] = field(default_factory=dict)

    def mode_of(self, action: str) -> str:
        """How far this action may go before anything is sick."""
        return self.actions.get(action, self.mode)
