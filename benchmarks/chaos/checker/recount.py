"""Figures that the database keeps or shows, counted again from the history."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg

from benchmarks.chaos.checker import metrics
from benchmarks.chaos.checker.record import Record, Violation, rows

_ATTEMPTS = b"""
    SELECT id, status, success, verification, rollback_outcome, fence, completed_at FROM healing_actions
    WHERE action_type <> 'BREAKER_TRANSITION'"""


def violations(record: Record, connection: psycopg.Connection[Any]) -> Iterator[Violation]:
    """Rows and counters that are not what was written, one change after the other."""
    last = {attempt: changes[-1] for attempt, changes in record.attempts().items()}
    kept = {str(row["id"]): row for row in rows(connection, _ATTEMPTS)}
    for attempt in kept.keys() ^ last.keys():
        yield Violation("nothing unrecorded", attempt, "is in the table or in its history, not in both")
    for attempt in kept.keys() & last.keys():
        row, seen = kept[attempt], last[attempt]
        if any(row[name] != getattr(seen, name) for name in ("status", "verification", "rollback_outcome", "fence")):
            yield Violation("nothing unrecorded", attempt, "the row is not what was written last")
        if row["success"] is not (None if seen.completed_at is None else seen.status == "SUCCESS"):
            yield Violation(metrics.RECOUNT, attempt, f"{seen.status} with success {row['success']}")
    made = Counter(str(changes[0].fault_id) for changes in record.attempts().values())
    for fault in record.faults:
        if fault.attempts != made[str(fault.id)]:
            said = f"says {fault.attempts} attempts, there were {made[str(fault.id)]}"
            yield Violation(metrics.RECOUNT, str(fault.id), said)
    yield from metrics.violations(record, connection)
