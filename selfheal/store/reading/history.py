"""The past for replays: `ports.replay.RecordedHistory`. Read by component and day; nothing is written.

A month of 50 components in looks of 5 seconds is 26 million rows. The database passes over those that change nothing,
so that a piece is short: no statement comes near its time-out, no cursor is held, and memory stays flat.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, text

from selfheal.model.health import TOLD, HealthStatus
from selfheal.model.observation import Health
from selfheal.model.recorded import FoundFault, Hold, LogCount, LookRow, Tried
from selfheal.model.replay import Foreseen
from selfheal.store.engine import transaction
from selfheal.store.looks import look_of

PIECE = timedelta(days=1)
# From one component to the next: the key of the rollups is asked once for each.
_COMPONENTS = text(
    """WITH RECURSIVE known (component) AS (
           (SELECT r.component FROM health_rollup r ORDER BY r.component LIMIT 1)
           UNION ALL
           SELECT (SELECT r.component FROM health_rollup r WHERE r.component > k.component ORDER BY r.component LIMIT 1)
           FROM known k WHERE k.component IS NOT NULL
       )
       SELECT k.component FROM known k
       WHERE EXISTS (SELECT FROM health_rollup r WHERE r.component = k.component AND r.metric = 'response_time_ms'
                     AND r.bucket >= CAST(:since AS timestamptz) - interval '5 minutes' AND r.bucket < :until)
       ORDER BY k.component"""
)
_LOOKS = text(
    """SELECT l.at, l.status, l.response, l.error, l.look, extract(epoch FROM l.at - l.before)::float8 AS step FROM (
           SELECT h.checked_at AS at, h.status, h.response_time AS response, h.error, h.metadata AS look,
                  count(*) FILTER (WHERE h.status <> 'OPERATIONAL' OR h.metadata <> '{}') OVER near AS near,
                  lag(h.checked_at) OVER all_of AS before,
                  lead(h.checked_at) OVER all_of IS NULL AS last
           FROM health_history h
           WHERE h.component = :component AND h.metric = 'response_time_ms'
             AND h.checked_at >= :since AND h.checked_at < :until
           WINDOW all_of AS (ORDER BY h.checked_at),
                  near AS (ORDER BY h.checked_at ROWS BETWEEN CAST(:after AS int) PRECEDING AND CURRENT ROW)) l
       WHERE l.near > 0 OR l.last OR l.before IS NULL OR l.at - l.before > make_interval(secs => CAST(:gap AS float8))
          OR EXISTS (SELECT FROM unnest(CAST(:ends AS timestamptz[])) e (at) WHERE e.at > l.before AND e.at <= l.at)
       ORDER BY l.at"""
)
_HEALTH = text(
    """SELECT h.status, h.metadata AS look FROM health_history h
       WHERE h.component = :component AND h.metric = 'response_time_ms'
         AND h.checked_at > CAST(:at AS timestamptz) - interval '1 minute' AND h.checked_at <= :at
       ORDER BY h.checked_at DESC LIMIT 1"""
)
_COUNTS = text(
    """SELECT c.at, c.hits FROM log_counts c
       WHERE c.source = :source AND c.pattern = :pattern AND c.at >= :since AND c.at < :until ORDER BY c.at"""
)
_TRIED = text(
    """SELECT a.id, a.target_component, a.target_key, a.action_name, a.trigger_type, a.created_at, a.completed_at,
              a.act_started_at IS NOT NULL AND (a.execution_time_ms IS NOT NULL OR a.interrupted) AS acted,
              coalesce(a.success, false) AS healed, coalesce(r.dollars, 0)::float8 AS dollars,
              a.verification = 'UNKNOWN' AS unknown,
              NOT coalesce(a.success, true) AND a.rollback_outcome = 'FAILED' AS harmed,
              CASE WHEN a.prediction_id IS NOT NULL THEN coalesce(p.metric, 'forgotten') ELSE '' END AS metric
       FROM healing_actions a LEFT JOIN heal_results r ON r.id = a.id LEFT JOIN predictions p ON p.id = a.prediction_id
       WHERE a.fault_id IS NOT NULL AND a.created_at < :until
         AND (a.completed_at IS NULL OR a.completed_at >= :since)
       ORDER BY a.created_at, a.id"""
)
_TRIGGERS = text(
    """SELECT coalesce(sum(t.occurrences), 0)::bigint FROM healing_triggers t
       WHERE t.last_at >= :since AND t.last_at < :until AND t.trigger_type = ANY (:kinds)
         AND CAST(:component AS text) IN ('', t.component)"""
)
_FORETOLD = text(
    """SELECT p.*, b.*, h.*
       FROM (SELECT count(*) AS predictions, count(*) FILTER (WHERE r.counted = 'HIT') AS hits,
                    count(*) FILTER (WHERE r.counted = 'LATE') AS late,
                    count(*) FILTER (WHERE r.counted = 'EARLY') AS early,
                    count(*) FILTER (WHERE r.counted = 'MISS') AS misses,
                    count(*) FILTER (WHERE r.counted = 'PREVENTED') AS prevented,
                    count(*) FILTER (WHERE r.counted = 'UNKNOWN') AS unknown,
                    count(*) FILTER (WHERE r.counted IS NULL) AS unsettled
             FROM prediction_results r WHERE r.raised_at >= :since AND r.raised_at < :until AND r.rule = ANY (:kinds)
               AND CAST(:component AS text) IN ('', r.component)) p
       CROSS JOIN (SELECT count(*) AS breaches, count(*) FILTER (WHERE EXISTS (
                              SELECT FROM predictions p WHERE p.component = b.component AND p.metric = b.metric
                              AND p.rule = 'BREACH_FORETOLD' AND p.raised_at >= :since
                              AND p.raised_at BETWEEN b.at - interval '6 hours' AND b.at - interval '10 minutes'))
                              AS foretold
                   FROM breaches b WHERE b.at >= :since AND b.at < :until
                     AND CAST(:component AS text) IN ('', b.component)) b
       CROSS JOIN (SELECT count(*) AS heals, count(*) FILTER (WHERE r.outcome = 'MISS') AS in_vain
                   FROM preemptive_results r WHERE r.created_at >= :since AND r.created_at < :until
                     AND r.rule = ANY (:kinds) AND CAST(:component AS text) IN ('', r.component)) h"""
)
_FAULTS = text(
    """SELECT f.* FROM faults f WHERE f.detected_at >= :since AND f.detected_at < :until ORDER BY f.detected_at, f.id"""
)
_HOLDS = text(
    """SELECT 'PAUSED' AS what, 'estate' AS scope, '' AS name, p.since AS begins_at,
              least(p.ended_at, p.until) AS ends_at
       FROM pauses p WHERE p.since < :until AND coalesce(least(p.ended_at, p.until), 'infinity') >= :since
       UNION ALL
       SELECT 'MAINTENANCE', m.scope, m.name, m.begins_at, m.ends_at
       FROM maintenance_windows m WHERE m.begins_at < :until AND m.ends_at >= :since
       ORDER BY begins_at"""
)


class History:
    """Reads the past.

    Args:
        engine: the database, as any role that may read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def components(self, since: datetime, until: datetime) -> Sequence[str]:
        """See `ports.replay.RecordedHistory.components`."""
        return [str(row.component) for row in self._rows(_COMPONENTS, since, until)]

    def looks(  # noqa: PLR0913 - what matters of them
        self,
        component: str,
        since: datetime,
        until: datetime,
        *,
        after: int,
        gap_s: float,
        ends: Sequence[datetime] = (),
    ) -> Iterator[Sequence[LookRow]]:
        """See `ports.replay.RecordedHistory.looks`."""
        last: datetime | None = None
        for begin, end in _days(since, until):
            kept = [at for at in ends if begin <= at < end]
            rows = self._rows(_LOOKS, begin, end, component=component, after=after, gap=gap_s, ends=kept)
            piece = [_look(row, gap_s) for row in rows]
            if last is not None and piece and (step := (piece[0].at - last).total_seconds()) > gap_s:
                piece[0] = replace(piece[0], gap_s=step)
            if piece:
                last = piece[-1].at
                yield piece

    def health_at(self, component: str, at: datetime) -> Health | None:
        """See `ports.replay.RecordedHistory.health_at`."""
        with transaction(self._engine) as connection:
            row = connection.execute(_HEALTH, {"component": component, "at": at}).first()
        return None if row is None else look_of(row.look, HealthStatus(row.status)).health

    def log_counts(self, source: str, pattern: str, since: datetime, until: datetime) -> Iterator[LogCount]:
        """See `ports.replay.RecordedHistory.log_counts`."""
        for begin, end in _days(since, until):
            for row in self._rows(_COUNTS, begin, end, source=source, pattern=pattern):
                yield LogCount(at=row.at, hits=row.hits)

    def tried(self, since: datetime, until: datetime) -> Sequence[Tried]:
        """See `ports.replay.RecordedHistory.tried`."""
        return [_tried(row) for row in self._rows(_TRIED, since, until)]

    def triggers(self, since: datetime, until: datetime, *, kinds: Collection[str], component: str = "") -> int:
        """See `ports.replay.RecordedHistory.triggers`."""
        return int(self._rows(_TRIGGERS, since, until, kinds=list(kinds), component=component)[0][0])

    def foretold(self, since: datetime, until: datetime, *, kinds: Collection[str], component: str = "") -> Foreseen:
        """See `ports.replay.RecordedHistory.foretold`."""
        (row,) = self._rows(_FORETOLD, since, until, kinds=list(kinds), component=component)
        return Foreseen(**row._asdict())

    def faults(self, since: datetime, until: datetime) -> Sequence[FoundFault]:
        """See `ports.replay.RecordedHistory.faults`."""
        return [_fault(row) for row in self._rows(_FAULTS, since, until)]

    def holds(self, since: datetime, until: datetime) -> Sequence[Hold]:
        """See `ports.replay.RecordedHistory.holds`."""
        return [Hold(**row._asdict()) for row in self._rows(_HOLDS, since, until)]

    def _rows(self, statement: Any, since: datetime, until: datetime, **more: object) -> Sequence[Row[Any]]:
        with transaction(self._engine) as connection:
            return connection.execute(statement, {"since": since, "until": until, **more}).all()


