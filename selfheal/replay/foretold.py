"""What predictive-health would have foretold: its own protocol, five minutes after five minutes, with nothing written.

It reads what was measured as production does; what it foretells, and what became of that, stays in memory.
"""

import math
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from selfheal.forecast.board import Board
from selfheal.forecast.rows import BUCKET_S, DAY, HOUR
from selfheal.model.component import Component
from selfheal.model.forecast import Kept, Name, Packed
from selfheal.model.prediction import Acted, Breach, Change, Facts, Outcome, Prediction
from selfheal.model.recorded import FoundFault, Tried
from selfheal.model.replay import Alarm, Course, End, Foreseen, Rule
from selfheal.model.trigger import PREEMPTIVE, Priority, TriggerType
from selfheal.policy.settling import LATEST, LONGEST, SOONEST
from selfheal.ports.predicting import PredictionStore
from selfheal.protocol.forecasting import LATE, begin_of
from selfheal.protocol.predicting import Predicting

_NOTHING = Kept(head=b"", rows={}, serial=0)
_WEEK = timedelta(days=8)
_DAY, _BUCKET = timedelta(days=1), timedelta(seconds=BUCKET_S)
_SEEN = 12
"""So many fives of minutes with a value, within a day, tell what became of a prediction."""


@dataclass
class PastPredictions:
    """`ports.PredictionStore` over the past: reads what was measured, and keeps the rest in memory.

    Attributes:
        measured: what was.
        since: the beginning of the replay.
        tried: by target, the attempts of the past.
        faults: by component, the faults of the past.
        found: what was foretold, by its id.
        priorities: of the triggers, by the same.
        breaches: of metrics with a limit.
        now: as far as it has come.
    """

    measured: PredictionStore
    since: datetime
    tried: Mapping[str, Sequence[Tried]]
    faults: Mapping[str, Sequence[FoundFault]]
    found: dict[UUID, Prediction] = field(default_factory=dict)
    priorities: dict[UUID, Priority] = field(default_factory=dict)
    breaches: list[Breach] = field(default_factory=list)
    now: datetime | None = None
    _days: dict[datetime, Mapping[Name, tuple[datetime, datetime]]] = field(default_factory=dict)
    _series: Sequence[Name] | None = None
    _acted: Sequence[Acted] | None = None

    def kept(self) -> Kept | None:
        """Nothing: the board is in memory."""
        return None

    def series(self, since: datetime) -> Sequence[Name]:
        """What was measured from then on, as far as it has come: what begins later is not followed before.

        A series without a value is forgotten at once, and to begin it again is to observe a week.
        """
        now, found = self.now or since, dict[Name, None]()
        day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        while day <= now:
            measured = self._measured_on(day).items()
            found |= dict.fromkeys(name for name, (first, last) in measured if first < now and last >= since)
            day += _DAY
        return list(found)

    def _measured_on(self, day: datetime) -> Mapping[Name, tuple[datetime, datetime]]:
        """The first and the last five minutes of each series that has any on that day."""
        if self._series is None:
            self._series = self.measured.series(self.since - _WEEK)
        if day not in self._days:
            places = {
                one.name: struct.unpack(f">{len(one.buckets) // 4}i", one.buckets)
                for one in self.measured.read(self._series, since=day, until=day + _DAY)
            }
            self._days[day] = {
                name: (day + min(some) * _BUCKET, day + max(some) * _BUCKET) for name, some in places.items()
            }
        return self._days[day]

    def read(self, names: Sequence[Name], *, since: datetime, until: datetime) -> Sequence[Packed]:
        """As it was measured."""
        return self.measured.read(names, since=since, until=until)

    def lows(
        self, names: Sequence[Name], *, since: datetime, until: datetime
    ) -> Mapping[Name, Mapping[int, tuple[float, float]]]:
        """As it was measured."""
        return self.measured.lows(names, since=since, until=until)

    def errors(self, until: datetime, *, hours: int) -> Mapping[str, Sequence[int]]:
        """As it was counted."""
        return self.measured.errors(until, hours=hours)

    def acted(self, since: datetime) -> Sequence[Acted]:
        """What was done; asked once."""
        if self._acted is None:
            self._acted = self.measured.acted(self.since - _WEEK)
        return [one for one in self._acted if one.at >= since]

    def open(self) -> Sequence[Prediction]:
        """Of which it is not over, or not known what became of them."""
        return [one for one in self.found.values() if one.ended_at is None or one.outcome is None]

    def facts(self, targets: Mapping[str, str]) -> Mapping[UUID, Facts]:
        """What came so far: breaches of the replay, attempts and faults of the past."""
        return {one.id: self._facts(one, targets.get(one.component, "")) for one in self.open() if one.outcome is None}

    def commit(self, change: Change) -> bool:
        """Keep it in memory."""
        for begun in change.raised:
            self.found[begun.prediction.id], self.priorities[begun.prediction.id] = begun.prediction, begun.priority
        for one in change.ended:
            self.found[one.id] = replace(self.found[one.id], ended_at=one.ended_at)
        for one in change.settled:
            known = self.found[one.id]
            self.found[one.id] = replace(known, outcome=one.outcome, settled_at=change.now, breached_at=one.breached_at)
        self.breaches.extend(change.breaches)
        return True

    def go_on(self, now: datetime, target_of: Callable[[str], str]) -> None:
        """To that time: what an attempt of the past has healed until then is foretold no more."""
        self.now = now
        for one in self.found.values():
            if one.stands and (healed := [at for at in self._healed(one, target_of(one.component)) if at <= now]):
                self.found[one.id] = replace(one, ended_at=min(healed))

    def _healed(self, one: Prediction, target: str) -> Iterator[datetime]:
        """When attempts for it were verified."""
        for each in self.tried.get(target, ()):
            ours = (each.metric, each.trigger_type) == (one.metric, one.rule.value)
            if ours and each.healed and each.ended_at is not None and each.began_at > one.raised_at:
                yield each.ended_at

    def _facts(self, one: Prediction, target: str) -> Facts:
        acts = [each for each in self.tried.get(target, ()) if each.acted and each.began_at > one.raised_at]
        helped = [each.ended_at for each in acts if each.healed and each.ended_at and each.trigger_type in PREEMPTIVE]
        helped_at = min(helped, default=None)
        return Facts(
            breached_at=min(self._breached(one), default=None),
            helped_at=helped_at,
            well=helped_at is not None and self._well(one, helped_at),
            healed_at=min((each.began_at for each in acts if each.trigger_type not in PREEMPTIVE), default=None),
            seen=self._seen(one),
        )

    def _well(self, one: Prediction, helped_at: datetime) -> bool:
        """Whether the metric came back below where it is well, after it was healed."""
        if one.rule is TriggerType.ERRORS_SUSTAINED:
            return one.ended_at is not None
        bound = one.threshold if one.well_below is None else one.well_below
        return any(high < bound for high in self._highs(one, helped_at))

    def _seen(self, one: Prediction) -> bool:
        """Whether it was measured in the day it is about; asked when that is over, for before nobody needs it."""
        if one.rule is TriggerType.ERRORS_SUSTAINED or self.now is None or self.now < one.raised_at + LONGEST:
            return True
        return sum(not math.isnan(high) for high in self._highs(one, one.raised_at)) >= _SEEN

    def _highs(self, one: Prediction, since: datetime) -> Iterator[float]:
        """The highest value of each five minutes of its metric, for a day at most."""
        name, until = (one.component, one.metric), min(self.now or since, since + LONGEST)
        yield from (high for _, high in self.lows([name], since=since, until=until).get(name, {}).values())

    def _breached(self, one: Prediction) -> Iterator[datetime]:
        """When its limit was reached; what errors of a log foretell is that the component goes down."""
        if one.rule is TriggerType.ERRORS_SUSTAINED:
            yield from (each.since for each in self.faults.get(one.component, ()) if each.since > one.raised_at)
            return
        for each in self.breaches:
            if (each.component, each.metric) == (one.component, one.metric) and each.at > one.raised_at:
                yield each.at


