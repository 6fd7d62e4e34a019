"""What a breaker that has tripped brings with it: an alert, and triggers to heal its cause, in the same transaction.

A raised trigger is due until admission has answered it: it outlives the process that raised it, and by its id it is one
heal.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Row, exists, func, insert, select, update
from sqlalchemy.engine import Connection
from uuid6 import uuid7

from selfheal.model.breaker import Breaker
from selfheal.model.breaker_rules import Cause
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.store.engine import transaction
from selfheal.store.tables import alert_outbox, raised_triggers, trigger_answers
from selfheal.store.text import shorten

_TOO_OLD = timedelta(hours=1)  # longer than any breaker stays open; what nobody took by then is not acted on


class RaisedTriggers:
    """The triggers that breakers have raised.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self, *, limit: int, pause: timedelta) -> Sequence[Trigger]:
        """Those that nobody has answered, the oldest first; nobody else gets them for `pause`.

        A process that dies with one in its hands only delays it: admission answers its id once, whoever asks.
        """
        columns = raised_triggers.c
        open_ones = (
            select(columns.id)
            .where(
                columns.raised_at > func.now() - _TOO_OLD,
                columns.next_try_at <= func.now(),
                ~exists().where(trigger_answers.c.trigger_id == columns.id),
            )
            .order_by(columns.raised_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        taken = (
            update(raised_triggers)
            .where(columns.id.in_(open_ones))
            .values(next_try_at=func.now() + pause)
            .returning(*columns)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(taken).all()
        return [_trigger_of(row) for row in sorted(rows, key=lambda row: row.raised_at)]


def raise_and_tell(connection: Connection, breaker: Breaker, causes: Sequence[Cause], *, note: str) -> None:
    """Write the alert and the triggers of a breaker that has just tripped."""
    share = (
        f"{breaker.results.count(False)} of its last {len(breaker.results)} failed"
        if breaker.results
        else "a probe failed"
    )
    reason = shorten(f"the breaker {breaker.name} has opened: {share}" + (f", the last: {note}" if note else ""), 500)
    connection.execute(
        insert(alert_outbox).values(
            severity="WARNING",
            dedup_key=f"breaker/{breaker.name}",
            message=reason,
            details={
                "breaker": breaker.name,
                "open_until": breaker.open_until and breaker.open_until.isoformat(),
                "healed": [f"{one.component}: {one.action or 'its ladder'}" for one in causes],
            },
        )
    )
    rows = [
        {
            "id": uuid7(),
            "breaker": breaker.name,
            "generation": breaker.generation,
            "component": one.component,
            "action": one.action,
            "reason": reason,
        }
        for one in causes
    ]
    if rows:
        connection.execute(insert(raised_triggers), rows)


def _trigger_of(row: Row[Any]) -> Trigger:
    return Trigger(
        id=row.id,
        type=TriggerType.BREAKER_OPENED,
        component=row.component,
        action=row.action,
        source=Source.BREAKER,
        priority=Priority.HIGH,
        reason=row.reason,
        detected_at=row.raised_at,
    )