def _days(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """That time in pieces. Partitions are days of UTC: a piece lies in one of them."""
    while since < until:
        midnight = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + PIECE
        yield since, min(until, midnight)
        since = midnight


def _look(row: Row[Any], gap_s: float) -> LookRow:
    status = HealthStatus(row.status)
    return LookRow(
        at=row.at,
        status=status,
        response_ms=row.response,
        detail=row.error or "",
        look=look_of(row.look, status),
        gap_s=row.step if row.step is not None and row.step > gap_s else 0.0,
        plain=not row.look and status not in TOLD,
    )


def _tried(row: Row[Any]) -> Tried:
    return Tried(
        id=row.id,
        component=row.target_component,
        target=row.target_key,
        action=row.action_name,
        trigger_type=row.trigger_type,
        began_at=row.created_at,
        ended_at=row.completed_at,
        acted=row.acted,
        healed=row.healed,
        dollars=row.dollars,
        harmed=row.harmed,
        unknown=bool(row.unknown),
        metric=row.metric,
    )


def _fault(row: Row[Any]) -> FoundFault:
    """Its key was made when it was written, and tells when that was, in milliseconds (RFC 9562, version 7)."""
    found_at = datetime.fromtimestamp((row.id.int >> 80) / 1000, tz=row.detected_at.tzinfo)
    return FoundFault(
        id=row.id,
        component=row.component,
        target=row.target_key,
        kind=row.trigger_type,
        since=row.detected_at,
        found_at=found_at,
        ended_at=row.closed_at,
        by_itself=row.resolution == "RECOVERED",
    )
