"""One replay: the rules as they are set and as they would be, over the same past, read once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from selfheal.model.admission import Rung
from selfheal.model.component import Component
from selfheal.model.observation import Health
from selfheal.model.replay import Alarm, Counted, Course, Coverage, Example, LookRow, Replayed, Rule, Tried
from selfheal.model.trigger import TriggerType
from selfheal.policy.watching import LATE_BEAT_S, STALE_SWEEPS
from selfheal.ports.replay import RecordedHistory
from selfheal.replay.compare import AS_SET, WOULD_BE, by_target, counted, examples, paired, recorded
from selfheal.replay.courses import Bounds, Courses, Record
from selfheal.replay.lines import BUCKET, alarms_of, followed
from selfheal.replay.sweeps import Patience, Sweeps
from selfheal.settings.estate import Settings

EXAMPLES = 20
"""So many differences are told with their times; the newest."""
Rungs = Callable[[Component, TriggerType], Sequence[Rung]]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked.

    Attributes:
        since: from then
        until: to then.
        was: the settings as they are.
        would: as they would be.
        changes: by path, as they are and as they would be.
        component: only of this one; empty: of all.
        rules: only these.
    """

    since: datetime
    until: datetime
    was: Settings
    would: Settings
    changes: tuple[tuple[str, str, str], ...] = ()
    component: str = ""
    rules: frozenset[Rule] = frozenset(Rule)


@dataclass
class Replay:
    """One replay.

    Attributes:
        history: the past.
        question: what is asked.
        rungs: the actions of a component that fit a kind of trigger.
        progress: is told each component as it begins.
    """

    history: RecordedHistory
    question: Question
    rungs: Rungs
    progress: Callable[[str], object] = lambda _: None
    _coverage: list[Coverage] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)

    def run(self) -> Replayed:
        """Read, replay, compare.

        Raises:
            Transient: the database cannot be asked.
        """
        asked = self.question
        tried = self.history.tried(asked.since, asked.until)
        by_rule = {rule: ALARMS[rule](self, by_target(tried)) for rule in Rule if rule in asked.rules & ALARMS.keys()}
        was = self._courses(asked.was, [one for found, _ in by_rule.values() for one in found], tried)
        would = self._courses(asked.would, [one for _, found in by_rule.values() for one in found], tried)
        lines: list[Counted] = []
        told: list[Example] = []
        for rule in by_rule:
            before, after = ([one for one in some if one.alarm.rule is rule] for some in (was, would))
            pairs = list(paired(before, after))
            lines += [self._recorded(rule, tried), counted(rule, AS_SET, before, ())]
            lines += [counted(rule, WOULD_BE, after, pairs)]
            told += examples(rule, pairs)
        told.sort(key=lambda one: one.since, reverse=True)
        return Replayed(
            since=asked.since,
            until=asked.until,
            changes=asked.changes,
            counted=tuple(lines),
            examples=tuple(told[:EXAMPLES]),
            differences=len(told),
            coverage=tuple(self._coverage),
            notes=tuple(self._notes),
        )

    def components(self) -> Mapping[str, Component]:
        """Those that are replayed, by name; what is recorded and not in the settings is noted."""
        asked, known = self.question, self.question.was.catalogue()
        seen = self.history.components(asked.since, asked.until)
        gone = [name for name in seen if name not in known and ":" not in name]
        if gone and not asked.component:
            self._notes.append(f"not in the settings any more, and not replayed: {', '.join(gone)}")
        names = [name for name in seen if name in known and asked.component in {"", name}]
        return {name: known[name] for name in names}

    def down(self, tried: Mapping[str, Sequence[Tried]]) -> tuple[list[Alarm], list[Alarm]]:
        """What the looks of the watcher come to, under both settings."""
        asked = self.question
        patience = [patience_of(asked.was), patience_of(asked.would)]
        after = max(one.recoveries for one in patience)
        gap_s = max(STALE_SWEEPS * asked.was.watching.sweep.total_seconds(), LATE_BEAT_S)
        found: tuple[list[Alarm], list[Alarm]] = ([], [])
        estates = [dict(asked.was.catalogue()), dict(asked.would.catalogue())]
        for name, component in self.components().items():
            self.progress(name)
            attempts = tried.get(component.target, ())
            runs = [Sweeps(estate[name], estate, one, attempts) for estate, one in zip(estates, patience, strict=True)]
            known = Coverage(component=name)
            for piece in self.history.looks(name, asked.since, asked.until, after=after, gap_s=gap_s):
                known = _covered(known, piece)
                for run, alarms in zip(runs, found, strict=True):
                    alarms.extend(run.take(piece))
            for run, alarms in zip(runs, found, strict=True):
                alarms.extend(run.rest())
            self._coverage.append(known)
        return found

    def log(self, _tried: Mapping[str, Sequence[Tried]]) -> tuple[list[Alarm], list[Alarm]]:
        """What was counted in the logs comes to, under both settings."""
        return self._of_logs(self.question.was), self._of_logs(self.question.would)

    def _of_logs(self, settings: Settings) -> list[Alarm]:
        asked, components, window = self.question, settings.catalogue(), settings.log_monitor.window
        found = []
        for (source_name, pattern_name), (source, pattern) in followed(settings).items():
            component = components[source.suspect(pattern_name)]
            if asked.component not in {"", component.name}:
                continue
            counts = self.history.log_counts(source_name, pattern_name, asked.since, asked.until)
            for one in alarms_of(source, pattern, component, counts, window=window):
                health = self.history.health_at(component.name, one.raised_at + BUCKET)
                found.append(replace(one, confirmed=health in {Health.SICK, None}))
        return found

    def _courses(self, settings: Settings, alarms: Sequence[Alarm], tried: Sequence[Tried]) -> list[Course]:
        healing = settings.healing
        bounds = Bounds(
            components=settings.catalogue(),
            allow=healing.allow,
            limits=healing.limits(),
            thresholds=settings.breakers.thresholds(),
            costs=settings.costs.costs(),
            rungs=_with_modes(self.rungs, settings),
            holds=self.history.holds(self.question.since, self.question.until),
            until=self.question.until,
            noted=settings.watching.sweep / 10,
        )
        ordered = sorted(alarms, key=lambda one: one.raised_at)
        return Courses(bounds, by_target(tried), Record.of(tried)).run(ordered)

    def _recorded(self, rule: Rule, tried: Sequence[Tried]) -> Counted:
        asked = self.question
        faults = [
            one for one in self.history.faults(asked.since, asked.until) if asked.component in {"", one.component}
        ]
        of_rule = [one for one in faults if one.kind in KINDS[rule]]
        done = [one for one in tried if one.trigger_type in KINDS[rule] and asked.component in {"", one.component}]
        raised = self.history.triggers(asked.since, asked.until, kinds=KINDS[rule], component=asked.component)
        return recorded(rule, of_rule, done, raised)


