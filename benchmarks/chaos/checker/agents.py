"""What the agents were answered, held against the log of their breakers: every permit and every result is in it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from benchmarks.chaos.checker.record import Violation

PERMITS = "permits within the probes"
COUNTED = "every result counted once"


def violations(notes: Sequence[Mapping[str, Any]], log: Sequence[Mapping[str, Any]]) -> Iterator[Violation]:
    """Permits that nobody could have given, and results that are missing, or counted twice.

    Args:
        notes: the agents' own, in the order in which they were written.
        log: rows of `circuit_breaker_results`, in order.
    """
    states, ended = _generations(log)
    asked = {row["event"]["permit"] for row in log if row["event"]["kind"] == "Ask"}
    results = Counter(row["event"]["permit"]["id"] for row in log if row["event"]["kind"] == "Result")
    for permit, count in results.items():
        if count > 1:
            yield Violation(COUNTED, permit, f"{count} times")
    for note in notes:
        life, permit = (note["name"], note["generation"]), note["permit"]
        state = states.get(life, "CLOSED" if note["generation"] == 0 else "unknown")
        if note["kind"] == "granted" and state != "CLOSED" and permit not in asked:
            yield Violation(PERMITS, permit, f"granted by {life} while {state}, and no ask of it is written")
        in_time = note["at"] < ended.get(life, float("inf"))
        if note["kind"] == "told" and state == "CLOSED" and in_time and not results[permit]:
            yield Violation(COUNTED, permit, f"a result for {life} is not written")


def _generations(
    log: Sequence[Mapping[str, Any]],
) -> tuple[Mapping[tuple[str, int], str], Mapping[tuple[str, int], float]]:
    """The state of each generation, and when the next one began; of a transition the log holds what came of it."""
    states: dict[tuple[str, int], str] = {}
    ended: dict[tuple[str, int], float] = {}
    before: dict[str, int] = {}
    for row in log:
        name, generation = row["component"], row["generation"]
        states[name, generation] = row["state"]
        for past in range(before.get(name, 0), generation):
            ended[name, past] = datetime.fromisoformat(row["event"]["at"]).timestamp()
        before[name] = generation
    return states, ended
