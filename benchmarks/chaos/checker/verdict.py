"""All that a campaign has broken, and its figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.chaos.checker import attempts, breakers, effects, faults, limits, recount
from benchmarks.chaos.checker.record import Record, Violation, read

TWICE = "at most one effect or UNKNOWN"
UNRECORDED = "an intent before every effect"
LOST = "no fault lost"
UNSETTLED = "all settled"
_TURNS = 2


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found.

    Attributes:
        violations: what is broken.
        endings: how many of the faults ended in which way.
        attempts: by status and verification.
        effects: starts of targets that were no keeper's own.
        settle: seconds from a lost lease to its take-over, ascending.
        record: all that was read.
    """

    violations: Sequence[Violation]
    endings: Mapping[str, int]
    attempts: Mapping[str, int]
    effects: int
    settle: Sequence[float]
    record: Record

    def broken(self, invariant: str) -> int:
        """How often an invariant was broken."""
        return sum(one.invariant == invariant for one in self.violations)


def judge(connection: psycopg.Connection[Any], folder: Path, *, patience_s: float) -> Verdict:
    """Read everything and check every invariant.

    Args:
        connection: to the campaign's database, with the right to read `chaos`.
        folder: of its estate.
        patience_s: how much later than two turns a take-over may come, on a loaded machine.
    """
    record = read(connection, folder)
    away = [(one["at"], one["until"]) for one in record.noted("away")]
    settle = attempts.settle_seconds(record, away)
    return Verdict(
        violations=[
            *attempts.violations(record),
            *effects.violations(record),
            *limits.violations(record),
            *faults.violations(record, connection),
            *breakers.violations(record, connection),
            *recount.violations(record, connection),
            *_late(record, settle, patience_s),
        ],
        endings=faults.counts(record),
        attempts=Counter(_ended(rows[-1]) for rows in record.attempts().values()),
        effects=sum(not one.first for starts in record.effects.values() for one in starts),
        settle=sorted(settle.values()),
        record=record,
    )


def _ended(last: Any) -> str:
    return f"{last.status} {last.verification or ''}".strip()


def _late(record: Record, settle: Mapping[str, float], patience_s: float) -> list[Violation]:
    """A lost lease is taken over within two turns, and what a loaded machine is allowed beside them."""
    turn = breakers.seconds(record.settings["watching"]["reconcile"])
    return [
        Violation("settled within two turns", attempt, f"{found:.1f} s after its lease")
        for attempt, found in settle.items()
        if found > _TURNS * turn + patience_s
    ]
