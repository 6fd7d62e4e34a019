"""Triggers that were written in the transaction of what raised them: a breaker that tripped, a person's word, an alert.

One is due until admission has answered it, or the word is used: it outlives the process that raised it, and by its id
it is one heal. What was foretold is due again while it stands: after each heal for it that did not help under another
id, made of its own and of how many there were, for the next rung.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Engine, Row, insert, text
from sqlalchemy.engine import Connection
from uuid6 import uuid7

from selfheal.model.breaker import Breaker
from selfheal.model.breaker_rules import Cause
from selfheal.model.trigger import ForetoldMetric, Priority, Source, Trigger, TriggerType
from selfheal.policy.raising import FORETOLD_AGAIN
from selfheal.store.engine import transaction
from selfheal.store.tables import alert_outbox, raised_triggers
from selfheal.store.text import shorten

_APPROVED_AGAIN = timedelta(seconds=15)
"""What was approved and could not begin is asked about this often: its time is short."""
# A breaker's is too old after an hour, which is longer than any stays open; a word has an end of its own, and so have
# another system's alert and a prediction.
_TAKE = text(
    """UPDATE raised_triggers t
       SET next_try_at = now() + CAST(CASE WHEN t.approval IS NOT NULL THEN :soon
                                           WHEN t.source = 'predictive-health' THEN :foretold
                                           ELSE :pause END AS interval)
       WHERE t.id IN (
           SELECT d.id FROM raised_triggers d
           WHERE d.id IN (SELECT x.id FROM raised_triggers x WHERE x.raised_at > now() - interval '1 day'
                          UNION ALL SELECT p.id FROM predictions p WHERE p.ended_at IS NULL AND p.outcome IS NULL)
             AND d.next_try_at <= now() AND CASE WHEN d.approval IS NULL
               THEN d.source IS NOT DISTINCT FROM 'predictive-health' AND prediction_stands(d.id)
                    OR d.source IS DISTINCT FROM 'predictive-health' AND d.raised_at > now() - interval '1 hour'
                    AND NOT EXISTS (SELECT FROM trigger_answers a WHERE a.trigger_id = d.id)
                    AND (d.source IS DISTINCT FROM 'intake' OR alert_stands(d.id))
               ELSE EXISTS (SELECT FROM approval_states s WHERE s.id = d.approval AND s.state = 'APPROVED') END
           ORDER BY d.source IS NOT DISTINCT FROM 'predictive-health',
                    (SELECT p.breach_at FROM predictions p WHERE p.id = d.id) NULLS LAST, d.raised_at
           LIMIT :limit FOR UPDATE SKIP LOCKED)
       RETURNING t.id"""
)
_TAKEN = text(
    """SELECT t.id, t.approval, t.component, t.action, t.reason, t.raised_at, a.asked_by,
              coalesce(t.trigger_type, a.trigger_type) AS trigger_type, coalesce(t.source, a.source) AS source,
              coalesce(t.priority, a.priority) AS priority, p.id AS prediction, p.metric, p.value,
              coalesce(p.well_below, p.threshold) AS well_below,
              (SELECT count(*) FROM healing_actions h WHERE h.prediction_id = t.id) AS tried
       FROM raised_triggers t
       LEFT JOIN approvals a ON a.id = t.approval
       LEFT JOIN faults f ON f.id = a.fault_id
       LEFT JOIN predictions p ON p.id = CASE WHEN t.source = 'predictive-health' THEN t.id ELSE f.prediction_id END
       WHERE t.id = ANY (:ids) OR t.approval = :approval
       ORDER BY p.id IS NOT NULL, p.breach_at NULLS LAST, t.raised_at"""
)


class RaisedTriggers:
    """The triggers that breakers, people's words and other systems' alerts have raised.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self, *, limit: int, pause: timedelta) -> Sequence[Trigger]:
        """Those that wait, the oldest first, then what is foretold, the nearest breach first.

        Nobody else gets them for `pause`, or less. A process that dies with one in its hands only delays it: it is one
        heal, whoever asks.
        """
        asked = {"limit": limit, "pause": pause, "soon": min(pause, _APPROVED_AGAIN), "foretold": FORETOLD_AGAIN}
        with transaction(self._engine) as connection:
            ids = list(connection.scalars(_TAKE, asked))
            rows = connection.execute(_TAKEN, {"ids": ids, "approval": None}).all() if ids else []
        return [_trigger_of(row) if row.approval is None else _approved(row) for row in rows]

    def of_prediction(self, prediction: UUID) -> Trigger | None:
        """The one that is raised for this prediction, whether it is due or not; None: there is no such."""
        with transaction(self._engine) as connection:
            row = connection.execute(_TAKEN, {"ids": [prediction], "approval": None}).first()
        return None if row is None or row.prediction is None else _trigger_of(row)

    def of(self, approval: UUID) -> Trigger:
        """The one that was raised with this approval, whoever has it in their hands."""
        with transaction(self._engine) as connection:
            return _approved(connection.execute(_TAKEN, {"ids": [], "approval": approval}).one())


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


def _foretold(row: Row[Any]) -> ForetoldMetric | None:
    """The prediction behind it."""
    if row.prediction is None:
        return None
    return ForetoldMetric(id=row.prediction, metric=row.metric, value=row.value, well_below=row.well_below)


def _trigger_of(row: Row[Any]) -> Trigger:
    return Trigger(
        id=row.id if row.prediction is None or not row.tried else uuid5(row.id, f"try {row.tried + 1}"),
        type=TriggerType(row.trigger_type or TriggerType.BREAKER_OPENED),
        component=row.component,
        action=row.action,
        source=Source(row.source or Source.BREAKER),
        priority=Priority(row.priority or Priority.HIGH),
        reason=row.reason,
        detected_at=row.raised_at,
        foretold=_foretold(row),
    )


def _approved(row: Row[Any]) -> Trigger:
    """The trigger that had asked, with the word: of the same kind, by the same person, about the one action."""
    source = Source(row.source)
    return Trigger(
        id=row.id,
        type=TriggerType(row.trigger_type),
        component=row.component,
        action=row.action,
        source=source,
        priority=Priority(row.priority),
        reason=row.reason,
        detected_at=row.raised_at,
        who=row.asked_by if source is Source.PERSON else "",
        approval=row.approval,
        foretold=_foretold(row),
    )
