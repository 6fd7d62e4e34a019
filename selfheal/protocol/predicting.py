"""predictive-health step by step: look, ask the rules, write down what begins, what is over and what became of it.

A run decides about values only; what it has found and what it remembers are one transaction. What is foretold is a
trigger like any other, written with its prediction and under its id: admission decides what may be done.
"""

import logging
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from uuid6 import uuid7

from selfheal.forecast.board import RESPONSE
from selfheal.forecast.rows import BUCKET_S, DAY
from selfheal.model.component import Component
from selfheal.model.errors import SelfhealError
from selfheal.model.forecast import Kept, Name
from selfheal.model.prediction import (
    Breach,
    Change,
    Facts,
    Foretold,
    Prediction,
    PreemptingRules,
    Raised,
    Rules,
    Sign,
    Untold,
)
from selfheal.model.trigger import TriggerType
from selfheal.policy import foretelling
from selfheal.policy.foretold_changes import begins, begun, ends, settles, severity
from selfheal.policy.untold import too_little
from selfheal.ports import Clock, PredictionStore
from selfheal.protocol.failpoint import reach
from selfheal.protocol.forecasting import Forecasting, Looked, begin_of
from selfheal.protocol.soon_stuck import SoonStuck

_log = logging.getLogger(__name__)
_BACK = 8
"""Levels of a response time at this time of day: of today, and of a week."""
_MEMORY = timedelta(hours=1)
_ERRORS = TriggerType.ERRORS_SUSTAINED


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a run has come to.

    Attributes:
        at: the end of the newest five minutes that were looked at; None: none were over since the last run.
        series: that have a limit.
        judged: buckets that were judged.
        raised: predictions that begin.
        ended: those that hold no more.
        settled: those of which it is known now what became of them.
        standing: those that stand afterwards.
        whys: how many series have no forecast for which reason.
        note: what a person should know of how it went; empty: nothing.
        overtaken: another run was faster, and nothing of this was written.
    """

    at: datetime | None = None
    series: int = 0
    judged: int = 0
    raised: Sequence[Prediction] = ()
    ended: Sequence[Prediction] = ()
    settled: Sequence[Prediction] = ()
    standing: Sequence[Prediction] = ()
    whys: Mapping[str, int] = field(default_factory=dict)
    note: str = ""
    overtaken: bool = False


@dataclass(frozen=True, kw_only=True)
class Predicting:
    """What predictive-health needs.

    Attributes:
        store: what was measured, what the forecast remembers, and predictions.
        rules: when what is noticed.
        components: of the estate, by name.
        limits: further ones, by component and metric.
        healable: names of the components that may be healed at all.
        preempting: how far actions may go before anything is sick.
        workflows: looks at them; None: there are none.
        clock: the time.
    """

    store: PredictionStore
    rules: Rules
    components: Mapping[str, Component]
    limits: Mapping[str, Mapping[str, float]]
    healable: Collection[str]
    preempting: PreemptingRules
    workflows: SoonStuck | None
    clock: Clock

    def turn(self, *, dry_run: bool = False) -> Turn:
        """Foretell, once; a dry run writes nothing.

        Raises:
            Transient: the database does not answer.
        """
        now = self.clock.now()
        looked = self.forecasting().look(now)
        known = self.store.open()
        if looked is None:
            return Turn(standing=[one for one in known if one.stands])
        reach("after-forecast-look")
        change, note = self.changes(looked, known, now=now, kept=replace(looked.board.kept(), serial=looked.serial))
        written = dry_run or self.store.commit(change)
        return _told(looked, change, known, note=note, overtaken=not written)

    def forecasting(self) -> Forecasting:
        """What looks."""
        return Forecasting(store=self.store, limit_of=self._limit, components=self._of_target)

    def changes(self, looked: Looked, known: Sequence[Prediction], *, now: datetime, kept: Kept) -> tuple[Change, str]:
        """What begins, what is over and what is known by now; and what a person should know of how it went."""
        at = begin_of(looked.board.bucket + 1)
        signs, told, note = self._signs(looked, known, at, now)
        facts = self._facts(known, looked.breaches, told)
        change = Change(
            now=now,
            kept=kept,
            raised=[self._raised(one, at) for one in begins(signs, known)],
            ended=ends(signs, known, now=now),
            settled=settles(known, facts, now=now),
            breaches=looked.breaches,
            untold=[
                Untold(component=one.name[0], metric=one.name[1], why=why)
                for one in looked.board.judged()
                if (why := too_little(one.forecast))
            ],
        )
        return change, note

    def _limit(self, name: Name) -> float | None:
        timeouts = {one.name: one.probe_timeout for one in self.components.values()}
        return foretelling.limit_of(name, self.rules, timeouts=timeouts, own=self.limits)

    def _of_target(self, target: str) -> Collection[str]:
        """The components that are this physical thing."""
        return {name for name, one in self.components.items() if one.target == target}

    def _signs(
        self, looked: Looked, known: Sequence[Prediction], at: datetime, now: datetime
    ) -> tuple[Sequence[Sign], Mapping[UUID, Facts], str]:
        """What every rule says, what has come of workflows, and what could not be looked at."""
        signs = [
            *self._breaches(looked, known),
            *self._pressures(looked, at),
            *self._rises(looked),
            *self._errors(known, at),
        ]
        if self.workflows is None:
            return [*signs, *_nobody_looks(known)], {}, looked.note
        try:
            further, facts = self.workflows.signs(known, now=now)
        except SelfhealError as error:
            _log.warning("nothing is foretold of workflows: %s", error)
            return signs, {}, "; ".join(filter(None, (looked.note, f"nothing is foretold of workflows: {error}")))
        return [*signs, *further], facts, looked.note

    def _breaches(self, looked: Looked, known: Sequence[Prediction]) -> Sequence[Sign]:
        found = []
        for one in looked.board.judged():
            first = looked.begun.get(one.name)
            newest = (
                one.forecast
                if first is None or one.forecast.breach_at
                else replace(first.forecast, alarm=one.forecast.alarm)
            )
            found.append(
                foretelling.breach(
                    one.name,
                    value=one.value,
                    limit=one.limit,
                    forecast=newest,
                    begun=first is not None,
                    rules=self.rules,
                )
            )
        said = {(one.component, one.metric) for one in found}
        return [*found, *foretelling.gone(known, said)]

    def _pressures(self, looked: Looked, at: datetime) -> Sequence[Sign]:
        names = [name for name in looked.board.names if name[1] == foretelling.MEMORY]
        lows = self.store.lows(names, since=at - max(_MEMORY, self.rules.memory_high_for), until=at)
        levels = looked.board.levels(foretelling.MEMORY, back=_BACK, over=DAY)
        bucket, limits = looked.board.bucket, looked.board.limits()
        return [
            foretelling.memory_pressure(
                name,
                lows.get(name, {}),
                self.rules,
                bucket=bucket,
                limit=limits[name],
                before=levels.get(name, [[]])[0][1:],
            )
            for name in names
        ]

    def _rises(self, looked: Looked) -> Sequence[Sign]:
        over = max(1, math.ceil(self.rules.response_rise_over.total_seconds() / BUCKET_S))
        levels = looked.board.levels(RESPONSE, back=_BACK, over=over)
        limits = looked.board.limits()
        highest = looked.board.highest(RESPONSE, days=foretelling.FEWEST_DAYS, ago=over // 2)
        return [
            foretelling.response_rising(name, days, self.rules, limit=limits[name], highest=highest[name])
            for name, days in levels.items()
        ]

    def _errors(self, known: Sequence[Prediction], at: datetime) -> Sequence[Sign]:
        hours = max(1, math.ceil(self.rules.errors_for / timedelta(hours=1)))
        found = self.store.errors(at, hours=hours)
        none = [0] * hours
        return [
            foretelling.errors_sustained(name, found.get(name, none), self.rules, limit=self._own(name))
            for name in sorted({*self.components, *found, *(one.component for one in known if one.rule is _ERRORS)})
        ]

    def _own(self, component: str) -> float | None:
        return self.limits.get(component, {}).get(foretelling.ERRORS)

    def _facts(
        self, known: Sequence[Prediction], breaches: Sequence[Breach], told: Mapping[UUID, Facts]
    ) -> Mapping[UUID, Facts]:
        """What is written down, with what was seen just now."""
        unsettled = [one for one in known if one.outcome is None]
        targets = {one.component: self.components[one.component].target for one in unsettled if self._ours(one)}
        facts = dict(self.store.facts(targets)) if unsettled else {}
        for one in unsettled:
            if one.id not in facts:
                continue
            now = [each.at for each in breaches if (each.component, each.metric) == (one.component, one.metric)]
            later = [each for each in now if each > one.raised_at]
            if facts[one.id].breached_at is None and later:
                facts[one.id] = replace(facts[one.id], breached_at=min(later))
            seen = told.get(one.id)
            if seen is not None:
                facts[one.id] = replace(
                    facts[one.id], breached_at=seen.breached_at, moved_on=seen.moved_on, well=seen.well
                )
        return facts

    def _ours(self, one: Prediction | Foretold) -> bool:
        return one.component in self.components

    def _raised(self, foretold: Foretold, at: datetime) -> Raised:
        asks = self._ours(foretold) and not foretold.crowd
        may_be_healed = asks and self._healable(foretold.component)
        return Raised(
            prediction=begun(foretold, at=at, made=uuid7),
            priority=foretold.priority,
            triggers=asks,
            severity=severity(foretold.rule, may_be_healed=may_be_healed),
        )

    def _healable(self, name: str) -> bool:
        component = self.components[name]
        acts = any(self.preempting.mode_of(action) != "observe" for action in component.ladder)
        return acts and (component.allowed_as or component.name) in self.healable


def _nobody_looks(known: Sequence[Prediction]) -> Sequence[Sign]:
    """There are no workflows any more: what was foretold of them is over."""
    return [
        Sign(rule=one.rule, component=one.component, metric=one.metric, foretold=None, over=True)
        for one in known
        if one.rule is TriggerType.STUCK_SOON
    ]


def _told(looked: Looked, change: Change, known: Sequence[Prediction], *, note: str, overtaken: bool) -> Turn:
    gone = {one.id for one in (*change.ended, *change.settled)}
    raised = [one.prediction for one in change.raised]
    whys = Counter(str(one.forecast.why_not) for one in looked.board.judged() if one.forecast.why_not is not None)
    return Turn(
        at=begin_of(looked.board.bucket + 1),
        series=len(looked.board.names),
        judged=looked.judged,
        raised=raised,
        ended=change.ended,
        settled=change.settled,
        standing=[*(one for one in known if one.stands and one.id not in gone), *raised],
        whys=whys,
        note=note,
        overtaken=overtaken,
    )
