-- What is forgotten, and how: whole partitions of measured values, and the signatures of flow runs.

-- The partitions that hold nothing younger than that. What counts is the bound that Postgres holds their rows to, never
-- their names.
CREATE FUNCTION old_health_partitions(p_raw interval, p_rollups interval)
RETURNS TABLE (name text, kind text, until timestamptz, bytes bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
    SELECT b.name, b.kind, b.until, pg_total_relation_size(b.id) FROM (
        SELECT c.oid AS id, c.relname::text AS name, i.inhparent::regclass::text AS kind,
               (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''(.+)''\)'))[1]::timestamptz AS until
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('public.health_history'::regclass, 'public.health_rollup'::regclass)
    ) b
    WHERE b.until <= now() - CASE b.kind WHEN 'health_history' THEN greatest(p_raw, interval '8 days')
                                         ELSE greatest(p_rollups, interval '31 days') END
    ORDER BY b.until, b.name
$fn$;
REVOKE ALL ON FUNCTION old_health_partitions(interval, interval) FROM PUBLIC;

-- Drop the oldest of them; gives its name, or NULL: there is none left, or another run is at it. It waits for nobody for
-- long, for whoever writes would wait behind it.
CREATE FUNCTION drop_health_partition(p_raw interval, p_rollups interval) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
DECLARE
    v_name text;
BEGIN
    SET LOCAL lock_timeout = '300ms';
    IF NOT pg_try_advisory_xact_lock(hashtext('selfheal.retention')) THEN
        RETURN NULL;
    END IF;
    SELECT o.name INTO v_name FROM old_health_partitions(p_raw, p_rollups) o LIMIT 1;
    IF v_name IS NOT NULL THEN
        EXECUTE format('DROP TABLE public.%I', v_name);
    END IF;
    RETURN v_name;
END
$fn$;
REVOKE ALL ON FUNCTION drop_health_partition(interval, interval) FROM PUBLIC;

-- The signatures of runs that ended so long ago, and of those that began then and never ended: their process was killed. At most
-- 5,000; of each mechanism the newest stays, for it tells that it ran.
CREATE FUNCTION forget_runs(p_older interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
    WITH gone AS (
        DELETE FROM public.mechanism_runs g WHERE g.run_id IN (
            SELECT r.run_id FROM public.mechanism_runs r
            WHERE coalesce(r.ended_at, r.began_at) < now() - greatest(p_older, interval '1 day')
              AND EXISTS (SELECT FROM public.mechanism_runs n WHERE n.mechanism = r.mechanism AND n.began_at > r.began_at
                          AND n.ended_at IS NOT NULL)
            LIMIT 5000)
        RETURNING 1
    )
    SELECT count(*) FROM gone
$fn$;
REVOKE ALL ON FUNCTION forget_runs(interval) FROM PUBLIC;
