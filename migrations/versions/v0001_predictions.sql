-- What was foretold, and what became of it.

CREATE TABLE predictions (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    rule VARCHAR(50) NOT NULL,                      -- type of the trigger that it raises
    component VARCHAR(100) NOT NULL,
    metric VARCHAR(50) NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    threshold DOUBLE PRECISION NOT NULL,
    well_below DOUBLE PRECISION,                    -- a heal for it has helped when the metric is below this; NULL: the threshold
    raised_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    breach_at TIMESTAMPTZ,                          -- NULL: its rule foretells no time
    low_at TIMESTAMPTZ,
    high_at TIMESTAMPTZ,
    why VARCHAR(500) NOT NULL,
    ended_at TIMESTAMPTZ,                           -- the alarm was taken back, or healed
    breached_at TIMESTAMPTZ,
    outcome VARCHAR(20) CHECK (outcome IN ('HIT', 'EARLY', 'MISS', 'PREVENTED', 'UNKNOWN')),
    settled_at TIMESTAMPTZ,
    CHECK ((outcome IS NULL) = (settled_at IS NULL))
);
CREATE UNIQUE INDEX predictions_one ON predictions (component, metric, rule) WHERE ended_at IS NULL;
CREATE INDEX predictions_recent ON predictions (raised_at DESC);
CREATE INDEX predictions_unsettled ON predictions (component) WHERE outcome IS NULL;

CREATE TABLE breaches (                             -- a metric that has reached its limit, foretold or not
    component VARCHAR(100) NOT NULL,
    metric VARCHAR(50) NOT NULL,
    at TIMESTAMPTZ NOT NULL,                        -- the end of the five minutes in which it did, after an hour below
    threshold DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (component, metric, at)
);
CREATE INDEX breaches_recent ON breaches (at DESC);

-- What the forecast remembers between two runs, written with what it has foretold. The week of values is a ring of one row
-- for each 5 minutes, so that a run writes a few of them: all of it would be a hundred MB for 3,000 series.
CREATE TABLE forecast_state (
    one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one),
    serial BIGINT NOT NULL,                         -- counts the runs: whoever read an older one was overtaken
    saved_at TIMESTAMPTZ NOT NULL,
    head BYTEA NOT NULL,                            -- selfheal/forecast/kept.py reads it
    untold JSONB NOT NULL DEFAULT '[]'              -- series of which too little is known: [{component, metric, why}]
);
CREATE TABLE forecast_ring (
    place INT PRIMARY KEY,                          -- the bucket's number modulo the length of the ring
    raw BYTEA NOT NULL,
    smooth BYTEA NOT NULL
);
ALTER TABLE forecast_ring ALTER raw SET STORAGE EXTERNAL, ALTER smooth SET STORAGE EXTERNAL;    -- doubles do not shrink

-- Whether it still speaks for a pre-emptive heal.
CREATE FUNCTION prediction_stands(p_id uuid) RETURNS boolean LANGUAGE sql STABLE AS $fn$
    SELECT EXISTS (SELECT FROM predictions p WHERE p.id = p_id AND p.ended_at IS NULL AND p.outcome IS NULL)
$fn$;

-- Breaches within this time (NULL: ever), and how many of them a forecast preceded by 10 minutes to 6 hours.
CREATE FUNCTION breach_record(p_within interval) RETURNS TABLE (breaches bigint, foretold bigint)
LANGUAGE sql STABLE AS $fn$
    SELECT count(*), count(*) FILTER (WHERE EXISTS (
               SELECT FROM predictions p WHERE p.component = b.component AND p.metric = b.metric AND p.rule = 'BREACH_FORETOLD'
               AND p.raised_at BETWEEN b.at - interval '6 hours' AND b.at - interval '10 minutes'))
    FROM breaches b WHERE p_within IS NULL OR b.at > now() - p_within
$fn$;

