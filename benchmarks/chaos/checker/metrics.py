"""The metrics of heals, counted again: their views are compared with what the history of the attempts gives."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import psycopg

from benchmarks.chaos.checker.record import Record, Violation, rows

RECOUNT = "metrics equal a recount"
_RATES = b"SELECT * FROM healing_metrics WHERE span = 'ever'"
_REFUSED = b"""
    SELECT id, fault_id, action_type, component, failure_cost FROM healing_triggers WHERE decision = 'CIRCUIT_OPEN'"""
_REFRESH = b"SELECT refresh_success_rates()"
_REFRESHED = b"""
    SELECT *, extract(epoch FROM last_attempted)::float8 AS last_at FROM healing_action_success_rates"""
_DAY_S = 86_400.0
_EXACT = 1e-6
_PERCENT = 0.005 + 1e-9
"""The client's view rounds to two places."""

Key = tuple[str | None, str | None]
"""An action and a component; None: of all."""


@dataclass(frozen=True, kw_only=True)
class Heal:
    """One finished attempt.

    Attributes:
        action: its type.
        component: what was healed.
        healed: whether it was a success.
        took_s: from the fault's detection to the proof that it was healed; None if this attempt did not end the fault.
        recurred: whether the target was sick again within a day; None as `took_s`.
        dollars: that it saved; below 0: that it cost.
        last: its last row in the history.
    """

    action: str
    component: str
    healed: bool
    took_s: float | None
    recurred: bool | None
    dollars: float
    last: Any


def violations(record: Record, connection: psycopg.Connection[Any]) -> Iterator[Violation]:
    """Figures that the views show and the history does not give, each by its name."""
    heals = list(_heals(record))
    prevented = _prevented(rows(connection, _REFUSED))
    wanted = {key: _rates(some, prevented.get(key, [])) for key, some in _by_key(heals, prevented).items()}
    shown = {(row["action_type"], row["component"]): row for row in rows(connection, _RATES)}
    yield from _compared("healing_metrics", wanted, shown)
    connection.execute(_REFRESH)
    actions: dict[str, list[Heal]] = defaultdict(list)
    for one in heals:
        actions[one.action].append(one)
    counted: dict[Key, Mapping[str, float | None]] = {(name, None): _client(some) for name, some in actions.items()}
    refreshed: dict[Key, Any] = {(row["action_type"], None): row for row in rows(connection, _REFRESHED)}
    yield from _compared("healing_action_success_rates", counted, refreshed)


def _heals(record: Record) -> Iterator[Heal]:
    faults = {fault.id: fault for fault in record.faults}
    by_target: dict[str, list[Any]] = defaultdict(list)
    for fault in record.faults:
        by_target[fault.target_key].append(fault)
    for changes in record.attempts().values():
        last = changes[-1]
        if last.completed_at is None:
            continue
        fault, healed = faults[last.fault_id], last.status == "SUCCESS"
        ended = healed and fault.resolution == "HEALED"
        again = (
            0 <= other.detected - fault.verified < _DAY_S
            for other in (by_target[fault.target_key] if ended else ())
            if other.id != fault.id
        )
        yield Heal(
            action=last.action_type,
            component=last.component,
            healed=healed,
            took_s=fault.verified - fault.detected if ended else None,
            recurred=any(again) if ended else None,
            dollars=_dollars(last),
            last=last,
        )


def _dollars(last: Any) -> float:
    """A success saves a person's hand; what was carried out for nothing costs it, and a way back that failed more."""
    if last.status == "SUCCESS":
        return float(last.manual_cost)
    if last.took_ms is None and not last.interrupted:
        return 0.0
    return -float(last.manual_cost) - (float(last.failure_cost) if last.rollback_outcome == "FAILED" else 0.0)


def _prevented(refused: Sequence[Mapping[str, Any]]) -> Mapping[Key, list[float]]:
    """The dollars of each failure that an open breaker prevented: once for each fault, action and component."""
    once: dict[tuple[str, str, Any], float] = {}
    for row in refused:
        one = (row["action_type"], row["component"], row["fault_id"] or row["id"])
        once[one] = max(once.get(one, -math.inf), float(row["failure_cost"]))
    found: dict[Key, list[float]] = defaultdict(list)
    for (action, component, _), dollars in once.items():
        for key in itertools.product((action, None), (component, None)):
            found[key].append(dollars)
    return found


def _by_key(heals: Sequence[Heal], prevented: Mapping[Key, Any]) -> Mapping[Key, list[Heal]]:
    found: dict[Key, list[Heal]] = {key: [] for key in prevented}
    for one in heals:
        for key in itertools.product((one.action, None), (one.component, None)):
            found.setdefault(key, []).append(one)
    return found


def _rates(heals: Sequence[Heal], prevented: Sequence[float]) -> Mapping[str, float | None]:
    times = [one.took_s for one in heals if one.took_s is not None]
    again = [one.recurred for one in heals if one.recurred is not None]
    healed = sum(one.healed for one in heals)
    return {
        "attempts": len(heals),
        "healed": healed,
        "success_rate": _mean([one.healed for one in heals]),
        "mttr_s": _mean(times),
        "recurred": sum(again),
        "recurrence_rate": _mean(again),
        "prevented": len(prevented),
        "saved": sum(one.dollars for one in heals) + sum(prevented),
    }


def _client(heals: Sequence[Heal]) -> Mapping[str, float | None]:
    """What the client's materialized view shows of an action."""
    healed = sum(one.healed for one in heals)
    times = [one.last.took_ms for one in heals if one.healed and one.last.took_ms is not None]
    return {
        "total_attempts": len(heals),
        "successful": healed,
        "failed": len(heals) - healed,
        "success_rate_pct": 100 * healed / len(heals),
        "avg_execution_time_ms": _mean(times),
        "rolled_back": sum(one.last.status == "ROLLED_BACK" for one in heals),
        "last_at": max(one.last.created_at.timestamp() for one in heals),
    }


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _compared(
    view: str, wanted: Mapping[Key, Mapping[str, float | None]], shown: Mapping[Key, Mapping[str, Any]]
) -> Iterator[Violation]:
    """Rows that only one side has, and figures that differ."""
    for key in wanted.keys() ^ shown.keys():
        yield Violation(RECOUNT, f"{view} of {key}", "is in the view or in the history, not in both")
    for key in wanted.keys() & shown.keys():
        for name, figure in wanted[key].items():
            if not _same(name, figure, shown[key][name]):
                yield Violation(RECOUNT, f"{view} of {key}", f"{name} is {shown[key][name]}, counted {figure}")


def _same(name: str, counted: float | None, shown: Any) -> bool:
    if counted is None or shown is None:
        return counted is None and shown is None
    allowed = _PERCENT if name == "success_rate_pct" else _EXACT * max(1.0, abs(counted))
    return abs(counted - float(shown)) <= allowed
