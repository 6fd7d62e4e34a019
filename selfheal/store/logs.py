"""What log-monitor has read and counted: `ports.LogStore`. A commit is one transaction, and holds if nobody was faster.

The window slides: hits are counted for ten seconds each, and those of the window that no trigger was raised for yet
are added up.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Row, case, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Connection
from uuid6 import uuid7

from selfheal.model.log import LogError, LogReached, LogRules, LogSource, LogStanding, LogStep
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.policy.log_raising import raises, urgency
from selfheal.store.engine import transaction
from selfheal.store.log_errors import count_errors, tell
from selfheal.store.tables import alert_outbox, log_gaps, log_positions, log_triggers
from selfheal.store.text import clean, shorten

_BY_OTHERS = timedelta(seconds=30)
"""Whoever commits a trigger dispatches it at once; one that died on the way is followed by another after that."""
_COUNT = text(
    """INSERT INTO log_counts AS c (source, pattern, at, hits)
       VALUES (:source, :pattern, date_bin('10 seconds', now(), 'epoch'), :hits)
       ON CONFLICT (source, pattern, at) DO UPDATE SET hits = c.hits + excluded.hits"""
)
_IN_WINDOW = text(
    """SELECT coalesce(sum(hits - raised), 0)::bigint FROM log_counts
       WHERE source = :source AND pattern = :pattern AND at > now() - CAST(:window AS interval)"""
)
_RAISED = text(
    """UPDATE log_counts SET raised = hits
       WHERE source = :source AND pattern = :pattern AND at > now() - CAST(:window AS interval) AND raised < hits"""
)
_DUE = text(
    """UPDATE log_triggers t SET next_try_at = now() + CAST(:pause AS interval)
       WHERE t.id IN (SELECT d.id FROM log_triggers d
                      WHERE d.raised_at > now() - interval '1 hour' AND d.next_try_at <= now()
                        AND NOT EXISTS (SELECT FROM trigger_answers a WHERE a.trigger_id = d.id)
                      ORDER BY d.raised_at LIMIT :limit FOR UPDATE SKIP LOCKED)
       RETURNING t.*"""
)


class Logs:
    """The store of log-monitor.

    Args:
        engine: the database, as healing_user.
        investigated: components that are looked into also after what a person is told of.
    """

    def __init__(self, engine: Engine, investigated: Collection[str] = ()) -> None:
        self._engine, self._investigated = engine, frozenset(investigated)

    def standing(self, source: LogSource) -> LogStanding:
        """See `ports.LogStore.standing`."""
        columns = log_positions.c
        statement = select(columns.version, columns.position, columns.place).where(columns.source == source.name)
        with transaction(self._engine) as connection:
            row = connection.execute(statement).first()
        if row is None:
            return LogStanding()
        return LogStanding(version=row.version, position=row.position if row.place == _place(source) else None)

    def commit(self, source: LogSource, rules: LogRules, step: LogStep) -> tuple[LogStanding, Sequence[Trigger]] | None:
        """See `ports.LogStore.commit`."""
        troubled = select(log_positions.c.trouble).where(log_positions.c.source == source.name).with_for_update()
        with transaction(self._engine) as connection:
            trouble = connection.scalar(troubled)
            if not _move(connection, source, step):
                return None
            if trouble:
                _end(connection, source.name, "is read again")
            if step.taken.gaps:
                gaps = [
                    {"source": source.name, "kind": one.kind, "detail": clean(one.detail)} for one in step.taken.gaps
                ]
                connection.execute(insert(log_gaps), gaps)
            triggers = self._judge(connection, source, rules, step.taken.errors)
        return LogStanding(version=step.before.version + 1, position=step.position), triggers

    def trouble(self, source: LogSource, words: str) -> None:
        """See `ports.LogStore.trouble`."""
        said = shorten(words, 500)
        values = {"component": source.component, "place": _place(source), "trouble": said}
        statement, columns = upsert(log_positions).values(source=source.name, **values), log_positions.c
        kept = case((columns.place == _place(source), columns.position))
        noted = statement.on_conflict_do_update(
            index_elements=["source"],
            set_={**values, "position": kept},
            where=columns.trouble.is_distinct_from(said),
        )
        with transaction(self._engine) as connection:
            if connection.execute(noted.returning(log_positions.c.source)).first() is not None:
                told = {"severity": "WARNING", "dedup_key": f"log/{source.name}"}
                about = {"source": source.name, "component": source.component}
                message = shorten(f"the log {source.name} is not read: {said}", 500)
                connection.execute(insert(alert_outbox).values(**told, message=message, details=clean(about)))

    def leave(self, followed: Collection[str]) -> None:
        """See `ports.LogStore.leave`."""
        columns = log_positions.c
        left = update(log_positions).values(trouble=None)
        left = left.where(columns.trouble.is_not(None), columns.source.not_in(list(followed)))
        with transaction(self._engine) as connection:
            for (name,) in connection.execute(left.returning(columns.source)).all():
                _end(connection, name, "is followed no more")

    def due(self, *, limit: int, pause: timedelta) -> Sequence[Trigger]:
        """Triggers that whoever raised them did not dispatch; nobody else gets them for `pause`."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_DUE, {"limit": limit, "pause": pause}).all()
        return [_trigger_of(row) for row in sorted(rows, key=lambda row: row.raised_at)]

    def _judge(
        self, connection: Connection, source: LogSource, rules: LogRules, errors: Sequence[LogError]
    ) -> Sequence[Trigger]:
        """Count, and raise or tell what has reached its threshold."""
        triggers = []
        count_errors(connection, source, rules, errors)
        for pattern in rules.patterns:
            of_it = tuple(one for one in errors if one.pattern == pattern.name)
            if not of_it:
                continue
            asked = {"source": source.name, "pattern": pattern.name, "window": rules.window}
            connection.execute(_COUNT, {**asked, "hits": sum(one.count for one in of_it)})
            reached = LogReached(pattern=pattern, errors=of_it, counted=connection.scalar(_IN_WINDOW, asked) or 0)
            if reached.counted < pattern.threshold:
                continue
            connection.execute(_RAISED, asked)
            if pattern.tells:
                tell(connection, source, reached, rules.window)
            if raises(pattern, source, self._investigated):
                triggers.append(_raise(connection, source, reached))
        return triggers