-- What was settled so long ago with what it had raised, and the breaches of that time: at most 5,000 rows of each, and how many
-- rows that were.
CREATE FUNCTION forget_predictions(p_older interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
DECLARE
    v_before timestamptz := now() - greatest(p_older, interval '31 days');
    v_gone bigint;
    v_more bigint;
BEGIN
    DELETE FROM public.breaches b WHERE (b.component, b.metric, b.at) IN (
        SELECT o.component, o.metric, o.at FROM public.breaches o WHERE o.at < v_before ORDER BY o.at LIMIT 5000);
    GET DIAGNOSTICS v_gone = ROW_COUNT;
    DELETE FROM public.raised_triggers t WHERE t.id IN (
        SELECT o.id FROM public.raised_triggers o WHERE o.source = 'predictive-health' AND o.raised_at < v_before
          AND NOT EXISTS (SELECT FROM public.predictions p WHERE p.id = o.id AND p.outcome IS NULL)
        ORDER BY o.raised_at LIMIT 5000);
    GET DIAGNOSTICS v_more = ROW_COUNT;
    v_gone := v_gone + v_more;
    DELETE FROM public.predictions p WHERE p.id IN (
        SELECT o.id FROM public.predictions o WHERE o.settled_at < v_before ORDER BY o.raised_at LIMIT 5000);
    GET DIAGNOSTICS v_more = ROW_COUNT;
    RETURN v_gone + v_more;
END
$fn$;
REVOKE ALL ON FUNCTION forget_predictions(interval) FROM PUBLIC;

-- One row for each prediction: what it is counted as, and of a hit how long before and whether within its interval. NULL:
-- not known, or it told no interval. A breach less than ten minutes after the alarm is no hit: it came too late.
CREATE VIEW prediction_results WITH (security_invoker = true) AS
    SELECT p.id, p.rule::text, p.component::text, p.metric::text, p.raised_at,
           CASE WHEN p.outcome = 'HIT' AND p.breached_at < p.raised_at + interval '10 minutes' THEN 'LATE'
                ELSE p.outcome::text END AS counted,
           p.ended_at IS NULL AND p.outcome IS NULL AS stands,
           CASE WHEN p.outcome = 'HIT' THEN extract(epoch FROM p.breached_at - p.raised_at)::float8 END AS lead_s,
           CASE WHEN p.outcome = 'HIT' THEN p.breached_at BETWEEN p.low_at AND p.high_at END AS covered
    FROM predictions p;

-- The track record of what was raised within this time (NULL: ever): for each rule, and (rule NULL) for all.
CREATE FUNCTION prediction_record(p_within interval)
RETURNS TABLE (rule text, predictions bigint, hits bigint, late bigint, early bigint, misses bigint, prevented bigint,
               unknown bigint, unsettled bigint, standing bigint, lead_s float8, intervals bigint, covered bigint)
LANGUAGE sql STABLE AS $fn$
    SELECT r.rule, count(*), count(*) FILTER (WHERE r.counted = 'HIT'), count(*) FILTER (WHERE r.counted = 'LATE'),
           count(*) FILTER (WHERE r.counted = 'EARLY'), count(*) FILTER (WHERE r.counted = 'MISS'),
           count(*) FILTER (WHERE r.counted = 'PREVENTED'), count(*) FILTER (WHERE r.counted = 'UNKNOWN'),
           count(*) FILTER (WHERE r.counted IS NULL), count(*) FILTER (WHERE r.stands),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY r.lead_s) FILTER (WHERE r.counted = 'HIT'),
           count(r.covered), count(*) FILTER (WHERE r.covered)
    FROM prediction_results r WHERE p_within IS NULL OR r.raised_at > now() - p_within
    GROUP BY GROUPING SETS ((r.rule), ())
$fn$;

-- The same for the usual times, for whoever reads tables only.
CREATE VIEW prediction_records WITH (security_invoker = true) AS
    SELECT span.name AS span, record.*
    FROM (VALUES ('24 h', interval '24 hours'), ('7 d', interval '7 days'), ('30 d', interval '30 days'), ('ever', NULL))
         span (name, length), prediction_record(span.length) record;
