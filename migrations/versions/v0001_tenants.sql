-- Whose rows one sees. The dispatcher (healing_user) works for all tenants. The web server (selfheal_api) sees the rows of the
-- tenant that app.current_tenant_id names in its transaction, and without one the infrastructure's; for an admin it becomes
-- selfheal_api_admin, who sees all. selfheal_viewer sees the infrastructure's, whatever it sets: who writes their own SQL can
-- set anything.
-- The owner is not bound (no FORCE): nobody logs in as it, and a bound one could neither be backed up by pg_dump nor
-- refresh what the materialized view counts.

ALTER TABLE healing_actions ENABLE ROW LEVEL SECURITY;
CREATE POLICY dispatcher ON healing_actions TO healing_user USING (true) WITH CHECK (true);
CREATE POLICY admin ON healing_actions FOR SELECT TO selfheal_api_admin USING (true);
-- The same question as below in words whose answer the planner does not take for almost always no: else it reads and sorts
-- the whole table for one page of it.
CREATE POLICY tenant ON healing_actions FOR SELECT TO selfheal_api
    USING (CASE WHEN (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')) IS NULL THEN tenant_id IS NULL
                ELSE tenant_id = (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')::uuid) END);
CREATE POLICY infrastructure ON healing_actions FOR SELECT TO selfheal_viewer USING (tenant_id IS NULL);
-- A person's word about a breaker is a transition of it; attempts are the dispatcher's alone.
CREATE POLICY override ON healing_actions FOR INSERT TO selfheal_api_admin WITH CHECK (action_type = 'BREAKER_TRANSITION');
CREATE POLICY override_of_tenant ON healing_actions FOR INSERT TO selfheal_api
    WITH CHECK (action_type = 'BREAKER_TRANSITION' AND tenant_id IS NOT DISTINCT FROM
                (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')::uuid));

ALTER TABLE system_errors ENABLE ROW LEVEL SECURITY;
CREATE POLICY dispatcher ON system_errors TO healing_user USING (true) WITH CHECK (true);
CREATE POLICY admin ON system_errors FOR SELECT TO selfheal_api_admin USING (true);
CREATE POLICY tenant ON system_errors FOR SELECT TO selfheal_api
    USING (CASE WHEN (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')) IS NULL THEN tenant_id IS NULL
                ELSE tenant_id = (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')::uuid) END);
CREATE POLICY infrastructure ON system_errors FOR SELECT TO selfheal_viewer USING (tenant_id IS NULL);

ALTER TABLE devops_alert_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY dispatcher ON devops_alert_history TO healing_user USING (true) WITH CHECK (true);
CREATE POLICY admin ON devops_alert_history FOR SELECT TO selfheal_api_admin USING (true);
CREATE POLICY tenant ON devops_alert_history FOR SELECT TO selfheal_api
    USING (CASE WHEN (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')) IS NULL THEN tenant_id IS NULL
                ELSE tenant_id = (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')::uuid) END);
CREATE POLICY infrastructure ON devops_alert_history FOR SELECT TO selfheal_viewer USING (tenant_id IS NULL);

-- What was done is seen as the rows above, and written down at the door that the role stands behind. Only the web server's
-- role answers questions, so that the command line does that as this role too.
ALTER TABLE person_deeds ENABLE ROW LEVEL SECURITY;
CREATE POLICY dispatcher_reads ON person_deeds FOR SELECT TO healing_user USING (true);
CREATE POLICY dispatcher_writes ON person_deeds FOR INSERT TO healing_user WITH CHECK (door IN ('cli', 'prefect'));
CREATE POLICY admin_reads ON person_deeds FOR SELECT TO selfheal_api_admin USING (true);
CREATE POLICY admin_writes ON person_deeds FOR INSERT TO selfheal_api_admin
    WITH CHECK (door IN ('api', 'dashboard') OR door = 'cli' AND deed IN ('APPROVE', 'DENY', 'BREAK_GLASS'));
CREATE POLICY tenant_reads ON person_deeds FOR SELECT TO selfheal_api
    USING (CASE WHEN (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')) IS NULL THEN tenant_id IS NULL
                ELSE tenant_id = (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')::uuid) END);
CREATE POLICY tenant_writes ON person_deeds FOR INSERT TO selfheal_api
    WITH CHECK ((door IN ('api', 'dashboard') OR door = 'cli' AND deed IN ('APPROVE', 'DENY', 'BREAK_GLASS'))
                AND tenant_id IS NOT DISTINCT FROM
                (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')::uuid));

-- The estate's own: rows without a tenant, of which a tenant's token sees none. Asked once for each statement; written as
-- a subquery, for of a plain IS NULL the planner expects that it is almost never so, as above.
DO $do$
DECLARE
    estates text;
BEGIN
    FOREACH estates IN ARRAY ARRAY['healing_triggers', 'trigger_answers', 'health_history', 'health_rollup', 'watch_epoch', 'mechanism_runs',
                                   'pauses', 'raised_triggers', 'maintenance_windows', 'storms', 'alert_outbox', 'action_modes',
                                   'mode_changes', 'shadow_plans', 'approvals', 'workflow_recovery_history', 'workflow_state',
                                   'workflow_state_history', 'workflow_starts', 'workflow_comparisons', 'workflow_sightings',
                                   'workflow_disagreements', 'file_changes', 'deliverables', 'pruned_deliverables', 'workflow_health',
                                   'intake_alerts', 'mechanisms', 'predictions', 'breaches', 'forecast_state', 'forecast_ring',
                                   'alerts', 'alert_episodes', 'alert_messages', 'alert_deliveries', 'alert_silences',
                                   'log_positions', 'log_gaps', 'log_counts', 'log_told', 'log_triggers'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', estates);
        EXECUTE format('CREATE POLICY everything ON %I TO healing_user, selfheal_api_admin, selfheal_viewer'
                       ' USING (true) WITH CHECK (true)', estates);
        EXECUTE format('CREATE POLICY infrastructure ON %I TO selfheal_api'
                       ' USING ((SELECT NULLIF(current_setting(''app.current_tenant_id'', true), '''') IS NULL))', estates);
    END LOOP;
END
$do$;

-- What became of a change is said once.
CREATE POLICY settled_once ON file_changes AS RESTRICTIVE FOR UPDATE TO healing_user
    USING (state = 'INTENDED') WITH CHECK (state <> 'INTENDED');

-- Who answers changes what waits for an answer, and nothing of it but that.
CREATE POLICY answers ON approvals AS RESTRICTIVE FOR UPDATE TO selfheal_api, selfheal_api_admin
    USING (decision IS NULL) WITH CHECK (decision IS NOT NULL AND coalesce(closing, 'DENIED') = 'DENIED');

-- A fault is the estate's, and besides of the tenant whose attempt at it there is.
ALTER TABLE faults ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON faults TO healing_user, selfheal_api_admin, selfheal_viewer USING (true) WITH CHECK (true);
CREATE POLICY infrastructure ON faults FOR SELECT TO selfheal_api
    USING ((SELECT NULLIF(current_setting('app.current_tenant_id', true), '') IS NULL)
           OR EXISTS (SELECT FROM healing_actions a
                      WHERE a.fault_id = faults.id
                        AND a.tenant_id = (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)));
-- Small, and no admission without a tenant writes it. Without it the planner takes the question for so dear that it reads all
-- faults at once, for a page of attempts too, whoever asks.
CREATE INDEX healing_actions_of_tenants ON healing_actions (fault_id) WHERE tenant_id IS NOT NULL;

-- A breaker `agent:TENANT/NAME` is that tenant's, all others are the infrastructure's. What the web server adds to the log
-- of one is a person's decision, or what time alone does; never how a heal has ended.
ALTER TABLE circuit_breaker_state ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON circuit_breaker_state TO healing_user, selfheal_api_admin USING (true) WITH CHECK (true);
CREATE POLICY infrastructure ON circuit_breaker_state FOR SELECT TO selfheal_viewer USING (position('/' IN component) = 0);
CREATE POLICY tenant ON circuit_breaker_state TO selfheal_api
    USING (CASE WHEN (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')) IS NULL
                THEN position('/' IN component) = 0
                ELSE starts_with(component, 'agent:' || (SELECT current_setting('app.current_tenant_id', true)) || '/') END);
ALTER TABLE circuit_breaker_results ENABLE ROW LEVEL SECURITY;
CREATE POLICY dispatcher ON circuit_breaker_results TO healing_user USING (true) WITH CHECK (true);
CREATE POLICY admin ON circuit_breaker_results FOR SELECT TO selfheal_api_admin USING (true);
CREATE POLICY infrastructure ON circuit_breaker_results FOR SELECT TO selfheal_viewer USING (position('/' IN component) = 0);
CREATE POLICY tenant ON circuit_breaker_results FOR SELECT TO selfheal_api
    USING (CASE WHEN (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')) IS NULL
                THEN position('/' IN component) = 0
                ELSE starts_with(component, 'agent:' || (SELECT current_setting('app.current_tenant_id', true)) || '/') END);
CREATE POLICY override ON circuit_breaker_results FOR INSERT TO selfheal_api, selfheal_api_admin
    WITH CHECK (kind IN ('Force', 'Release', 'Reset', 'Look') AND event ->> 'kind' = kind AND success IS NULL
                AND permit IS NULL AND EXISTS (SELECT FROM circuit_breaker_state s
                    WHERE s.component = circuit_breaker_results.component));

-- The client's rates over the rows that one sees. healing_action_success_rates counts the rows of all tenants and is read by
-- the dispatcher and by admins only.
CREATE VIEW seen_success_rates WITH (security_invoker = true) AS
    SELECT a.action_type, count(*)::int AS total_attempts, count(*) FILTER (WHERE a.success)::int AS successful,
           count(*) FILTER (WHERE NOT a.success)::int AS failed,
           round(100.0 * count(*) FILTER (WHERE a.success) / count(*), 2) AS success_rate_pct,
           (avg(a.execution_time_ms) FILTER (WHERE a.success))::float8 AS avg_execution_time_ms,
           max(a.created_at) AS last_attempted, count(*) FILTER (WHERE a.status = 'ROLLED_BACK')::int AS rolled_back
    FROM healing_actions a WHERE a.completed_at IS NOT NULL AND a.action_type <> 'BREAKER_TRANSITION'
    GROUP BY a.action_type;
