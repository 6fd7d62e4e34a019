"""The limits, counted again from the history at each admission: they are exact, or they are broken."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.chaos.checker.record import Record, Violation

_TEN_MINUTES_S, _HOUR_S = 600.0, 3600.0


def violations(record: Record) -> Iterator[Violation]:
    """Every admission that a limit should have refused.

    An outcome is counted from the moment at which it was written, not committed: what is found here is one too many
    however the two transactions lay.
    """
    limits = record.settings["healing"]
    active: set[str] = set()
    begun: list[float] = []
    useless: Counter[tuple[str, str]] = Counter()
    tried: Counter[str] = Counter()
    known: set[str] = set()
    for row in record.history:
        attempt = str(row.id)
        if attempt not in known:
            known.add(attempt)
            yield from _at_admission(row, limits, len(active), begun)
            yield from _spent(row, limits, useless[row.target_key, row.action_type], tried[str(row.fault_id)])
            active.add(attempt)
            begun.append(row.at)
        if row.completed_at is not None and attempt in active:
            active.discard(attempt)
            tried[str(row.fault_id)] += row.acted
            failed = row.acted and not row.interrupted and row.status != "SUCCESS"
            useless[row.target_key, row.action_type] += failed


def _at_admission(row: Any, limits: Mapping[str, Any], active: int, begun: list[float]) -> Iterator[Violation]:
    allowed = limits["at_once"] + (row.priority == "CRITICAL")
    if active >= allowed:
        yield Violation("attempts within limits", str(row.id), f"{active + 1} heals at once, {allowed} are allowed")
    for name, seconds in (("in_10_minutes", _TEN_MINUTES_S), ("in_an_hour", _HOUR_S)):
        recent = sum(row.at - at < seconds for at in begun) if len(begun) >= limits[name] else 0
        if recent >= limits[name]:
            yield Violation("attempts within limits", str(row.id), f"{recent + 1} heals {name}")


def _spent(row: Any, limits: Mapping[str, Any], useless: int, tried: int) -> Iterator[Violation]:
    if useless >= limits["attempts_per_action"]:
        yield Violation("attempts within limits", str(row.id), f"{useless} useless attempts of it on {row.target_key}")
    if tried >= limits["attempts_per_fault"]:
        yield Violation("attempts within limits", str(row.id), f"{tried} attempts on fault {row.fault_id} before it")
