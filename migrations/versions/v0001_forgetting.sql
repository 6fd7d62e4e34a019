-- What is kept for a year or so and is no evidence of what was done: refusals, what was raised, what people were told, errors
-- of logs. Attempts, faults, questions with their answers and what persons did stay for ever.

-- What is older than p_older, at least 90 days, at most 5,000 rows of each table: how many rows that were, 0 when there are no
-- more. A refusal stays while its fault is open, or where it is counted as a failure that a breaker prevented; an error that a
-- person works on, or has said is none, stays.
CREATE FUNCTION forget_records(p_older interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
DECLARE
    v_before timestamptz := now() - greatest(p_older, interval '90 days');
    v_gone bigint;
    v_more bigint;
BEGIN
    DELETE FROM public.healing_triggers t WHERE t.id IN (
        SELECT o.id FROM public.healing_triggers o
        WHERE o.last_at < v_before AND o.decision NOT IN ('ADMITTED', 'CIRCUIT_OPEN')
          AND NOT EXISTS (SELECT FROM public.faults f WHERE f.id = o.fault_id AND f.closed_at IS NULL)
          AND NOT EXISTS (SELECT FROM public.trigger_answers a WHERE a.decision_id = o.id)
        ORDER BY o.last_at LIMIT 5000 FOR UPDATE OF o SKIP LOCKED);     -- an equal refusal may come at this moment
    GET DIAGNOSTICS v_gone = ROW_COUNT;
    DELETE FROM public.raised_triggers t WHERE t.id IN (
        SELECT o.id FROM public.raised_triggers o
        WHERE o.raised_at < v_before AND o.source IS NULL
          AND NOT EXISTS (SELECT FROM public.approvals a WHERE a.id = o.approval AND a.closed_at IS NULL)
        ORDER BY o.raised_at LIMIT 5000);
    GET DIAGNOSTICS v_more = ROW_COUNT;
    v_gone := v_gone + v_more;
    DELETE FROM public.devops_alert_history h WHERE h.id IN (
        SELECT o.id FROM public.devops_alert_history o WHERE o.alert_timestamp < v_before
        ORDER BY o.alert_timestamp LIMIT 5000);
    GET DIAGNOSTICS v_more = ROW_COUNT;
    v_gone := v_gone + v_more;
    DELETE FROM public.system_errors e WHERE e.id IN (
        SELECT o.id FROM public.system_errors o WHERE o.last_occurred < v_before AND o.status IN ('OPEN', 'RESOLVED')
        ORDER BY o.last_occurred LIMIT 5000 FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_more = ROW_COUNT;
    RETURN v_gone + v_more;
END
$fn$;
REVOKE ALL ON FUNCTION forget_records(interval) FROM PUBLIC;
