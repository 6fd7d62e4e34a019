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

-- That is over once each component that was told of under one key since its last end was seen otherwise, or is watched no
-- more: for longer than any sweep takes nobody has looked at it, though somebody watches.
CREATE FUNCTION end_unknown() RETURNS int
LANGUAGE plpgsql AS $fn$
DECLARE
    v_ended int;
BEGIN
    WITH told AS (
        SELECT r.dedup_key AS key, n.name, max(r.created_at) AS at
        FROM alert_outbox r CROSS JOIN LATERAL jsonb_object_keys(r.details -> 'unknown') n (name)
        WHERE r.dedup_key LIKE 'unknown/%' AND r.kind = 'RAISED'
          AND NOT EXISTS (SELECT FROM alert_outbox e WHERE e.dedup_key = r.dedup_key AND e.kind = 'RESOLVED'
                          AND e.created_at >= r.created_at)
        GROUP BY r.dedup_key, n.name
    ), now_is AS (
        SELECT t.key, t.name, coalesce(h.status, 'UNKNOWN') <> 'UNKNOWN' AS known,
               greatest(t.at, h.checked_at) < now() - interval '3 hours'
               AND EXISTS (SELECT FROM watch_epoch w WHERE w.mechanism = 'application-health' AND w.retired_at IS NULL
                           AND w.beat_at > now() - interval '30 seconds') AS gone
        FROM told t LEFT JOIN LATERAL (SELECT h.status, h.checked_at FROM health_history h
                                       WHERE h.component = t.name AND h.checked_at > t.at
                                       ORDER BY h.checked_at DESC LIMIT 1) h ON true
    )
    INSERT INTO alert_outbox (kind, severity, dedup_key, message)
    SELECT 'RESOLVED', 'INFO', o.key, concat_ws('; ', 'it is known again how ' || o.known, o.gone)
    FROM (SELECT n.key,
                 named(array_agg(n.name ORDER BY n.name) FILTER (WHERE n.known)) AS known,
                 named(array_agg(n.name ORDER BY n.name) FILTER (WHERE NOT n.known)) || ' watched no more' AS gone
          FROM now_is n GROUP BY n.key HAVING bool_and(n.known OR n.gone)) o;
    GET DIAGNOSTICS v_ended = ROW_COUNT;
    RETURN v_ended;
END
$fn$;

-- `web is`, `db, web are`; NULL: none.
CREATE FUNCTION named(p_names text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $fn$
    SELECT array_to_string(p_names, ', ')::varchar(500)::text || CASE WHEN cardinality(p_names) = 1 THEN ' is' ELSE ' are' END
$fn$;