def _place(source: LogSource) -> str:
    return str(clean(source.file or source.container))


def _end(connection: Connection, name: str, how: str) -> None:
    """Tell whoever was told of its trouble that it is over."""
    over = {"kind": "RESOLVED", "severity": "WARNING", "dedup_key": f"log/{name}", "message": f"the log {name} {how}"}
    connection.execute(insert(alert_outbox).values(over))


def _move(connection: Connection, source: LogSource, step: LogStep) -> bool:
    """Write how far the log was read, if nobody has read on since; whether that was so."""
    columns, taken = log_positions.c, step.taken
    values = {
        "component": source.component,
        "place": _place(source),
        "version": step.before.version + 1,
        "position": dict(step.position),
        "behind": step.behind,
        "trouble": None,
    }
    counted = {"lines": taken.lines, "bytes": taken.bytes, "cut": taken.cut}
    later = {name: columns[name] + more for name, more in counted.items()}
    statement = upsert(log_positions).values(source=source.name, **values, **counted)
    moved = statement.on_conflict_do_update(
        index_elements=["source"],
        set_={**values, **later, "read_at": func.now()},
        where=columns.version == step.before.version,
    )
    return connection.execute(moved.returning(columns.source)).first() is not None


def _raise(connection: Connection, source: LogSource, reached: LogReached) -> Trigger:
    """Write the trigger, which is dispatched as soon as all of this is committed."""
    pattern, worst = reached.pattern, reached.worst
    lines = "line" if reached.counted == 1 else "lines"
    reason = f"{source.name} has {reached.counted} {lines} of {pattern.name} ({worst.signature}): {worst.line}"
    row = connection.execute(
        insert(log_triggers)
        .values(
            id=uuid7(),
            source=source.name,
            pattern=pattern.name,
            component=source.suspect(pattern.name),
            priority=urgency(pattern).value,
            reason=shorten(reason, 300),
            next_try_at=func.now() + _BY_OTHERS,
        )
        .returning(*log_triggers.c)
    ).one()
    return _trigger_of(row)


def _trigger_of(row: Row[Any]) -> Trigger:
    return Trigger(
        id=row.id,
        type=TriggerType.LOG_ERROR,
        component=row.component,
        source=Source.LOG_MONITOR,
        priority=Priority(row.priority),
        reason=row.reason,
        detected_at=row.raised_at,
    )
