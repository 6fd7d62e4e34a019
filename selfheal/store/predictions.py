"""Predictions, and what the forecast remembers between two runs: `ports.PredictionStore`, used by predictive-health.

What a run has found and what it remembers of it are one transaction, with the triggers that it raises and what people
are told: whoever dies in the middle has done nothing, and the next run does it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

import psycopg
from sqlalchemy import Engine, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Connection
from sqlalchemy.sql import bindparam

from selfheal.model.forecast import Kept
from selfheal.model.prediction import Acted, Change, Facts, Prediction, Raised
from selfheal.model.trigger import PREEMPTIVE, Source
from selfheal.protocol.failpoint import reach
from selfheal.store.engine import transaction
from selfheal.store.reading.predictions import prediction_of
from selfheal.store.rollups import Rollups
from selfheal.store.tables import breaches, forecast_ring, forecast_state, predictions, raised_triggers
from selfheal.store.text import clean, identifier, shorten

_LONGEST = 500
_MOST_UNTOLD = 200
_RING = b"SELECT place, raw, smooth FROM forecast_ring"
_TELL = text("SELECT tell(:key, :on, :severity, :message, :details)").bindparams(bindparam("details", type_=JSONB))
_ACTED = text(
    """SELECT a.id, a.target_key, coalesce(a.act_ended_at, a.act_started_at) AS at FROM healing_actions a
       WHERE a.created_at > CAST(:since AS timestamptz) - interval '1 day' AND a.act_started_at IS NOT NULL
         AND a.completed_at IS NOT NULL AND (a.execution_time_ms IS NOT NULL OR a.interrupted)
         AND NOT (a.verification = 'NOT_HEALED' AND a.prediction_id IS NOT NULL AND prediction_stands(a.prediction_id))
         AND coalesce(a.act_ended_at, a.act_started_at) >= :since
       ORDER BY 3"""
)
# A log's errors have no rollups: what they foretell is that the component goes down.
_FACTS = text(
    """SELECT p.id, CASE p.rule WHEN 'ERRORS_SUSTAINED' THEN
                  (SELECT min(r.bucket) + interval '5 minutes' FROM health_rollup r
                   WHERE r.component = p.component AND r.metric = 'response_time_ms' AND r.down > 0
                     AND r.bucket >= p.raised_at AND r.bucket < p.raised_at + interval '1 day')
              ELSE (SELECT min(b.at) FROM breaches b
                    WHERE b.component = p.component AND b.metric = p.metric AND b.at > p.raised_at) END AS breached_at,
              h.helped_at, h.healed_at,
              CASE WHEN p.rule IN ('ERRORS_SUSTAINED', 'STUCK_SOON') THEN p.ended_at IS NOT NULL
                   ELSE EXISTS (SELECT FROM health_rollup r
                                WHERE r.component = p.component AND r.metric = p.metric AND r.bucket >= h.helped_at
                                  AND r.max < coalesce(p.well_below, p.threshold)) END AS well,
              p.rule IN ('ERRORS_SUSTAINED', 'STUCK_SOON')
              OR 12 <= (SELECT count(*) FROM health_rollup r
                        WHERE r.component = p.component AND r.metric = p.metric AND r.n > 0
                          AND r.bucket >= p.raised_at AND r.bucket < p.raised_at + interval '1 day') AS seen
       FROM predictions p
       LEFT JOIN unnest(CAST(:components AS text[]), CAST(:targets AS text[])) AS t (component, target)
            ON t.component = p.component
       CROSS JOIN LATERAL (
           SELECT min(a.completed_at) FILTER (WHERE a.trigger_type = ANY (:preemptive) AND a.verification = 'HEALED')
                      AS helped_at,
                  min(a.act_started_at) FILTER (WHERE a.trigger_type <> ALL (:preemptive)
                                                  AND (a.execution_time_ms IS NOT NULL OR a.interrupted)) AS healed_at
           FROM healing_actions a
           WHERE (a.target_key = t.target OR a.trigger_id = p.id) AND a.act_started_at > p.raised_at) h
       WHERE p.outcome IS NULL"""
)


class Predictions(Rollups):
    """The store of predictive-health.

    Args:
        engine: the database, as healing_user; to read, as whoever.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._engine = engine

    def kept(self) -> Kept | None:
        """See `ports.PredictionStore.kept`."""
        with transaction(self._engine) as connection:
            state = connection.execute(select(forecast_state.c.serial, forecast_state.c.head)).first()
            if state is None:
                return None
            # By the driver, in binary: as text a hundred MB of a large estate are two hundred, and take twice as long.
            driver = cast("psycopg.Connection[tuple[int, bytes, bytes]]", connection.connection.driver_connection)
            rows = driver.cursor(binary=True).execute(_RING).fetchall()
        return Kept(
            head=bytes(state.head), rows={place: (raw, smooth) for place, raw, smooth in rows}, serial=state.serial
        )

    def acted(self, since: datetime) -> Sequence[Acted]:
        """See `ports.PredictionStore.acted`."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_ACTED, {"since": since}).all()
        return [Acted(attempt=str(row.id), target=row.target_key, at=row.at) for row in rows]

    def open(self) -> Sequence[Prediction]:
        """See `ports.PredictionStore.open`."""
        columns = predictions.c
        wanted = or_(columns.ended_at.is_(None), columns.outcome.is_(None))
        with transaction(self._engine) as connection:
            rows = connection.execute(select(predictions).where(wanted).order_by(columns.raised_at, columns.id)).all()
        return [prediction_of(row) for row in rows]

    def facts(self, targets: Mapping[str, str]) -> Mapping[UUID, Facts]:
        """See `ports.PredictionStore.facts`."""
        asked = {
            "components": list(targets),
            "targets": list(targets.values()),
            "preemptive": [one.value for one in PREEMPTIVE],
        }
        with transaction(self._engine) as connection:
            rows = connection.execute(_FACTS, asked).all()
        return {
            row.id: Facts(
                breached_at=row.breached_at,
                helped_at=row.helped_at,
                well=row.well,
                healed_at=row.healed_at,
                seen=row.seen,
            )
            for row in rows
        }

    def commit(self, change: Change) -> bool:
        """See `ports.PredictionStore.commit`."""
        with transaction(self._engine) as connection:
            if not _save(connection, change):
                return False
            for one in change.ended:
                _end(connection, one)
            for one in change.settled:
                _settle(connection, one)
            for begun in change.raised:
                _raise(connection, begun)
            if change.breaches:
                rows = [
                    {"component": one.component, "metric": one.metric, "at": one.at, "threshold": one.threshold}
                    for one in change.breaches
                ]
                connection.execute(upsert(breaches).on_conflict_do_nothing(), rows)
            reach("before-forecast-commit")
        reach("after-forecast-commit")
        return True


def _save(connection: Connection, change: Change) -> bool:
    """Keep what the forecast remembers, if nobody has kept something else since it was read; whether that was so."""
    kept, state = change.kept, forecast_state.c
    untold = [
        {"component": one.component, "metric": one.metric, "why": one.why} for one in change.untold[:_MOST_UNTOLD]
    ]
    values = {"serial": kept.serial + 1, "saved_at": change.now, "head": kept.head, "untold": clean(untold)}
    if kept.serial == 0:
        first = upsert(forecast_state).values(**values).on_conflict_do_nothing().returning(state.serial)
        moved = connection.execute(first).first()
    else:
        later = update(forecast_state).where(state.serial == kept.serial).values(**values)
        moved = connection.execute(later.returning(state.serial)).first()
    if moved is None:
        return False
    rows = [{"place": place, "raw": raw, "smooth": smooth} for place, (raw, smooth) in sorted(kept.rows.items())]
    if rows:
        ring = upsert(forecast_ring)
        newer = {"raw": ring.excluded.raw, "smooth": ring.excluded.smooth}
        connection.execute(ring.on_conflict_do_update(index_elements=["place"], set_=newer), rows)
    return True


def _raise(connection: Connection, begun: Raised) -> None:
    """The prediction, the trigger that has its id, and the word to a person."""
    one = begun.prediction
    why = shorten(one.why, _LONGEST)
    values = {
        "id": one.id,
        "rule": one.rule.value,
        "component": one.component,
        "metric": one.metric,
        "value": one.value,
        "threshold": one.threshold,
        "well_below": one.well_below,
        "raised_at": one.raised_at,
        "breach_at": one.breach_at,
        "low_at": one.low,
        "high_at": one.high,
        "why": why,
    }
    connection.execute(insert(predictions).values(values))
    if begun.triggers:
        trigger: dict[str, object] = {
            "id": one.id,
            "component": one.component,
            "reason": why,
            "trigger_type": one.rule.value,
        }
        trigger |= {"source": Source.PREDICTIVE_HEALTH.value, "priority": begun.priority.value}
        connection.execute(insert(raised_triggers).values(trigger))
    if begun.severity:
        told: dict[str, object] = {
            "prediction": str(one.id),
            "component": one.component,
            "metric": one.metric,
            "rule": one.rule.value,
        }
        told |= {"breach_at": None if one.breach_at is None else one.breach_at.isoformat(timespec="seconds")}
        message = shorten(f"{one.component}: {one.why}", _LONGEST)
        _tell(connection, one, on=True, severity=begun.severity, message=message, details=told)


def _end(connection: Connection, one: Prediction) -> None:
    columns = predictions.c
    over = update(predictions).where(columns.id == one.id, columns.ended_at.is_(None))
    connection.execute(over.values(ended_at=one.ended_at))
    _tell(connection, one, on=False, severity="INFO", message=shorten(f"{one.component}: {one.why}", _LONGEST))


def _settle(connection: Connection, one: Prediction) -> None:
    columns, outcome = predictions.c, None if one.outcome is None else one.outcome.value
    known = update(predictions).where(columns.id == one.id, columns.outcome.is_(None))
    values = {"outcome": outcome, "settled_at": one.settled_at or func.now(), "breached_at": one.breached_at}
    connection.execute(known.values(**values))


def _tell(  # noqa: PLR0913 - the parts of an alert
    connection: Connection,
    one: Prediction,
    *,
    on: bool,
    severity: str,
    message: str,
    details: Mapping[str, object] | None = None,
) -> None:
    key = identifier(f"prediction/{one.component}/{one.metric}/{one.rule.value}", 200)
    told = {"key": key, "on": on, "severity": severity, "message": message, "details": clean(dict(details or {}))}
    connection.execute(_TELL, told)
