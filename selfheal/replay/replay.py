"""One replay: the rules as they are set and as they would be, over the same past, beside what was recorded of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from selfheal.model.admission import Rung
from selfheal.model.component import Component
from selfheal.model.recorded import FoundFault, Tried
from selfheal.model.replay import Alarm, Counted, Course, Example, Foreseen, Replayed, Rule
from selfheal.model.trigger import PREEMPTIVE, TriggerType
from selfheal.policy.promotion import stricter
from selfheal.ports.replay import RecordedHistory
from selfheal.protocol.predicting import Predicting
from selfheal.replay.bounds import Bounds, Record
from selfheal.replay.compare import AS_SET, RECORDED, WOULD_BE, by_target, counted, examples, paired, recorded
from selfheal.replay.courses import Courses
from selfheal.replay.finding import KINDS, Finding
from selfheal.replay.foretold import foreseen
from selfheal.replay.question import Question
from selfheal.settings.estate import Settings

EXAMPLES = 20
"""So many differences are told with their times; the newest."""
Rungs = Callable[[Component, TriggerType, str], Sequence[Rung]]
_LONG_BEFORE = timedelta(hours=1)
_ALONE = "only what is foretold is replayed: what was sick takes no place beside it; add --rule down for that"
_UNTOLD = "what is foretold is not replayed, for no prediction.* is set otherwise; --rule foretold asks for it"


@dataclass(frozen=True)
class Replay:
    """One replay.

    Attributes:
        history: the past.
        question: what is asked.
        rungs: the actions of a component that fit a kind of trigger, and the metric where something is foretold.
        predicting: predictive-health under some settings.
        progress: is told what is read.
    """

    history: RecordedHistory
    question: Question
    rungs: Rungs
    predicting: Callable[[Settings], Predicting]
    progress: Callable[[str], object] = lambda _: None

    def run(self) -> Replayed:
        """Read, replay, compare.

        Raises:
            Transient: the database cannot be asked.
        """
        asked = self.question
        tried = self.history.tried(asked.since, asked.until)
        faults = self.history.faults(asked.since, asked.until)
        finding = self.finding(tried, faults)
        rules = [rule for rule in Rule if rule in asked.rules]
        found = {rule: finding.found(rule) for rule in rules}
        was = self.courses(asked.was, [one for alarms, _ in found.values() for one in alarms], tried)
        would = self.courses(asked.would, [one for _, alarms in found.values() for one in alarms], tried)
        lines: list[Counted] = []
        told: list[Example] = []
        seen: list[Foreseen] = []
        for rule in rules:
            before, after = ([one for one in some if one.alarm.rule is rule] for some in (was, would))
            pairs = list(paired(before, after))
            lines += [self._recorded(rule, tried, faults), counted(rule, AS_SET, before, ())]
            lines += [counted(rule, WOULD_BE, after, pairs)]
            told += examples(rule, pairs)
            if rule is Rule.FORETOLD:
                seen = self._foreseen(before, after, finding)
        told.sort(key=lambda one: one.since, reverse=True)
        return Replayed(
            since=asked.since,
            until=asked.until,
            changes=asked.changes,
            counted=tuple(lines),
            foreseen=tuple(seen),
            examples=tuple(told[:EXAMPLES]),
            differences=len(told),
            coverage=tuple(finding.coverage),
            notes=(*finding.notes, *self._notes(finding)),
        )

    def _notes(self, finding: Finding) -> list[str]:
        """What a person should know of what was left out."""
        asked, notes = self.question, list[str]()
        firsts = [one.first for one in finding.coverage if one.first is not None]
        if firsts and min(firsts) > asked.since + _LONG_BEFORE:
            notes.append(f"nothing is recorded before {min(firsts):%Y-%m-%d %H:%M:%S} UTC")
        if Rule.FORETOLD not in asked.rules:
            notes.append(_UNTOLD)
        elif Rule.DOWN not in asked.rules:
            notes.append(_ALONE)
        return notes

    def finding(self, tried: Sequence[Tried], faults: Sequence[FoundFault]) -> Finding:
        """What runs the rules."""
        by_component: dict[str, list[FoundFault]] = {}
        for one in faults:
            by_component.setdefault(one.component, []).append(one)
        return Finding(
            history=self.history,
            question=self.question,
            predicting=self.predicting,
            tried=by_target(tried),
            faults=by_component,
            progress=self.progress,
        )

    def courses(self, settings: Settings, alarms: Sequence[Alarm], tried: Sequence[Tried]) -> list[Course]:
        """How they go on under the limits of these settings."""
        healing = settings.healing
        bounds = Bounds(
            components=settings.catalogue(),
            allow=healing.allow,
            limits=settings.limits(),
            thresholds=settings.breakers.thresholds(),
            costs=settings.costs.costs(),
            rungs=_with_modes(self.rungs, settings),
            holds=self.history.holds(self.question.since, self.question.until),
            until=self.question.until,
            noted=settings.watching.sweep / 50,
        )
        ordered = sorted(alarms, key=lambda one: one.raised_at)
        return Courses(bounds, by_target(tried), Record.of(tried)).run(ordered)

    def _recorded(self, rule: Rule, tried: Sequence[Tried], faults: Sequence[FoundFault]) -> Counted:
        asked, kinds = self.question, {kind.value for kind in KINDS[rule]}
        done = [one for one in tried if one.trigger_type in kinds and asked.component in {"", one.component}]
        raised = self.history.triggers(asked.since, asked.until, kinds=kinds, component=asked.component)
        if rule is Rule.FORETOLD:
            known = self.history.foretold(asked.since, asked.until, kinds=kinds, component=asked.component)
            return replace(recorded(rule, (), done, raised), found=known.predictions, for_nothing=known.misses)
        of_rule = [one for one in faults if one.kind in kinds and asked.component in {"", one.component}]
        return recorded(rule, of_rule, done, raised)

    def _foreseen(self, was: Sequence[Course], would: Sequence[Course], finding: Finding) -> list[Foreseen]:
        asked, kinds = self.question, {kind.value for kind in KINDS[Rule.FORETOLD]}
        known = self.history.foretold(asked.since, asked.until, kinds=kinds, component=asked.component)
        variants = zip((AS_SET, WOULD_BE), (was, would), finding.breaches, strict=True)
        return [replace(known, variant=RECORDED), *(foreseen(*one) for one in variants)]


def _with_modes(rungs: Rungs, settings: Settings) -> Rungs:
    """The same, each as far as these settings let it go."""
    modes = {name: one.mode for name, one in settings.actions.items()}
    before = settings.prediction.preempt

    def with_modes(component: Component, kind: TriggerType, metric: str) -> Sequence[Rung]:
        found = [replace(one, mode=modes.get(one.action, one.mode)) for one in rungs(component, kind, metric)]
        if kind not in PREEMPTIVE:
            return found
        return [
            replace(one, mode=stricter([one.mode, before.actions.get(one.action, before.mode)]).value) for one in found
        ]

    return with_modes
