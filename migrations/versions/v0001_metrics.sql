-- What came of the heals: success rate, MTTR, recurrence, cost saved, each with a 95 % interval. Everything is counted from
-- the rows; transitions of breakers have no fault, and dry runs leave no row, so that neither counts.

-- Wilson's interval of a rate: k of n.
CREATE FUNCTION wilson_low(k bigint, n bigint) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $fn$
    SELECT CASE WHEN n > 0 THEN greatest(0, (k + z2 / 2 - sqrt(z2 * (k::float8 * (n - k) / n + z2 / 4))) / (n + z2)) END
    FROM (SELECT 1.959963984540054::float8 ^ 2) z (z2)
$fn$;
CREATE FUNCTION wilson_high(k bigint, n bigint) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $fn$
    SELECT 1 - wilson_low(n - k, n)
$fn$;

-- How far a mean of n values with this deviation may be off: Student's t, from 31 values on by its expansion. NULL below 2.
CREATE FUNCTION mean_margin(n bigint, deviation double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $fn$
    SELECT CASE WHEN n >= 2 THEN deviation / sqrt(n::float8) * CASE
        WHEN n <= 31 THEN (ARRAY[12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
                                 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
                                 2.052, 2.048, 2.045, 2.042])[n - 1]
        ELSE 1.959963984540054 + 2.372271 / (n - 1) + 2.822500 / (n - 1) ^ 2 END END
$fn$;

-- One row for each finished attempt on what was sick; pre-emptive ones stand in preemptive_results. dollars: a heal spares a person's hand; what was acted out and did not help costs
-- it, for somebody must do it after all; where the way back failed too it did harm, which costs a failure besides.
CREATE VIEW heal_results WITH (security_invoker = true) AS
    SELECT a.id, a.action_type::text, a.target_component::text AS component, a.completed_at, a.success AS healed,
           CASE WHEN a.success AND f.resolution = 'HEALED'
                THEN extract(epoch FROM f.verified_at - f.detected_at)::float8 END AS time_to_heal_s,
           CASE WHEN a.success AND f.resolution = 'HEALED' THEN EXISTS (
                SELECT FROM faults again WHERE again.target_key = f.target_key AND again.id <> f.id AND again.prediction_id IS NULL
                AND again.detected_at >= f.verified_at AND again.detected_at < f.verified_at + interval '24 hours') END AS recurred,
           CASE WHEN a.success THEN a.manual_cost WHEN a.execution_time_ms IS NULL AND NOT a.interrupted THEN 0
                ELSE -a.manual_cost - CASE WHEN a.rollback_outcome = 'FAILED' THEN a.failure_cost ELSE 0 END END AS dollars
    FROM healing_actions a JOIN faults f ON f.id = a.fault_id
    WHERE a.completed_at IS NOT NULL AND a.prediction_id IS NULL;
CREATE INDEX faults_target ON faults (target_key, detected_at);

-- One row for each fault and action that a breaker kept from being tried: a failure that was prevented.
CREATE VIEW prevented_failures WITH (security_invoker = true) AS
    SELECT t.action_type::text, t.component::text, min(t.first_at) AS first_at, max(t.failure_cost) AS dollars
    FROM healing_triggers t WHERE t.decision = 'CIRCUIT_OPEN' AND t.source <> 'predictive-health'
    GROUP BY t.action_type, t.component, coalesce(t.fault_id, t.id);

-- The metrics of what was finished within this time (NULL: ever): for each action and component, each action, each
-- component, and all; what a row is not about is NULL there. recurred: so far, for the last 24 h are not over for all.
CREATE FUNCTION healing_rates(p_within interval)
RETURNS TABLE (action_type text, component text, attempts bigint, healed bigint, success_rate float8, success_low float8,
               success_high float8, mttr_s float8, mttr_low_s float8, mttr_high_s float8, recurred bigint,
               recurrence_rate float8, recurrence_low float8, recurrence_high float8, prevented bigint, saved numeric,
               saved_low float8, saved_high float8)
LANGUAGE sql STABLE AS $fn$
    WITH counted AS (
        SELECT h.action_type, h.component, true AS heal, h.healed, h.time_to_heal_s, h.recurred, h.dollars
        FROM heal_results h WHERE p_within IS NULL OR h.completed_at > now() - p_within
        UNION ALL
        SELECT p.action_type, p.component, false, NULL, NULL, NULL, p.dollars
        FROM prevented_failures p WHERE p_within IS NULL OR p.first_at > now() - p_within
    ), summed AS (
        SELECT c.action_type, c.component, count(*) AS n, count(*) FILTER (WHERE c.heal) AS attempts,
               count(*) FILTER (WHERE c.healed) AS healed, count(c.time_to_heal_s) AS timed, avg(c.time_to_heal_s) AS mttr_s,
               mean_margin(count(c.time_to_heal_s), stddev_samp(c.time_to_heal_s)) AS mttr_margin,
               count(*) FILTER (WHERE c.recurred) AS recurred, count(c.recurred) AS followed,
               sum(c.dollars) AS saved, mean_margin(count(*), stddev_samp(c.dollars::float8)) * count(*) AS saved_margin
        FROM counted c GROUP BY GROUPING SETS ((c.action_type, c.component), (c.action_type), (c.component), ())
    )
    SELECT s.action_type, s.component, s.attempts, s.healed,
           s.healed::float8 / nullif(s.attempts, 0), wilson_low(s.healed, s.attempts), wilson_high(s.healed, s.attempts),
           s.mttr_s, CASE WHEN s.mttr_margin IS NOT NULL THEN greatest(0, s.mttr_s - s.mttr_margin) END, s.mttr_s + s.mttr_margin,
           s.recurred, s.recurred::float8 / nullif(s.followed, 0),
           wilson_low(s.recurred, s.followed), wilson_high(s.recurred, s.followed),
           s.n - s.attempts, s.saved, s.saved - s.saved_margin, s.saved + s.saved_margin
    FROM summed s WHERE s.n > 0
$fn$;

-- The same for the usual times, for whoever reads tables only.
CREATE VIEW healing_metrics WITH (security_invoker = true) AS
    SELECT span.name AS span, rates.*
    FROM (VALUES ('24 h', interval '24 hours'), ('7 d', interval '7 days'), ('30 d', interval '30 days'), ('ever', NULL))
         span (name, length), healing_rates(span.length) rates;

-- The client's view, of everything that ever finished.
CREATE MATERIALIZED VIEW healing_action_success_rates AS
    SELECT a.action_type, count(*)::int AS total_attempts, count(*) FILTER (WHERE a.success)::int AS successful,
           count(*) FILTER (WHERE NOT a.success)::int AS failed,
           round(100.0 * count(*) FILTER (WHERE a.success) / count(*), 2) AS success_rate_pct,
           (avg(a.execution_time_ms) FILTER (WHERE a.success))::float8 AS avg_execution_time_ms,
           max(a.created_at) AS last_attempted, count(*) FILTER (WHERE a.status = 'ROLLED_BACK')::int AS rolled_back
    FROM healing_actions a WHERE a.completed_at IS NOT NULL AND a.action_type <> 'BREAKER_TRANSITION'
    GROUP BY a.action_type;
CREATE UNIQUE INDEX healing_action_success_rates_type ON healing_action_success_rates (action_type);

CREATE FUNCTION refresh_success_rates() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.healing_action_success_rates;
END
$fn$;
REVOKE ALL ON FUNCTION refresh_success_rates() FROM PUBLIC;
