"""What each rule finds in the past, as it is set and as it would be; the looks are read once for both."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfheal.model.component import Component
from selfheal.model.observation import Health
from selfheal.model.prediction import Breach
from selfheal.model.recorded import FoundFault, LookRow, Tried
from selfheal.model.replay import Alarm, Coverage, Rule
from selfheal.model.trigger import PREEMPTIVE, TriggerType
from selfheal.policy.watching import LATE_BEAT_S, STALE_SWEEPS
from selfheal.ports.replay import RecordedHistory
from selfheal.protocol.predicting import Predicting
from selfheal.replay.foretold import PastPredictions, alarm_of, foretold
from selfheal.replay.lines import BUCKET, alarms_of, followed
from selfheal.replay.question import Question
from selfheal.replay.sweeps import Patience, Sweeps
from selfheal.settings.estate import Settings

Both = tuple[list[Alarm], list[Alarm]]
KINDS: Mapping[Rule, frozenset[TriggerType]] = {
    Rule.DOWN: frozenset(
        {
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
        }
    ),
    Rule.LOG: frozenset({TriggerType.LOG_ERROR}),
    Rule.FORETOLD: PREEMPTIVE - {TriggerType.STUCK_SOON},
}
"""The triggers that each rule raises."""


@dataclass
class Finding:
    """Runs the rules.

    Attributes:
        history: the past.
        question: what is asked.
        predicting: predictive-health under some settings.
        tried: by target, the attempts of the past.
        faults: by component, the faults of the past.
        progress: is told each component as it begins.
        coverage: what is known of each, as it is found.
        breaches: of metrics with a limit, as it is set and as it would be, where what is foretold was replayed.
        notes: what could not be replayed.
    """

    history: RecordedHistory
    question: Question
    predicting: Callable[[Settings], Predicting]
    tried: Mapping[str, Sequence[Tried]]
    faults: Mapping[str, Sequence[FoundFault]]
    progress: Callable[[str], object]
    coverage: list[Coverage] = field(default_factory=list)
    breaches: tuple[Sequence[Breach], Sequence[Breach]] = ((), ())
    notes: list[str] = field(default_factory=list)

    def found(self, rule: Rule) -> Both:
        """The alarms of one rule, as it is set and as it would be."""
        return {Rule.DOWN: self._down, Rule.LOG: self._log, Rule.FORETOLD: self._foretold}[rule]()

    def _down(self) -> Both:
        """What the looks of the watcher come to."""
        asked = self.question
        settings = (asked.was, asked.would)
        patience = [patience_of(one) for one in settings]
        estates = [dict(one.catalogue()) for one in settings]
        after = max(one.recoveries for one in patience)
        gap_s = max(STALE_SWEEPS * asked.was.watching.sweep.total_seconds(), LATE_BEAT_S)
        found: Both = ([], [])
        for name, component in self._components().items():
            self.progress(name)
            attempts = self.tried.get(component.target, ())
            runs = [Sweeps(estate[name], estate, one, attempts) for estate, one in zip(estates, patience, strict=True)]
            known = Coverage(component=name)
            ends = [one.ended_at for one in attempts if one.ended_at is not None]
            for piece in self.history.looks(name, asked.since, asked.until, after=after, gap_s=gap_s, ends=ends):
                known = _covered(known, piece)
                for run, alarms in zip(runs, found, strict=True):
                    alarms.extend(run.take(piece))
            for run, alarms in zip(runs, found, strict=True):
                alarms.extend(run.rest())
            self.coverage.append(known)
        self.progress("")
        return found

    def _components(self) -> Mapping[str, Component]:
        """Those that are replayed, by name; what is recorded and not in the settings is noted."""
        asked, known = self.question, self.question.was.catalogue()
        seen = self.history.components(asked.since, asked.until)
        gone = [name for name in seen if name not in known and ":" not in name]
        if gone and not asked.component:
            self.notes.append(f"not in the settings any more, and not replayed: {', '.join(gone)}")
        return {name: known[name] for name in seen if name in known and asked.component in {"", name}}

    def _log(self) -> Both:
        """What was counted in the logs comes to."""
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

    def _foretold(self) -> Both:
        """What predictive-health would have said; once where nothing of it is otherwise."""
        asked = self.question
        was, breaches = self._predicted(asked.was)
        if _foretells(asked.was) == _foretells(asked.would):
            self.breaches = breaches, breaches
            return was, list(was)
        would, others = self._predicted(asked.would)
        self.breaches = breaches, others
        return was, would

    def _predicted(self, settings: Settings) -> tuple[list[Alarm], Sequence[Breach]]:
        asked, components = self.question, settings.catalogue()
        predicting = self.predicting(settings)
        past = PastPredictions(measured=predicting.store, since=asked.since, tried=self.tried, faults=self.faults)
        found = [
            alarm_of(one, priority, components[one.component])
            for one, priority in foretold(
                predicting, past, since=asked.since, until=asked.until, progress=self.progress
            )
            if one.component in components and asked.component in {"", one.component}
        ]
        self.progress("")
        breaches = [one for one in past.breaches if one.at >= asked.since and asked.component in {"", one.component}]
        return found, breaches


def _foretells(settings: Settings) -> tuple[object, ...]:
    """What predictive-health goes by; how far its heals may go is admission's."""
    wanted = settings.prediction
    return wanted.rules(), wanted.limits, settings.components


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
    return replace(
        known,
        first=known.first or piece[0].at,
        last=piece[-1].at,
        gaps=known.gaps + sum(row.gap_s > 0 for row in piece),
        gaps_s=known.gaps_s + sum(row.gap_s for row in piece),
        plain=known.plain + sum(row.plain for row in piece),
    )
