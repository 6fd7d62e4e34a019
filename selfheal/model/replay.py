"""What a replay finds in the past: nothing of it is ever acted on."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from selfheal.model.prediction import Outcome
from selfheal.model.trigger import Priority, TriggerType


class Rule(StrEnum):
    """What finds that something is wrong."""

    DOWN = "down"  # a watcher's looks, with strikes and hysteresis
    LOG = "log"  # lines of a pattern within a window
    FORETOLD = "foretold"  # a metric will reach its limit


class End(StrEnum):
    """How what was found ended."""

    HEALED = "healed"  # an attempt of ours was verified
    RECOVERED = "recovered by itself"
    UNSEEN = "ended while nobody looked"
    OPEN = "still going on"
    MOMENT = "-"  # the rule tells of no end: it is raised once


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One time that a rule says that something is wrong, from its first trigger to the end.

    Attributes:
        rule: which.
        component: whose.
        target: the physical thing.
        kind: of the trigger.
        priority: of the trigger.
        since: the trouble itself began.
        raised_at: the first trigger.
        ended_at: None: it goes on, or the rule tells of no end.
        end: how.
        why: in words.
        confirmed: the component was not well then. A suspicion alone is answered with ALREADY_HEALTHY.
        about: the metric, where a rule looks at several.
        stands_until: a prediction spoke for a heal until then; None: it does still, or it is none.
        outcome: what became of a prediction; None: it is not known yet, or it is none.
        late: the breach came so soon after the prediction that it was no help.
        again: raised anew then, by a next run of the watcher, which remembers nothing of the one before.
        projected: it never got so far, since an attempt healed it before; the time is reckoned.
    """

    rule: Rule
    component: str
    target: str
    kind: TriggerType
    priority: Priority
    since: datetime
    raised_at: datetime
    ended_at: datetime | None
    end: End
    why: str
    confirmed: bool = True
    about: str = ""
    stands_until: datetime | None = None
    outcome: Outcome | None = None
    late: bool = False
    again: tuple[datetime, ...] = ()
    projected: bool = False


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What is known of a component's past.

    Attributes:
        component: whose.
        first: the first look; None: there is none.
        last: the last one.
        gaps: times without a look, longer than a watcher lets pass.
        gaps_s: their length together, in seconds.
        plain: sick looks that were written down without what was seen: their status alone was replayed.
    """

    component: str
    first: datetime | None = None
    last: datetime | None = None
    gaps: int = 0
    gaps_s: float = 0.0
    plain: int = 0


class Verdict(StrEnum):
    """What became of what a rule found, or would have become of it."""

    HEALED = "healed"  # by the attempts that were recorded
    MENDED = "would have been acted on"  # nothing was done then, and it lasted
    NOTHING = "for nothing"  # it was well again by itself, no later than a heal would have made it
    REFUSED = "refused"  # no attempt was admitted


@dataclass(frozen=True, kw_only=True)
class Course:
    """How an alarm goes on under the limits of admission.

    Attributes:
        alarm: which.
        triggers: raised for it, again and again.
        began: when each heal began.
        actions: what each did.
        refusals: decisions that refused it, in order, each once.
        caps: of `prediction.preempt`, those that refused it, the same way.
        verdict: what became of it.
        dollars: what that saved, negative what it cost.
        lost: of these, what failed and harmful heals and those for nothing cost.
        failed: heals that acted and did not help, or of which nobody can tell
        harmed: and those of them whose way back failed too.
        guessed: heals of which nothing tells how they would have ended.
    """

    alarm: Alarm
    triggers: int
    began: tuple[datetime, ...]
    actions: tuple[str, ...]
    refusals: tuple[str, ...]
    verdict: Verdict
    dollars: float
    guessed: int
    lost: float = 0.0
    failed: int = 0
    harmed: int = 0
    caps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What one rule comes to.

    Attributes:
        rule: which.
        variant: "as recorded", "as set" or "as it would be".
        triggers: raised.
        found: alarms, or faults.
        heals: that began, or would have.
        really: of these, so many did.
        earlier: found so many earlier than as set
        later: or later.
        moved_s: by so many seconds in the median, negative where earlier; None where none moved.
        besides: found, and not as set.
        missed: found as set, and not here.
        for_nothing: healed, or would have been, what was well again by itself.
        failed: heals that acted and did not help
        harmed: and those of them whose way back failed too.
        saved: dollars; negative: it cost.
        lost: of these, what failed and harmful heals and those for nothing cost.
        guessed: heals that are in `saved` by their action's success rate only.
    """

    rule: Rule
    variant: str
    triggers: int
    found: int
    heals: int
    really: int
    earlier: int = 0
    later: int = 0
    moved_s: float | None = None
    besides: int = 0
    missed: int = 0
    for_nothing: int = 0
    failed: int = 0
    harmed: int = 0
    saved: float = 0.0
    lost: float = 0.0
    guessed: int = 0


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What predictions come to, as `selfheal predictions` counts them.

    Attributes:
        variant: "as recorded", "as set" or "as it would be"; empty: not told yet.
        predictions: that began.
        hits: the breach came when it was foretold
        late: or so soon that it was no help
        early: or later than anybody would have waited for.
        misses: it did not come.
        prevented: a pre-emptive heal came before it.
        unknown: nobody can tell.
        unsettled: nobody can tell yet.
        breaches: of metrics with a limit
        foretold: and those of them that a forecast preceded by 10 minutes to 6 hours.
        heals: pre-emptive ones that began
        in_vain: and those of them for a prediction that missed.
        capped: predictions that a cap of `prediction.preempt` refused, and for which no heal began; None: not recorded.
        caps: the names of these caps.
    """

    variant: str = ""
    predictions: int
    hits: int
    late: int
    early: int
    misses: int
    prevented: int
    unknown: int
    unsettled: int
    breaches: int
    foretold: int
    heals: int
    in_vain: int
    capped: int | None = None
    caps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Example:
    """One difference, with its times.

    Attributes:
        rule: which.
        component: whose.
        what: earlier, later, besides, missed, for nothing, healed otherwise.
        since: the trouble began.
        as_set_at: raised; None: not at all.
        would_be_at: the same.
        ended_at: None: it goes on.
        end: how.
        why: in words.
    """

    rule: Rule
    component: str
    what: str
    since: datetime
    as_set_at: datetime | None
    would_be_at: datetime | None
    ended_at: datetime | None
    end: End
    why: str


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """All that a replay tells.

    Attributes:
        since: from then
        until: to then.
        changes: settings that were changed, by path: as set, and as it would be.
        counted: rule by rule.
        foreseen: what predictions come to, where what is foretold was replayed.
        examples: the differences, the newest first.
        differences: how many there are in all.
        coverage: what is known of each component.
        notes: what could not be replayed, in words.
    """

    since: datetime
    until: datetime
    changes: tuple[tuple[str, str, str], ...]
    counted: tuple[Counted, ...]
    foreseen: tuple[Foreseen, ...]
    examples: tuple[Example, ...]
    differences: int
    coverage: tuple[Coverage, ...]
    notes: tuple[str, ...]
