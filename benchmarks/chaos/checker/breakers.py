"""A breaker's state is what its log makes of it: a small automaton of its own takes the recorded events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

from benchmarks.chaos.checker import agents
from benchmarks.chaos.checker.record import Record, Violation, rows

_STATES = b"SELECT * FROM circuit_breaker_state"
_EVENTS = b"SELECT component, event, state, generation FROM circuit_breaker_results ORDER BY component, place"
_TABLES = {"heal": "breakers", "agent": "agent_breakers"}
_LOG = "breaker equal to its log"
_COMPARED = ("state", "generation", "level", "results", "successes", "failures")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(kw_only=True)
class Automaton:
    """One breaker; results and permits of another generation, or that are not under way, change nothing."""

    limits: Mapping[str, Any]
    state: str = "CLOSED"
    generation: int = 0
    level: int = 0
    results: list[bool] = field(default_factory=list)
    successes: int = 0
    failures: int = 0
    open_until: datetime | None = None
    permits: dict[str, datetime] = field(default_factory=dict)

    def take(self, event: Mapping[str, Any]) -> bool:
        """Let time pass, then the event happen. False: it was let through, and should not have been."""
        at = datetime.fromisoformat(event["at"])
        if self.state == "OPEN" and self.open_until is not None and self.open_until <= at:
            self._become("HALF_OPEN", level=self.level)
        self.permits = {one: until for one, until in self.permits.items() if until > at}
        match event["kind"]:
            case "Ask":
                return self._asked(event["permit"], at)
            case "Renew" if event["permit"] in self.permits:
                self.permits[event["permit"]] = at + self._seconds("permit_lease")
            case "GiveBack":
                self.permits.pop(event["permit"], None)
            case "Result" if event["permit"]["generation"] == self.generation:
                self._result(event, at)
        return True

    def _asked(self, permit: str, at: datetime) -> bool:
        """An ask is only written where it was let through as one more probe."""
        given = self.successes + self.failures + len(self.permits)
        free = self.state == "HALF_OPEN" and permit not in self.permits and given < self.limits["probes"]
        self.permits[permit] = at + self._seconds("permit_lease")
        return free

    def _result(self, event: Mapping[str, Any], at: datetime) -> None:
        limits = self.limits
        if self.state == "CLOSED":
            self.results = [*self.results, event["success"]][-limits["window"] :]
            bad = self.results.count(False) / len(self.results)
            if len(self.results) >= limits["fewest"] and bad >= limits["trip_rate"]:
                self._trip(event, at, level=0)
        elif self.state == "HALF_OPEN" and self.permits.pop(event["permit"]["id"], None) is not None:
            self.successes += event["success"]
            self.failures += not event["success"]
            wanted = limits["probes"] * limits["close_rate"]
            if self.successes >= wanted:
                self._become("CLOSED", level=0)
            elif limits["probes"] - self.failures < wanted:
                self._trip(event, at, level=min(self.level + 1, len(limits["open_for"]) - 1))

    def _trip(self, event: Mapping[str, Any], at: datetime, *, level: int) -> None:
        results = self.results
        length = seconds(self.limits["open_for"][level]) * (1 + self.limits["jitter"] * event["chance"])
        self._become("OPEN", level=level)
        self.results, self.open_until = results, at + timedelta(seconds=length)

    def _become(self, state: str, *, level: int) -> None:
        self.state, self.level, self.generation = state, level, self.generation + 1
        self.results, self.permits, self.open_until = [], {}, None
        self.successes = self.failures = 0

    def _seconds(self, name: str) -> timedelta:
        return timedelta(seconds=seconds(self.limits[name]))


DEFAULTS = {
    "window": 10,
    "fewest": 5,
    "trip_rate": 0.5,
    "open_for": ["5 min", "10 min", "20 min"],
    "jitter": 0.1,
    "probes": 5,
    "close_rate": 0.8,
    "permit_lease": "2 min",
}
"""Of the requirements (A1), where the campaign's settings say nothing."""


def seconds(text: str | float) -> float:
    """A duration as settings write it."""
    if isinstance(text, str):
        number, unit = text.split()
        return float(number) * _UNITS[unit]
    return float(text)


def violations(record: Record, connection: psycopg.Connection[Any]) -> Iterator[Violation]:
    """All that is wrong with the breakers of actions and agents."""
    log = rows(connection, _EVENTS)
    yield from replay(log, rows(connection, _STATES), record.settings)
    yield from agents.violations(record.agents, log)


def replay(
    log: Sequence[Mapping[str, Any]], states: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> Iterator[Violation]:
    """Breakers whose row is not what their log makes, at the end or at any event, or which let too many through.

    Args:
        log: rows of `circuit_breaker_results`, in order.
        states: the rows of `circuit_breaker_state`.
        settings: as the healers got them.
    """
    replayed: dict[str, Automaton] = {}
    broken: set[str] = set()
    for row in log:
        name, event = row["component"], row["event"]
        one = replayed.setdefault(name, Automaton(limits=_limits(settings, name)))
        if not one.take(event):
            yield Violation(agents.PERMITS, name, f"one probe too many, or too early: {event}")
        if name not in broken and (one.state, one.generation) != (row["state"], row["generation"]):
            broken.add(name)
            said = f"{row['state']}/{row['generation']} was written, {one.state}/{one.generation} follows"
            yield Violation(_LOG, name, f"after {event}: {said}")
    for row in states:
        name = row["component"]
        one = replayed.get(name, Automaton(limits=_limits(settings, name)))
        differs = {key: (row[key], getattr(one, key)) for key in _COMPARED if row[key] != getattr(one, key)}
        if row["permits"].keys() != one.permits.keys():
            differs["permits"] = (sorted(row["permits"]), sorted(one.permits))
        if row["mode"] == "AUTOMATIC" and name not in broken and differs:
            yield Violation(_LOG, name, f"written and replayed: {differs}")


def _limits(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return {**DEFAULTS, **settings.get(_TABLES[name.partition(":")[0]], {})}