def foretold(
    predicting: Predicting,
    past: PastPredictions,
    *,
    since: datetime,
    until: datetime,
    progress: Callable[[str], object] = lambda _: None,
) -> Iterator[tuple[Prediction, Priority]]:
    """What would have been foretold in that time, with what became of it, the oldest first."""
    ours = replace(predicting, store=past)
    forecasting, targets = ours.forecasting(), {name: one.target for name, one in ours.components.items()}
    first, last = (int((at - LATE).timestamp() // BUCKET_S) - 1 for at in (since, until))
    board = Board.new(first - HOUR + 1)
    for bucket in range(first, last + 1):
        if bucket == first or bucket % DAY == 0:
            progress(f"what was measured, for what is foretold: {begin_of(bucket):%Y-%m-%d}")
        now = begin_of(bucket + 1) + LATE
        past.go_on(now, lambda name: targets.get(name, ""))
        looked = forecasting.look_on(board, bucket)
        if looked is None:
            continue
        change, _ = ours.changes(looked, past.open(), now=now, kept=_NOTHING)
        past.commit(change)
    for one in sorted(past.found.values(), key=lambda each: (each.raised_at, each.component, each.metric)):
        yield one, past.priorities[one.id]


def alarm_of(one: Prediction, priority: Priority, component: Component) -> Alarm:
    """A prediction as a replay's alarm: one that nothing came of was for nothing."""
    known = "it is not known yet what became of it" if one.outcome is None else one.outcome.value
    calm = Priority.HIGH if priority is Priority.CRITICAL else priority  # the place of a CRITICAL is for what is down
    return Alarm(
        rule=Rule.FORETOLD,
        component=component.name,
        target=component.target,
        kind=one.rule,
        priority=calm,
        since=one.raised_at,
        raised_at=one.raised_at,
        ended_at=one.ended_at,
        end=End.OPEN if one.ended_at is None else End.RECOVERED,
        why=f"{one.why} ({known})",
        about=one.metric,
        stands_until=min(filter(None, (one.ended_at, one.settled_at)), default=None),
        outcome=one.outcome,
        late=_late(one),
    )


def foreseen(variant: str, courses: Sequence[Course], breaches: Sequence[Breach]) -> Foreseen:
    """What the predictions of one variant come to, counted as `prediction_results` and `breach_record` do."""
    alarms = [one.alarm for one in courses]
    told = Counter("late" if one.late else one.outcome for one in alarms)
    began = {(one.component, one.about, one.raised_at) for one in alarms if one.kind is TriggerType.BREACH_FORETOLD}
    capped = [one for one in courses if one.caps and not one.began]
    return Foreseen(
        variant=variant,
        predictions=len(alarms),
        hits=told[Outcome.HIT],
        late=told["late"],
        early=told[Outcome.EARLY],
        misses=told[Outcome.MISS],
        prevented=told[Outcome.PREVENTED],
        unknown=told[Outcome.UNKNOWN],
        unsettled=told[None],
        breaches=len(breaches),
        foretold=sum(
            any(
                (component, metric) == (each.component, each.metric) and SOONEST <= each.at - at <= LATEST
                for component, metric, at in began
            )
            for each in breaches
        ),
        heals=sum(len(one.began) for one in courses),
        in_vain=sum(len(one.began) for one in courses if one.alarm.outcome is Outcome.MISS),
        capped=len(capped),
        caps=tuple(sorted({name for one in capped for name in one.caps})),
    )


def _late(one: Prediction) -> bool:
    """A breach less than ten minutes after the alarm is no hit: it came too late."""
    soon = one.breached_at is not None and one.breached_at < one.raised_at + SOONEST
    return one.outcome is Outcome.HIT and soon
