"""Errors of logs in `system_errors`, and what a person is told of them; part of a commit of `store.logs`."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import insert, text
from sqlalchemy.engine import Connection

from selfheal.model.log import LogError, LogReached, LogRules, LogSeverity, LogSource
from selfheal.policy.log_signature import signature_of_rest
from selfheal.store.tables import alert_outbox
from selfheal.store.text import clean, shorten

_NEW_IN_A_DAY = 500
"""Of so many different errors of a component in a day each has its row; those beyond are one for each pattern."""
_LONGEST = 500
_KNOWN = text(
    """SELECT signature FROM system_errors
       WHERE tenant_id IS NULL AND component = :component AND signature = ANY (:signatures)"""
)
_NEW = text(
    """SELECT count(*) FROM system_errors
       WHERE tenant_id IS NULL AND signature IS NOT NULL AND component = :component
         AND created_at > now() - interval '1 day'"""
)
_COUNT = text(
    """INSERT INTO system_errors AS e (severity, message, component, signature, occurrence_count, metadata)
       VALUES (:severity, :message, :component, :signature, :count, CAST(:details AS jsonb))
       ON CONFLICT (component, signature) WHERE tenant_id IS NULL AND signature IS NOT NULL DO UPDATE
       SET occurrence_count = least(e.occurrence_count::bigint + excluded.occurrence_count, 2147483647)::int,
           last_occurred = now(), updated_at = now(), metadata = e.metadata || excluded.metadata,
           status = CASE WHEN e.status = 'RESOLVED' THEN 'OPEN' ELSE e.status END"""
)
_TELL = text(
    """INSERT INTO log_told AS t (source, pattern, signature) VALUES (:source, :pattern, :signature)
       ON CONFLICT (source, pattern, signature) DO UPDATE SET told_at = now()
       WHERE t.told_at <= now() - CAST(:window AS interval)
       RETURNING signature"""
)
_TOLD_AT_ONCE = 3


def count_errors(connection: Connection, source: LogSource, rules: LogRules, errors: Sequence[LogError]) -> None:
    """Add to the row of each error; one that was resolved is open again."""
    severities = {pattern.name: pattern.severity for pattern in rules.patterns}
    for one in _with_room(connection, source, errors):
        details = clean({"source": source.name, "pattern": one.pattern} | ({"cut": True} if one.cut else {}))
        values = {
            "severity": severities[one.pattern].value,
            "message": shorten(one.line, _LONGEST),
            "component": source.component,
            "signature": one.signature,
            "count": one.count,
            "details": json.dumps(details),
        }
        connection.execute(_COUNT, values)


def _with_room(connection: Connection, source: LogSource, errors: Sequence[LogError]) -> Sequence[LogError]:
    """The same errors, the new ones among them under the pattern's rest where a day has brought too many."""
    asked = {"component": source.component, "signatures": [one.signature for one in errors]}
    known = set(connection.scalars(_KNOWN, asked))
    new = [one for one in errors if one.signature not in known]
    if not new:
        return sorted(errors, key=lambda one: one.signature)
    room = max(_NEW_IN_A_DAY - (connection.scalar(_NEW, {"component": source.component}) or 0), 0)
    beyond = {one.signature for one in new[room:]}
    rest = {name: [one for one in errors if one.signature in beyond and one.pattern == name] for name in _names(errors)}
    kept = [one for one in errors if one.signature not in beyond]
    kept += [
        replace(few[0], signature=signature_of_rest(name), count=sum(one.count for one in few))
        for name, few in rest.items()
        if few
    ]
    return sorted(kept, key=lambda one: one.signature)


def _names(errors: Sequence[LogError]) -> list[str]:
    return sorted({one.pattern for one in errors})


def tell(connection: Connection, source: LogSource, reached: LogReached, window: timedelta) -> None:
    """Tell a person of the most frequent signatures of a pattern, of each once in a window."""
    for one in sorted(reached.errors, key=lambda one: -one.count)[:_TOLD_AT_ONCE]:
        asked = {"source": source.name, "pattern": one.pattern, "signature": one.signature, "window": window}
        if connection.execute(_TELL, asked).first() is not None:
            connection.execute(insert(alert_outbox).values(_alert(source, reached, one)))


def _alert(source: LogSource, reached: LogReached, error: LogError) -> dict[str, object]:
    name, lines = reached.pattern.name, "line" if reached.counted == 1 else "lines"
    return {
        "severity": "CRITICAL" if reached.pattern.severity is LogSeverity.CRITICAL else "WARNING",
        "dedup_key": f"log/{source.name}/{name}/{error.signature}",
        "message": shorten(f"{source.component}: {reached.counted} {lines} of {name} in its log: {error.line}", 500),
        "details": clean(
            {
                "source": source.name,
                "component": source.component,
                "suspect": source.suspect(name),
                "pattern": name,
                "signature": error.signature,
                "lines": reached.counted,
                "first_line": error.line[:_LONGEST],
            }
        ),
    }