def _with_modes(rungs: Rungs, settings: Settings) -> Rungs:
    """The same, each as far as these settings let it go."""
    modes = {name: one.mode for name, one in settings.actions.items()}

    def with_modes(component: Component, kind: TriggerType) -> Sequence[Rung]:
        return [replace(one, mode=modes.get(one.action, one.mode)) for one in rungs(component, kind)]

    return with_modes


def patience_of(settings: Settings) -> Patience:
    """How patiently a watcher of these settings raises."""
    watching = settings.watching
    return Patience(
        strikes=watching.strikes,
        recoveries=watching.recoveries,
        grace=watching.platform_grace,
        sweep=watching.sweep,
    )


def _covered(known: Coverage, piece: Sequence[LookRow]) -> Coverage:
    """With a piece of its looks."""
    if not piece:
        return known
    return replace(
        known,
        first=known.first or piece[0].at,
        last=piece[-1].at,
        gaps=known.gaps + sum(row.gap_s > 0 for row in piece),
        gaps_s=known.gaps_s + sum(row.gap_s for row in piece),
        plain=known.plain + sum(row.plain for row in piece),
    )


_OF_LOGS = frozenset({TriggerType.LOG_ERROR.value})
KINDS: Mapping[Rule, frozenset[str]] = {
    Rule.DOWN: frozenset(
        one.value
        for one in (
            TriggerType.SERVICE_DOWN,
            TriggerType.NATS_DOWN,
            TriggerType.CONTAINER_DOWN,
            TriggerType.CONTAINER_CRASH_LOOP,
            TriggerType.CONTAINER_REMOVED,
            TriggerType.OBJECT_MISSING,
            TriggerType.FILE_DAMAGED,
            TriggerType.MOUNT_GONE,
            TriggerType.CHECK_FAILED,
            TriggerType.MEMORY_HIGH,
        )
    ),
    Rule.LOG: _OF_LOGS,
    Rule.FORETOLD: frozenset({TriggerType.BREACH_FORETOLD.value}),
}
"""The triggers that each rule raises."""
ALARMS: Mapping[Rule, Callable[[Replay, Mapping[str, Sequence[Tried]]], tuple[list[Alarm], list[Alarm]]]] = {
    Rule.DOWN: Replay.down,
    Rule.LOG: Replay.log,
}
