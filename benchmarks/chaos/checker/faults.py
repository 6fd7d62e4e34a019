"""Nothing lost: every fault that was made ends as healed by a recorded attempt, recovered, or handed to a person."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg

from benchmarks.chaos.checker.record import Effect, Record, Violation, rows

_ALERTS = b"""SELECT dedup_key, count(*) AS told FROM alert_outbox WHERE kind = 'RAISED' AND dedup_key LIKE 'fault/%'
             GROUP BY 1"""
_PASSES = "stall"
"""The kind of fault that ends by itself."""


def violations(record: Record, connection: psycopg.Connection[Any]) -> Iterator[Violation]:
    """Faults that were lost or never ended, and persons that were not told, or told twice."""
    for number, ending in endings(record).items():
        if ending == "lost":
            yield Violation("no fault lost", str(number), str(record.noted("fault")[number]))
    told = {row["dedup_key"]: row["told"] for row in rows(connection, _ALERTS)}
    for fault in record.faults:
        if fault.closed is None:
            yield Violation("all settled", str(fault.id), f"the fault of {fault.component} is still open")
        wanted = int(fault.needs_person is not None)
        if told.get(f"fault/{fault.id}", 0) != wanted:
            yield Violation(
                "a person told once", str(fault.id), f"{told.get(f'fault/{fault.id}', 0)} alerts, not {wanted}"
            )


def counts(record: Record) -> Mapping[str, int]:
    """How many faults ended in which way."""
    return Counter(endings(record).values())


def endings(record: Record) -> Mapping[int, str]:
    """How each fault that was made has ended, by its place among the notes."""
    by_target: dict[str, list[Any]] = {}
    for fault in record.faults:
        by_target.setdefault(fault.component, []).append(fault)
    return {
        number: _ending(record, made, by_target.get(made["target"], []))
        for number, made in enumerate(record.noted("fault"))
    }


def _by_person(record: Record, start: Effect) -> bool:
    """Whether a person made this start: one who came for the fault before this one."""
    return any(
        one["target"] == start.target and one["at"] <= start.at <= one["until"] for one in record.noted("person")
    )


def _ending(record: Record, made: Mapping[str, Any], faults: Sequence[Any]) -> str:
    """By the first fault of the target that was closed after it was made, if the target says the same."""
    starts = [one for one in record.effects.get(made["target"], ()) if one.at > made["at"]]
    well = next((one for one in starts if one.state == "well"), None)
    if well is None and made["how"] != _PASSES:
        return "lost"
    if any(one.first for one in starts if well is None or one.at <= well.at):
        return "ended by a pause of the campaign"
    fault = next((one for one in faults if one.closed is not None and one.closed > made["at"]), None)
    if fault is None and well is not None and _by_person(record, well):
        return "ended by a person before it was seen"
    if fault is None:
        return "recovered unseen" if made["how"] == _PASSES else "lost"
    if fault.needs_person is not None:
        return "handed to a person"
    return "healed" if fault.resolution == "HEALED" else "recovered"
