"""Marks: one short text per area, another one after each change that people see. Asked twice a second by whoever shows.

What is over never changes again, so a mark is made of the newest row and of what is under way: no table is read whole.
"""

from collections.abc import Mapping

from sqlalchemy import Engine, text

from selfheal.model.errors import Permanent
from selfheal.model.mark import Area
from selfheal.store.engine import first_row

_MARKS = text(
    """SELECT
    concat_ws(' ',
        (SELECT a.id FROM healing_actions a ORDER BY a.created_at DESC LIMIT 1),
        (SELECT md5(string_agg(concat_ws(',', a.id, a.status, a.phase, a.fence), ' ' ORDER BY a.id))
         FROM healing_actions a WHERE a.status IN ('PENDING', 'RUNNING'))) AS actions,
    concat_ws(' ',
        (SELECT f.id FROM faults f ORDER BY f.detected_at DESC LIMIT 1),
        (SELECT md5(string_agg(concat_ws(',', f.id, f.attempts, f.ladder_step, f.verified_at, f.start_missed_at,
                                         f.needs_person), ' ' ORDER BY f.id))
         FROM faults f WHERE f.closed_at IS NULL)) AS faults,
    concat_ws(' ',
        (SELECT q.id FROM approvals q ORDER BY q.asked_at DESC LIMIT 1),
        (SELECT md5(string_agg(concat_ws(',', q.id, q.expires_at > now(), to_jsonb(q)), ' ' ORDER BY q.id))
         FROM approvals q WHERE q.asked_at > now() - interval '7 days')) AS approvals,
    (SELECT concat_ws(' ', count(*), max(b.updated_at), count(*) FILTER (WHERE b.open_until <= now()))
     FROM circuit_breaker_state b) AS breakers,
    concat_ws(' ',
        (SELECT p.id FROM pauses p WHERE p.ended_at IS NULL AND (p.until IS NULL OR p.until > now())),
        (SELECT md5(string_agg(concat_ws(',', w.id, w.begins_at <= now(), w.ends_at), ' ' ORDER BY w.id))
         FROM maintenance_windows w WHERE w.ends_at > now()),
        (SELECT md5(string_agg(concat_ws(',', s.id, s.sick, s.go_at), ' ' ORDER BY s.id))
         FROM storms s WHERE s.ended_at IS NULL AND s.quiet_at > now()),
        (SELECT max(m.since) FROM action_modes m),
        (SELECT concat_ws(',', count(*), bool_or(e.beat_at < now() - interval '30 seconds')) FROM watch_epoch e)
    ) AS standing,
    concat_ws(' ', (WITH RECURSIVE known (component) AS (
        (SELECT h.component FROM health_history h WHERE h.checked_at > now() - interval '10 minutes'
         ORDER BY h.component LIMIT 1)
        UNION ALL
        SELECT (SELECT h.component FROM health_history h
                WHERE h.component > k.component AND h.checked_at > now() - interval '10 minutes'
                ORDER BY h.component LIMIT 1)
        FROM known k WHERE k.component IS NOT NULL)
     SELECT md5(string_agg(concat_ws(',', h.component, h.status, h.checked_at > now() - interval '30 seconds'), ' '
                           ORDER BY h.component))
     FROM known k CROSS JOIN LATERAL (
         SELECT * FROM health_history h WHERE h.component = k.component AND h.checked_at > now() - interval '10 minutes'
           AND h.metric = 'response_time_ms'
         ORDER BY h.checked_at DESC LIMIT 1) h)) AS health,
    concat_ws(' ',
        (SELECT d.id FROM alert_deliveries d ORDER BY d.created_at DESC, d.id DESC LIMIT 1),
        (SELECT concat_ws(',', count(*), sum(d.tries)) FROM alert_deliveries d WHERE d.state = 'WAITING'),
        (SELECT concat_ws(',', count(*), max(a.acknowledged_at), sum(a.occurrences)) FROM alerts a
         WHERE a.resolved_at IS NULL),
        (SELECT md5(string_agg(s.id::text, ' ' ORDER BY s.id)) FROM alert_silences s
         WHERE s.ended_at IS NULL AND s.until > now())) AS alerts,
    concat_ws(' ',
        (SELECT p.id FROM predictions p ORDER BY p.raised_at DESC LIMIT 1),
        (SELECT md5(string_agg(concat_ws(',', p.id, p.ended_at, p.breached_at), ' ' ORDER BY p.id))
         FROM predictions p WHERE p.outcome IS NULL)) AS predictions,
    concat_ws(' ',
        (SELECT md5(string_agg(concat_ws(',', c.mechanism, c.compared_at), ' ' ORDER BY c.mechanism))
         FROM workflow_comparisons c),
        (SELECT c.id FROM workflow_state_history c ORDER BY c.id DESC LIMIT 1)) AS workflows,
    concat_ws(' ',
        (SELECT concat_ws(',', e.id, e.occurrence_count, e.status) FROM system_errors e
         ORDER BY e.last_occurred DESC LIMIT 1),
        (SELECT concat_ws(',', l.id, a.decision_id)
         FROM log_triggers l LEFT JOIN trigger_answers a ON a.trigger_id = l.id ORDER BY l.raised_at DESC LIMIT 1),
        (SELECT md5(string_agg(concat_ws(',', p.source, p.trouble, g.id), ' ' ORDER BY p.source))
         FROM log_positions p LEFT JOIN LATERAL (
             SELECT o.id FROM log_gaps o WHERE o.source = p.source
             ORDER BY o.found_at DESC LIMIT 1) g ON true)) AS logs"""
)


class Marks:
    """Reads the marks.

    Args:
        engine: the database, as any role that may read; under row security, of what its tenant may see.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def now(self) -> Mapping[Area, str]:
        """The mark of each area; only good for being compared with another.

        Raises:
            Transient: the database does not answer.
        """
        row = first_row(self._engine, _MARKS, {})
        if row is None:
            raise Permanent("a statement without a table has given no row")
        return dict(zip(Area, row, strict=True))
