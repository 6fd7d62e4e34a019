-- How the estate was: every measured value for 30 days, and what they come to in 5 minutes for 400 days.
-- One function writes both, in one transaction, so that a rollup is always what a recount of its rows would give.

CREATE TABLE health_history (
    id UUID NOT NULL DEFAULT uuid_generate_v7(),
    component VARCHAR(50) NOT NULL,                 -- or host:NAME, or estate:NAME for the whole
    status VARCHAR(20) NOT NULL CHECK (status IN ('OPERATIONAL', 'DEGRADED', 'DOWN', 'UNKNOWN')),
    response_time INT,                              -- ms
    error TEXT,
    metadata JSONB NOT NULL DEFAULT '{}',           -- of a look: what its status does not tell, so that it can be replayed
    checked_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    metric VARCHAR(50) NOT NULL DEFAULT 'response_time_ms',
    value DOUBLE PRECISION
) PARTITION BY RANGE (checked_at);                  -- a day of UTC each
-- The only one: a key of its own would cost a second index on the fastest growing table, and nobody asks for a row by it.
CREATE INDEX health_history_component ON health_history (component, checked_at DESC);

CREATE TABLE health_rollup (
    component VARCHAR(50) NOT NULL,
    metric VARCHAR(50) NOT NULL,
    bucket TIMESTAMPTZ NOT NULL,                    -- the first moment of 5 minutes of UTC
    n INT NOT NULL,                                 -- values; a look without an answer has none
    min DOUBLE PRECISION,
    max DOUBLE PRECISION,
    sum DOUBLE PRECISION NOT NULL,
    sum_squares DOUBLE PRECISION NOT NULL,          -- for the deviation
    operational INT NOT NULL,                       -- looks by status
    degraded INT NOT NULL,
    down INT NOT NULL,
    unknown INT NOT NULL,
    PRIMARY KEY (component, metric, bucket)
) PARTITION BY RANGE (bucket);                      -- a month of UTC each

-- One partition, made beside the table and then hung in: that stops neither who writes nor who reads.
CREATE FUNCTION add_partition(p_table text, p_name text, p_from timestamptz, p_until timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $fn$
BEGIN
    IF to_regclass('public.' || p_name) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('selfheal.partition'));
    -- to_regclass would answer from this session's cache, which has not heard of what was made while it waited.
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.relname = p_name AND c.relnamespace = 'public'::regnamespace) THEN
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', p_name, p_table);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                       p_table, p_name, p_from, p_until);
    END IF;
END
$fn$;
REVOKE ALL ON FUNCTION add_partition(text, text, timestamptz, timestamptz) FROM PUBLIC;

-- What the rows of a day need: its own partition, and that of its month's rollups.
CREATE FUNCTION ensure_health_partition(p_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
DECLARE
    v_month timestamp := date_trunc('month', p_day::timestamp);
BEGIN
    IF p_day IS NULL OR abs(p_day - current_date) > 400 THEN
        RAISE EXCEPTION 'a health partition for % is out of range', p_day USING ERRCODE = '22008';
    END IF;
    PERFORM add_partition('health_history', 'health_history_' || to_char(p_day, 'YYYYMMDD'),
                          p_day::timestamp AT TIME ZONE 'UTC', (p_day + 1)::timestamp AT TIME ZONE 'UTC');
    PERFORM add_partition('health_rollup', 'health_rollup_' || to_char(v_month, 'YYYYMM'),
                          v_month AT TIME ZONE 'UTC', (v_month + interval '1 month') AT TIME ZONE 'UTC');
END
$fn$;
REVOKE ALL ON FUNCTION ensure_health_partition(date) FROM PUBLIC;

-- The only way in: measured values as one array a column, all of them or none. A row whose time is out of range (a clock
-- that is wrong by more than a year, or a day ahead) is left out and counted.
-- p_again: this may have been written already, with the answer lost; the first row of it that is kept tells.
CREATE FUNCTION keep_health(p_component text[], p_status text[], p_response int[], p_error text[], p_at timestamptz[],
                            p_metric text[], p_value float8[], p_look jsonb[], p_again boolean,
                            OUT kept bigint, OUT refused bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
DECLARE
    v_oldest timestamptz := now() - interval '399 days';
    v_newest timestamptz := now() + interval '1 day';
    v_day date;
BEGIN
    IF p_again AND EXISTS (
        SELECT FROM (SELECT r.component, r.metric, r.at
                     FROM unnest(p_component, p_metric, p_at) WITH ORDINALITY AS r (component, metric, at, place)
                     WHERE r.at BETWEEN v_oldest AND v_newest ORDER BY r.place LIMIT 1) first
        JOIN health_history h ON h.component = first.component AND h.checked_at = first.at AND h.metric = first.metric
    ) THEN
        kept := cardinality(p_at);
        refused := 0;
        RETURN;
    END IF;
    FOR v_day IN SELECT DISTINCT (t.at AT TIME ZONE 'UTC')::date FROM unnest(p_at) AS t (at)
                 WHERE t.at BETWEEN v_oldest AND v_newest LOOP
        PERFORM ensure_health_partition(v_day);
    END LOOP;
    INSERT INTO health_history (component, status, response_time, error, checked_at, metric, value, metadata)
    SELECT r.component, r.status, r.response, r.error, r.at, r.metric, r.value, coalesce(r.look, '{}')
    FROM unnest(p_component, p_status, p_response, p_error, p_at, p_metric, p_value, p_look)
        AS r (component, status, response, error, at, metric, value, look)
    WHERE r.at BETWEEN v_oldest AND v_newest;
    GET DIAGNOSTICS kept = ROW_COUNT;
    refused := cardinality(p_at) - kept;
    INSERT INTO health_rollup AS h (component, metric, bucket, n, min, max, sum, sum_squares,
                                    operational, degraded, down, unknown)
    SELECT r.component, r.metric, date_bin('5 minutes', r.at, 'epoch'), count(r.value), min(r.value), max(r.value),
           coalesce(sum(r.value), 0), coalesce(sum(r.value * r.value), 0),
           count(*) FILTER (WHERE r.status = 'OPERATIONAL'), count(*) FILTER (WHERE r.status = 'DEGRADED'),
           count(*) FILTER (WHERE r.status = 'DOWN'), count(*) FILTER (WHERE r.status = 'UNKNOWN')
    FROM unnest(p_component, p_status, p_at, p_metric, p_value) AS r (component, status, at, metric, value)
    WHERE r.at BETWEEN v_oldest AND v_newest
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3               -- in one order, so that no two of us wait for each other
    ON CONFLICT (component, metric, bucket) DO UPDATE SET
        n = h.n + excluded.n, min = least(h.min, excluded.min), max = greatest(h.max, excluded.max),
        sum = h.sum + excluded.sum, sum_squares = h.sum_squares + excluded.sum_squares,
        operational = h.operational + excluded.operational, degraded = h.degraded + excluded.degraded,
        down = h.down + excluded.down, unknown = h.unknown + excluded.unknown;
END
$fn$;
REVOKE ALL ON FUNCTION keep_health(text[], text[], int[], text[], timestamptz[], text[], float8[], jsonb[], boolean) FROM PUBLIC;
