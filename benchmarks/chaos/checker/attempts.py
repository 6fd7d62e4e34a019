"""What the history of the attempts must be, whatever the targets say: one at a time, rising fences, one outcome."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.chaos.checker.record import Record, Violation

_ACTIVE = ("PENDING", "RUNNING")
_NEXT = {"PENDING": {"PENDING", "RUNNING"}, "RUNNING": {"RUNNING", "SUCCESS", "FAILED", "ROLLED_BACK"}}


def violations(record: Record) -> Iterator[Violation]:
    """All that is wrong with the attempts themselves."""
    yield from _one_active(record.history)
    for attempt, rows in record.attempts().items():
        yield from _fences(attempt, rows)
        yield from _one_outcome(attempt, rows)
        yield from _verified(attempt, rows[-1])
        yield from _one_rollback(attempt, rows)


def _one_active(history: Sequence[Any]) -> Iterator[Violation]:
    """At most one unfinished attempt per target at any moment."""
    active: dict[str, str] = {}
    for row in history:
        attempt, other = str(row.id), active.get(row.target_key)
        if row.status in _ACTIVE:
            if other not in {None, attempt}:
                yield Violation("one active heal per target", row.target_key, f"{attempt} beside {other}")
            active[row.target_key] = attempt
        elif other == attempt:
            del active[row.target_key]


def _fences(attempt: str, rows: Sequence[Any]) -> Iterator[Violation]:
    """A fence never falls, a new holder has a higher one, and a status never goes back."""
    if rows[0].status != "PENDING" or rows[0].fence != 0:
        yield Violation("an intent first", attempt, f"begins as {rows[0].status} with fence {rows[0].fence}")
    for before, after in itertools.pairwise(rows):
        if after.fence < before.fence or after.fence > before.fence + 1:
            yield Violation("fences only rise", attempt, f"from {before.fence} to {after.fence}")
        if after.fence == before.fence and None not in {before.pid, after.pid} and after.pid != before.pid:
            yield Violation("fences only rise", attempt, f"a new holder with the same fence {after.fence}")
        if after.status not in _NEXT.get(before.status, set()):
            yield Violation("one outcome per attempt", attempt, f"{before.status}, then {after.status}")


def _one_outcome(attempt: str, rows: Sequence[Any]) -> Iterator[Violation]:
    """Exactly one, and it stays."""
    written = sum(row.completed_at is not None for row in rows)
    if written == 0:
        yield Violation("all settled", attempt, f"still {rows[-1].status} in phase {rows[-1].phase}")
    elif written > 1:
        yield Violation("one outcome per attempt", attempt, f"written {written} times")


def _verified(attempt: str, last: Any) -> Iterator[Violation]:
    """A success was seen healthy."""
    if last.status == "SUCCESS" and (last.verification != "HEALED" or not last.acted):
        yield Violation("success only verified", attempt, f"verification {last.verification}, acted {last.acted}")


def _one_rollback(attempt: str, rows: Sequence[Any]) -> Iterator[Violation]:
    """One rollback outcome where a way back was planned, none where it was not; rolled back means done."""
    last = rows[-1]
    if last.completed_at is None:
        return
    known = {"DONE", "FAILED", "NOT_NEEDED"} if last.planned else {"NOT_PLANNED", "NOT_NEEDED"}
    if last.rollback_outcome not in known:
        yield Violation("one rollback outcome", attempt, f"{last.rollback_outcome}, planned: {last.planned}")
    if (last.status == "ROLLED_BACK") != (last.rollback_outcome == "DONE"):
        yield Violation("one rollback outcome", attempt, f"{last.status} with {last.rollback_outcome}")
    tried = any(row.phase == "rolling_back" for row in rows)
    if tried != (last.rollback_outcome in {"DONE", "FAILED"}) and last.verification != "UNKNOWN":
        yield Violation("one rollback outcome", attempt, f"{last.rollback_outcome}, tried: {tried}")


def settle_seconds(record: Record, away: Sequence[tuple[float, float]]) -> Mapping[str, float]:
    """Seconds from the end of a lost lease (or act deadline) to the take-over, by attempt and fence.

    Args:
        record: of the campaign.
        away: moments in which nobody could take over: the database or every healer was away.
    """
    found = {}
    for attempt, rows in record.attempts().items():
        for before, after in itertools.pairwise(rows):
            if after.fence == before.fence + 1 and before.fence > 0:
                due = max(before.lease_ends or 0.0, (before.act_ends or 0.0) if before.phase == "acting" else 0.0)
                lost = sum(max(0.0, min(end, after.at) - max(begin, due)) for begin, end in away)
                found[f"{attempt}/{after.fence}"] = max(0.0, after.at - due - lost)
    return found
