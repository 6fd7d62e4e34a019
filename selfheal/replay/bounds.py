"""What the courses of alarms go by: the limits, and what the attempts of the past teach."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from selfheal.model.admission import Costs, Limits, Rung
from selfheal.model.breaker import Thresholds
from selfheal.model.component import Component
from selfheal.model.prediction import PREEMPT, Outcome
from selfheal.model.recorded import Hold, Tried
from selfheal.model.replay import Alarm, End, Rule
from selfheal.model.trigger import TriggerType

_ANSWERED = timedelta(minutes=1)
"""What is raised once is answered within that."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What admission goes by.

    Attributes:
        components: the estate, by name.
        allow: what may be healed.
        limits: of admission.
        thresholds: of the breakers.
        costs: what things cost.
        rungs: the actions of a component that fit a kind of trigger, and the metric where something is foretold, in
            order.
        holds: pauses and maintenance windows.
        until: the end of what is replayed.
        noted: so long after a sweep begins to find faults all of it are noted: sixty at once are a storm before one of
            them is healed.
    """

    components: Mapping[str, Component]
    allow: frozenset[str]
    limits: Limits
    thresholds: Thresholds
    costs: Costs
    rungs: Callable[[Component, TriggerType, str], Sequence[Rung]]
    holds: Sequence[Hold]
    until: datetime
    noted: timedelta


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the attempts of the past teach, by action; by `preempt:` and its name, before anything was sick.

    Attributes:
        took: how long the heals of an action usually took.
        rate: the share of those that healed.
        harm: the share of those that did harm.
    """

    took: Mapping[str, timedelta]
    rate: Mapping[str, float]
    harm: Mapping[str, float]

    @classmethod
    def of(cls, tried: Sequence[Tried]) -> "Record":
        """Of these."""
        acted = defaultdict[str, list[tuple[float, Tried]]](list)
        for one in tried:
            if one.ended_at is not None and one.acted:
                length_s = (one.ended_at - one.began_at).total_seconds()
                acted[action_of(one.action, foretold=bool(one.metric))].append((length_s, one))
        return cls(
            took={name: timedelta(seconds=median(length for length, _ in some)) for name, some in acted.items()},
            rate={name: sum(one.healed for _, one in some) / len(some) for name, some in acted.items()},
            harm={name: sum(one.harmed for _, one in some) / len(some) for name, some in acted.items()},
        )


def action_of(name: str, *, foretold: bool) -> str:
    """An action as `Record` knows it."""
    return f"{PREEMPT}{name}" if foretold else name


def during(alarm: Alarm, tried: Sequence[Tried]) -> list[Tried]:
    """The attempts on its target from its beginning to its end, or, where it has none, that soon followed."""
    end = alarm.raised_at + _ANSWERED if alarm.end is End.MOMENT else alarm.ended_at
    return [
        one
        for one in tried
        if one.began_at >= alarm.since and (end is None or one.began_at <= end) and _is_for(one, alarm)
    ]


def _is_for(one: Tried, alarm: Alarm) -> bool:
    """What was done for a prediction was done for that one, and for nothing that was sick."""
    if alarm.rule is not Rule.FORETOLD:
        return not one.metric
    return (one.metric, one.trigger_type) == (alarm.about, alarm.kind.value)


def for_nothing(alarm: Alarm, component: Component, tried: Sequence[Tried]) -> bool:
    """Whether it was well again by itself, no later than a heal would have made it."""
    if alarm.rule is Rule.FORETOLD:
        return alarm.outcome is Outcome.MISS
    if alarm.end is not End.RECOVERED or alarm.ended_at is None or any(one.acted for one in during(alarm, tried)):
        return False
    return alarm.ended_at - alarm.raised_at <= component.start_timeout + component.healthy_delay
