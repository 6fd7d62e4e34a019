"""`selfheal demo --foretold`: services that grow, healed before they break, and one that only lives near its limit."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from console import stack
from console.database import Database, reading
from console.demo_act import READY_WITHIN_S, Act
from console.demo_estate import CAP
from console.demo_timeline import Timeline
from console.output import Cell, Section, show
from console.stack import Companion
from deployments.demo.estate import Estate
from deployments.demo.growing import write_past
from selfheal.model.errors import Permanent, Transient
from selfheal.model.page import Slice
from selfheal.model.prediction import Prediction
from selfheal.model.report import HistoryLine
from selfheal.model.trigger import PREEMPTIVE
from selfheal.store.health_writing import HealthWriter

COLUMNS = ("component", "foretold", "value", "limit", "breach_in_min", "heals", "outcome")
_POLL_S = 0.5
_PAST_WITHIN_S = 60.0
_HEALED_WITHIN_S = 600.0
_SETTLES_S = 30.0
_GROWING = ("leaky", "stubborn", "slow", "spare")


class ForetoldAct(Act):
    """One performance with another story: nothing is broken, something would be."""

    def _play(self, companion: Companion) -> None:
        with reading(stack.database_url(self._running)) as database:
            story = _Story(self._scene.estate, database, companion.ended, say=self._narrator.say)
            if not story.write_past() or not companion.wait_ready(within_s=READY_WITHIN_S):
                return
            timeline = Timeline(database, self._narrator)
            story.watch(timeline)
            if not companion.ended.is_set():
                self._close_with(story, timeline.lines)

    def _close_with(self, story: "_Story", lines: Sequence[HistoryLine]) -> None:
        missing = story.missing(lines)
        facts: dict[str, Cell] = {
            "foretold": len(story.predictions),
            "heals": len(lines),
            "most_heals_allowed": CAP,
            "seconds_until_now": round(time.time() - self._narrator.begun, 1),
        }
        if self._output == "json":
            facts["missing"] = "; ".join(missing)
        self._narrator.plain()
        show([_table(story.predictions, lines)], output=self._output, facts=facts)
        for one in missing:
            self._narrator.plain(f"MISSING: {one}", style="red")
        self.good = not missing


class _Story:
    """What the growing services have behind them, and what becomes of them.

    Attributes:
        predictions: all that was foretold so far.
    """

    def __init__(
        self, estate: Estate, database: Database, ended: threading.Event, *, say: Callable[[str], None]
    ) -> None:
        self._estate, self._database, self._ended, self._say = estate, database, ended, say
        self.predictions: Sequence[Prediction] = ()
        self._told: set[object] = set()

    def write_past(self) -> bool:
        """As soon as the database and the services answer, before anything is foretold; False when the stack ends."""
        writer, end = HealthWriter(self._database.engine), time.monotonic() + _PAST_WITHIN_S
        while not self._ended.wait(_POLL_S):
            try:
                write_past(self._estate, writer.write, now=datetime.now(UTC))
            except Transient as error:
                if time.monotonic() >= end:
                    raise Transient(f"the days before could not be written: {error.message}") from error
            else:
                self._say("written   five days of history: leaky, stubborn, spare and slow have been growing for hours")
                return True
        return False

    def watch(self, timeline: Timeline) -> None:
        """Tell what is foretold and done, until all that grows is at rest again.

        Raises:
            Permanent: nothing was foretold in time.
        """
        end, quiet_since = time.monotonic() + _HEALED_WITHIN_S, time.monotonic()
        while not self._ended.wait(_POLL_S):
            timeline.look()
            self._look()
            now = time.monotonic()
            if not self._at_rest(timeline.lines):
                quiet_since = now
            if now - quiet_since >= _SETTLES_S:
                return
            if now >= end:
                if not self.predictions:
                    raise Permanent("nothing was foretold", hint="see the run of predictive-health in the Prefect UI")
                return

    def missing(self, lines: Sequence[HistoryLine]) -> list[str]:
        """What keeps this from being a success, one sentence each."""
        said = [f"nothing was foretold of {name}" for name in _GROWING if not self._of(name)]
        said += [f"{one.component} was not left alone: {one.action}" for one in lines if one.component == "near"]
        said += [f"{one.component} had broken before: {one.why}" for one in lines if one.trigger_type not in PREEMPTIVE]
        if len(lines) > CAP:
            said.append(f"{len(lines)} pre-emptive heals, and only {CAP} are allowed")
        healed = {one.component for one in lines if one.verification == "HEALED"}
        said += [f"{name} was not healed before it breaks" for name in _GROWING if name not in healed]
        return said

    def _look(self) -> None:
        try:
            self.predictions = self._database.predictions.page(Slice(limit=100)).items
        except Transient:  # the next look tells it
            return
        for one in reversed(self.predictions):
            if one.id not in self._told:
                self._told.add(one.id)
                self._say(f"{'foretold':<10}{one.component}: {one.why}")

    def _of(self, name: str) -> list[Prediction]:
        return [one for one in self.predictions if one.component == name]

    def _at_rest(self, lines: Sequence[HistoryLine]) -> bool:
        """All was foretold, no heal is under way, and all is healed or no more heals are allowed."""
        if not all(self._of(name) for name in _GROWING) or any(one.completed_at is None for one in lines):
            return False
        healed = {one.component for one in lines if one.verification == "HEALED"}
        return len(lines) >= CAP or healed >= set(_GROWING)


def _table(predictions: Sequence[Prediction], lines: Sequence[HistoryLine]) -> Section:
    """A row for each prediction, the earliest first."""
    rows: list[dict[str, Cell]] = []
    for one in reversed(predictions):
        heals = [line for line in reversed(lines) if line.component == one.component]
        due = None if one.breach_at is None else (one.breach_at - one.raised_at).total_seconds() / 60
        rows.append(
            {
                "component": one.component,
                "foretold": one.rule.value,
                "value": one.value,
                "limit": one.threshold,
                "breach_in_min": due,
                "heals": ", ".join(f"{line.action}: {line.verification or line.status}" for line in heals),
                "outcome": "stands" if one.stands else (one.outcome.value if one.outcome else "ended"),
            }
        )
    return Section(name="predictions", columns=COLUMNS, rows=rows)
