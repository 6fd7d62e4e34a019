"""What a replay finds in the past: nothing of it is ever acted on."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

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
        vain: it is known that nothing came of it; what is False may still have been for nothing.
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
    vain: bool = False
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
        verdict: what became of it.
        dollars: what that saved, negative what it cost.
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
        saved: dollars; negative: it cost.
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
    saved: float = 0.0
    guessed: int = 0


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
        examples: the differences, the newest first.
        differences: how many there are in all.
        coverage: what is known of each component.
        notes: what could not be replayed, in words.
    """

    since: datetime
    until: datetime
    changes: tuple[tuple[str, str, str], ...]
    counted: tuple[Counted, ...]
    examples: tuple[Example, ...]
    differences: int
    coverage: tuple[Coverage, ...]
    notes: tuple[str, ...]
