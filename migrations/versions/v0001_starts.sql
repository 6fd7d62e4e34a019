-- What waits for its heal: faults are open from their detection on, and a heal that does not begin in time is told of.

-- A component was found sick and its trigger waits for its turn: its fault is open from now on, and counts for a storm.
-- Nothing is written where it is open already, or was closed after it was seen: then its heal was faster than this note; nor
-- where it is away for a pre-emptive heal, or what it depends on is.
-- One component a transaction: first the fault's row, then the admission lock, as in admission.
CREATE FUNCTION note_sick(r admission_request, l admission_limits) RETURNS boolean
LANGUAGE plpgsql AS $fn$
BEGIN
    INSERT INTO faults (target_key, component, estate_group, trigger_type, priority, detected_at, start_from)
    SELECT r.target, r.component, r.estate_group, r.type, r.priority, least(r.detected_at, now()), least(r.detected_at, now())
    WHERE NOT EXISTS (SELECT FROM faults f WHERE f.target_key = r.target AND f.closed_at >= r.detected_at
                      AND f.detected_at > now() - interval '1 day')
      AND NOT EXISTS (SELECT FROM healing_actions a WHERE a.status IN ('PENDING', 'RUNNING') AND a.prediction_id IS NOT NULL
                      AND (a.target_key = r.target OR a.target_key = ANY (r.parents)))
    ON CONFLICT (target_key) WHERE closed_at IS NULL AND prediction_id IS NULL DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('selfheal.admission'));
    IF may_be_storm(r, l) THEN
        PERFORM note_storm(r, l);
    END IF;
    RETURN true;
END
$fn$;

CREATE TYPE start_deadlines AS (critical interval, high interval, medium interval, low interval);

-- Faults whose first heal has not begun, or had not, within the deadline of their priority: each is marked once, and a
-- person is told of all that this turn found. What somebody holds back on purpose (a pause, a maintenance window, a
-- storm that they were told of, a component that may not be healed, a parent that comes first) is not late: its
-- deadline counts anew from the end of that.
CREATE FUNCTION note_missed_starts(d start_deadlines) RETURNS int
LANGUAGE plpgsql AS $fn$
DECLARE
    v_missed int;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('selfheal.starts')) THEN
        RETURN 0;                                   -- another process is at it
    END IF;
    UPDATE faults f SET start_from = now()
    WHERE f.closed_at IS NULL AND f.prediction_id IS NULL AND f.attempts = 0 AND f.start_missed_at IS NULL AND (
        SELECT t.decision FROM healing_triggers t
        WHERE t.component = f.component AND t.target_key = f.target_key AND t.decision <> 'ADMITTED' AND t.fault_id = f.id
        ORDER BY t.last_at DESC LIMIT 1)
        IN ('PAUSED', 'MAINTENANCE', 'STORM', 'NOT_ALLOWED', 'NO_ACTION', 'AWAITING_APPROVAL', 'ALREADY_HEALING');
    WITH waited AS (
        SELECT f.id, CASE f.priority WHEN 'CRITICAL' THEN d.critical WHEN 'HIGH' THEN d.high
                                     WHEN 'MEDIUM' THEN d.medium ELSE d.low END AS within,
               coalesce((SELECT min(a.created_at) FROM healing_actions a WHERE a.target_key = f.target_key AND a.fault_id = f.id),
                        f.closed_at, now()) - f.start_from AS waited
        FROM faults f
        WHERE f.start_missed_at IS NULL AND f.needs_person IS NULL AND f.prediction_id IS NULL
          AND (f.closed_at IS NULL OR f.detected_at > now() - interval '1 day' AND f.closed_at > now() - interval '10 minutes')
    ), missed AS (
        UPDATE faults f SET start_missed_at = now() FROM waited w
        WHERE f.id = w.id AND w.waited > w.within RETURNING f.id, f.component, f.priority, w.within, w.waited, f.start_from
    ), told AS (
        INSERT INTO alert_outbox (severity, dedup_key, message, details)
        SELECT CASE WHEN bool_or(m.priority = 'CRITICAL') THEN 'CRITICAL' ELSE 'WARNING' END,
               'starts/' || (array_agg(m.id ORDER BY m.id))[1],
               count(*) || CASE WHEN count(*) = 1 THEN ' heal' ELSE ' heals' END || ' did not begin in time: '
               || (string_agg(m.component || ' (' || m.priority || ')', ', ' ORDER BY m.start_from))::varchar(500),
               jsonb_build_object('missed', jsonb_agg(jsonb_build_object(
                   'fault', m.id, 'component', m.component, 'priority', m.priority, 'within_s', extract(epoch FROM m.within),
                   'waited_s', round(extract(epoch FROM m.waited), 1)) ORDER BY m.start_from))
        FROM missed m HAVING count(*) > 0 RETURNING id
    )
    SELECT count(*) INTO v_missed FROM missed;
    RETURN v_missed;
END
$fn$;

-- Faults that are left alone after a heal in vain, and are older than a heal of their priority may take to begin: a person is told
-- of each, once; of what is not CRITICAL by a WARNING. Under the fault's own key: its end is told as well, and a hand-over is the
-- same alert again, and worse.
CREATE FUNCTION note_resting(d start_deadlines) RETURNS int
LANGUAGE plpgsql AS $fn$
DECLARE
    v_told int;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('selfheal.resting')) THEN
        RETURN 0;                                   -- another process is at it
    END IF;
    INSERT INTO alert_outbox (severity, dedup_key, message, details)
    SELECT CASE f.priority WHEN 'CRITICAL' THEN 'CRITICAL' ELSE 'WARNING' END, 'fault/' || f.id,
           f.component || ' stays sick and is cooling down: no heal begins by itself before '
           || to_char(f.rests_until AT TIME ZONE 'UTC', 'HH24:MI:SS') || ' UTC',
           jsonb_build_object('fault', f.id, 'component', f.component, 'attempts', f.attempts, 'rests_until', f.rests_until)
    FROM faults f
    WHERE f.closed_at IS NULL AND f.needs_person IS NULL AND f.prediction_id IS NULL AND f.rests_until > now()
      AND f.detected_at < now() - CASE f.priority WHEN 'CRITICAL' THEN d.critical WHEN 'HIGH' THEN d.high
                                                  WHEN 'MEDIUM' THEN d.medium ELSE d.low END
      AND NOT EXISTS (SELECT FROM healing_actions a WHERE a.target_key = f.target_key AND a.status IN ('PENDING', 'RUNNING'))
      AND NOT EXISTS (SELECT FROM alert_outbox o WHERE o.dedup_key = 'fault/' || f.id);
    GET DIAGNOSTICS v_told = ROW_COUNT;
    RETURN v_told;
END
$fn$;

-- What a trigger was refused with is repeated for its id for p_older; what was admitted is repeated for ever. At most 5,000 rows
-- are dropped.
CREATE FUNCTION forget_answers(p_older interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
    WITH gone AS (
        DELETE FROM public.trigger_answers g WHERE g.trigger_id IN (
            SELECT a.trigger_id FROM public.trigger_answers a JOIN public.healing_triggers t ON t.id = a.decision_id
            WHERE t.decision <> 'ADMITTED' AND a.answered_at < now() - greatest(p_older, interval '1 hour') LIMIT 5000)
        RETURNING 1
    )
    SELECT count(*) FROM gone
$fn$;
REVOKE ALL ON FUNCTION forget_answers(interval) FROM PUBLIC;
