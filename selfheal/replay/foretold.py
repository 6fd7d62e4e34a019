"""What predictive-health would have foretold: its own protocol, five minutes after five minutes, with nothing written.

It reads what was measured as production does; what it foretells, and what became of that, stays in memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from selfheal.forecast.board import Board
from selfheal.forecast.rows import BUCKET_S, HOUR
from selfheal.model.component import Component
from selfheal.model.forecast import Kept, Name, Packed
from selfheal.model.prediction import Acted, Breach, Change, Facts, Outcome, Prediction
from selfheal.model.recorded import FoundFault, Tried
from selfheal.model.replay import Alarm, End, Rule
from selfheal.model.trigger import PREEMPTIVE, Priority, TriggerType
from selfheal.policy.settling import LONGEST
from selfheal.ports.predicting import PredictionStore
from selfheal.protocol.forecasting import LATE, begin_of
from selfheal.protocol.predicting import Predicting

_NOTHING = Kept(head=b"", rows={}, serial=0)
_WEEK = timedelta(days=8)


@dataclass
class PastPredictions:
    """`ports.PredictionStore` over the past: reads what was measured, and keeps the rest in memory.

    Attributes:
        measured: what was.
        since: the beginning of the replay.
        tried: by target, the attempts of the past.
        faults: by component, the faults of the past.
    """

    measured: PredictionStore
    since: datetime
    tried: Mapping[str, Sequence[Tried]]
    faults: Mapping[str, Sequence[FoundFault]]
    found: dict[UUID, Prediction] = field(default_factory=dict)
    priorities: dict[UUID, Priority] = field(default_factory=dict)
    breaches: list[Breach] = field(default_factory=list)
    _series: Sequence[Name] | None = None
    _acted: Sequence[Acted] | None = None

    def kept(self) -> Kept | None:
        """Nothing: the board is in memory."""
        return None

    def series(self, since: datetime) -> Sequence[Name]:
        """All that was measured from a week before the replay on; asked once."""
        del since
        if self._series is None:
            self._series = self.measured.series(self.since - _WEEK)
        return self._series

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
        oldest = change.now - 2 * LONGEST
        self.breaches = [one for one in (*self.breaches, *change.breaches) if one.at >= oldest]
        return True

    def _facts(self, one: Prediction, target: str) -> Facts:
        acts = [each for each in self.tried.get(target, ()) if each.acted and each.began_at > one.raised_at]
        helped = [each.ended_at for each in acts if each.healed and each.ended_at and each.trigger_type in PREEMPTIVE]
        return Facts(
            breached_at=min(self._breached(one), default=None),
            helped_at=min(helped, default=None),
            well=bool(helped),
            healed_at=min((each.began_at for each in acts if each.trigger_type not in PREEMPTIVE), default=None),
        )

    def _breached(self, one: Prediction) -> Iterator[datetime]:
        """When its limit was reached; what errors of a log foretell is that the component goes down."""
        if one.rule is TriggerType.ERRORS_SUSTAINED:
            yield from (each.since for each in self.faults.get(one.component, ()) if each.since > one.raised_at)
            return
        for each in self.breaches:
            if (each.component, each.metric) == (one.component, one.metric) and each.at > one.raised_at:
                yield each.at


def foretold(
    predicting: Predicting, past: PastPredictions, *, since: datetime, until: datetime
) -> Iterator[tuple[Prediction, Priority]]:
    """What would have been foretold in that time, with what became of it, the oldest first."""
    ours = replace(predicting, store=past)
    forecasting = ours.forecasting()
    first, last = (int((at - LATE).timestamp() // BUCKET_S) - 1 for at in (since, until))
    board = Board.new(first - HOUR + 1)
    for bucket in range(first, last + 1):
        looked = forecasting.look_on(board, bucket)
        if looked is None:
            continue
        change, _ = ours.changes(looked, past.open(), now=begin_of(bucket + 1) + LATE, kept=_NOTHING)
        past.commit(change)
    for one in sorted(past.found.values(), key=lambda each: (each.raised_at, each.component, each.metric)):
        yield one, past.priorities[one.id]


def alarm_of(one: Prediction, priority: Priority, component: Component) -> Alarm:
    """A prediction as a replay's alarm: one that nothing came of was for nothing."""
    known = "it is not known yet what became of it" if one.outcome is None else one.outcome.value
    return Alarm(
        rule=Rule.FORETOLD,
        component=component.name,
        target=component.target,
        kind=one.rule,
        priority=priority,
        since=one.raised_at,
        raised_at=one.raised_at,
        ended_at=one.ended_at,
        end=End.OPEN if one.ended_at is None else End.RECOVERED,
        why=f"{one.why} ({known})",
        about=one.metric,
        vain=one.outcome is Outcome.MISS,
    )
