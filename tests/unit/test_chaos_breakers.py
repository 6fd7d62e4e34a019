"""The checker of the campaign replays breakers of agents, and holds their log against what the agents were answered."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.chaos.checker import agents
from benchmarks.chaos.checker.breakers import replay
from benchmarks.chaos.checker.record import Violation

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = {"agent_breakers": {"window": 4, "fewest": 2, "open_for": ["10 s"], "jitter": 0, "probes": 2}}
NAME = "agent:planner"


def row(at_s: float, kind: str, state: str, generation: int, **event: Any) -> dict[str, Any]:
    """One row of the log."""
    at = (BEGUN + timedelta(seconds=at_s)).isoformat()
    return {
        "component": NAME,
        "event": {"kind": kind, "at": at} | event,
        "state": state,
        "generation": generation,
    }


def result(at_s: float, permit: str, of: int, state: str, generation: int, *, success: bool) -> dict[str, Any]:
    return row(
        at_s,
        "Result",
        state,
        generation,
        success=success,
        chance=0.0,
        permit={"id": permit, "generation": of},
    )


def half_open() -> list[dict[str, Any]]:
    """Two failures trip it, its time runs out, and two probes are let through."""
    return [
        result(0, "a", 0, "CLOSED", 0, success=False),
        result(1, "b", 0, "OPEN", 1, success=False),
        row(12, "Look", "HALF_OPEN", 2),
        row(12, "Ask", "HALF_OPEN", 2, permit="c"),
        row(13, "Ask", "HALF_OPEN", 2, permit="d"),
    ]


def written(**changes: Any) -> dict[str, Any]:
    """The breaker's row after `half_open`."""
    return {
        "component": NAME,
        "mode": "AUTOMATIC",
        "state": "HALF_OPEN",
        "generation": 2,
        "level": 0,
        "results": [],
        "successes": 0,
        "failures": 0,
        "permits": {"c": "", "d": ""},
    } | changes


def note(at_s: float, kind: str, permit: str, generation: int) -> dict[str, Any]:
    at = (BEGUN + timedelta(seconds=at_s)).timestamp()
    return {"kind": kind, "at": at, "name": NAME, "permit": permit, "generation": generation}


def named(found: Iterable[Violation]) -> list[str]:
    return [one.invariant for one in found]


def test_a_log_that_gives_the_row_breaks_nothing() -> None:
    """By the thresholds of the agents, not those of the actions."""
    assert named(replay(half_open(), [written()], SETTINGS)) == []
    assert "breaker equal to its log" in named(replay(half_open(), [written()], {}))


def test_one_probe_too_many_is_named() -> None:
    """Neither a third probe, nor one that was let through while it was open."""
    third = [*half_open(), row(13, "Ask", "HALF_OPEN", 2, permit="e")]
    assert agents.PERMITS in named(replay(third, [], SETTINGS))
    early = [*half_open()[:2], row(2, "Ask", "OPEN", 1, permit="c")]
    assert agents.PERMITS in named(replay(early, [], SETTINGS))


def test_a_row_that_the_log_does_not_give_is_named() -> None:
    """A state, a count or a permit that came from elsewhere."""
    for changes in ({"generation": 3}, {"failures": 1}, {"permits": {"c": ""}}):
        assert named(replay(half_open(), [written(**changes)], SETTINGS)) == ["breaker equal to its log"]


def test_what_the_agents_were_answered_stands_in_the_log() -> None:
    """A permit of a closed breaker needs no ask; a result that came too late need not count."""
    told = [
        note(0, "granted", "a", 0),
        note(0.5, "told", "a", 0),
        note(0, "granted", "late", 0),
        note(12, "granted", "c", 2),
        note(14, "told", "late", 0),
    ]
    assert named(agents.violations(told, half_open())) == []


def test_a_permit_from_nowhere_and_a_lost_result_are_named() -> None:
    """Granted while it was half-open without an ask, or while it was open; told in time and not written; twice."""
    for generation in (1, 2, 9):
        assert named(agents.violations([note(13, "granted", "x", generation)], half_open())) == [agents.PERMITS]
    assert named(agents.violations([note(0.5, "told", "x", 0)], half_open())) == [agents.COUNTED]
    assert named(agents.violations([], [*half_open(), half_open()[0]])) == [agents.COUNTED]
