"""The demo's live timeline: reads the database again and again and tells each step once."""

from collections.abc import Sequence
from datetime import datetime

from console.database import Database
from console.narrator import Narrator
from selfheal.model.errors import SelfhealError
from selfheal.model.health import HealthStatus
from selfheal.model.page import Slice
from selfheal.model.report import HistoryLine

ATTEMPTS_READ = 200

STRUCK_OUT_S = 3.0
"""A fault that was seen this long before its heal was admitted needed more than one look."""


class Timeline:
    """Tells what the database says, in the order in which it happened.

    Args:
        database: of the demo's stack.
        narrator: prints.
    """

    def __init__(self, database: Database, narrator: Narrator) -> None:
        self._database, self._narrator = database, narrator
        self._told: set[tuple[str, str]] = set()
        self._health: dict[str, HealthStatus] = {}
        self._seen_at: dict[str, datetime] = {}
        self.lines: Sequence[HistoryLine] = ()

    def look(self) -> bool:
        """Read once and tell what is new; False when the database did not answer."""
        try:
            self.lines = self._database.attempts.page(Slice(limit=ATTEMPTS_READ)).items
            latest = self._database.health.latest()
        except SelfhealError:  # the next look tells it
            return False
        for seen in latest:
            before = self._health.get(seen.component)
            self._health[seen.component], self._seen_at[seen.component] = seen.status, seen.checked_at
            if before is not seen.status and seen.status is HealthStatus.DEGRADED:
                words = f"{seen.component} gives no good answer: {seen.detail}"
                self._narrator.say(f"{'suspected':<10}{words}", style="yellow", at=seen.checked_at.timestamp())
        for moment, key, words, style in sorted(event for line in self.lines for event in _events(line)):
            if key not in self._told:
                self._told.add(key)
                self._narrator.say(words, style=style, at=moment.timestamp())
        return True

    def well(self, component: str, *, since: datetime) -> bool:
        """Whether the watcher has seen the component OPERATIONAL after a moment."""
        seen_at = self._seen_at.get(component)
        return seen_at is not None and seen_at > since and self._health.get(component) is HealthStatus.OPERATIONAL


def _events(line: HistoryLine) -> list[tuple[datetime, tuple[str, str], str, str]]:
    """The steps of an attempt that are known by now: when, its key, in words, and a style."""
    name, key = line.component, str(line.attempt_id)
    waited = (line.created_at - line.detected_at).total_seconds()
    told = f" (first seen sick {waited:.1f} s before)" if waited > STRUCK_OUT_S else ""
    events = [(line.created_at, (key, "2"), f"{'admitted':<10}{name}: {line.action}{told}", "")]
    if not told:  # else it was told as suspected, strike by strike
        events.insert(0, (line.detected_at, (key, "1"), f"{'detected':<10}{name}: {line.why}", "yellow"))
    if line.act_ended_at is not None:
        events.append((line.act_ended_at, (key, "3"), f"{'acted':<10}{name}: {line.action}", ""))
    if line.completed_at is not None:
        good = line.verification == "HEALED"
        words = f"{'verified':<10}{name}: {line.verification or line.status} by {line.action} ({line.message})"
        events.append((line.completed_at, (key, "4"), words, "green" if good else "red"))
    return events
