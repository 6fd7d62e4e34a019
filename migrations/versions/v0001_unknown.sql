-- Components that nobody can tell anything of: nothing moves by that, so a person has to hear of it.

-- One alert for all that have been UNKNOWN at every look for p_after; about each of them once until it is known again,
-- and once more after a day. p_fresh: what was not looked at within this time is watched no more.
CREATE FUNCTION tell_unknown(p_after interval, p_fresh interval) RETURNS int
LANGUAGE plpgsql AS $fn$
DECLARE
    v_told int;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('selfheal.unknown')) THEN
        RETURN 0;                                   -- another process is at it
    END IF;
    WITH latest AS (
        SELECT DISTINCT ON (h.component) h.component, h.status, h.error FROM health_history h
        WHERE h.checked_at > now() - p_fresh AND h.metric = 'response_time_ms' ORDER BY h.component, h.checked_at DESC
    ), untold AS (
        SELECT l.component, coalesce(l.error, 'no reason is known') AS said FROM latest l
        WHERE l.status = 'UNKNOWN'
          AND EXISTS (SELECT FROM health_history h WHERE h.component = l.component
                      AND h.checked_at <= now() - p_after AND h.checked_at > now() - p_after - p_fresh)
          AND NOT EXISTS (SELECT FROM health_history h WHERE h.component = l.component
                          AND h.checked_at > now() - p_after AND h.status <> 'UNKNOWN')
          AND NOT EXISTS (SELECT FROM alert_outbox a
                          WHERE a.dedup_key LIKE 'unknown/%' AND a.created_at > now() - interval '1 day'
                          AND a.details -> 'unknown' ? l.component
                          AND NOT EXISTS (SELECT FROM health_history h WHERE h.component = l.component
                                          AND h.checked_at > a.created_at AND h.status <> 'UNKNOWN'))
    )
    INSERT INTO alert_outbox (severity, dedup_key, message, details)
    SELECT 'WARNING', 'unknown/' || min(u.component),
           'nobody can tell how ' || count(*) || CASE WHEN count(*) = 1 THEN ' component is: ' ELSE ' components are: ' END
           || (string_agg(u.component || ' (' || u.said || ')', ', ' ORDER BY u.component))::varchar(1000),
           jsonb_build_object('after_s', extract(epoch FROM p_after), 'unknown', jsonb_object_agg(u.component, u.said))
    FROM untold u HAVING count(*) > 0;
    GET DIAGNOSTICS v_told = ROW_COUNT;
    RETURN v_told;
END
$fn$;
