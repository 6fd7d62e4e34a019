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
    USING (tenant_id IS NOT DISTINCT FROM (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')::uuid));
CREATE POLICY infrastructure ON system_errors FOR SELECT TO selfheal_viewer USING (tenant_id IS NULL);

ALTER TABLE devops_alert_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY dispatcher ON devops_alert_history TO healing_user USING (true) WITH CHECK (true);
CREATE POLICY admin ON devops_alert_history FOR SELECT TO selfheal_api_admin USING (true);
CREATE POLICY tenant ON devops_alert_history FOR SELECT TO selfheal_api
    USING (tenant_id IS NOT DISTINCT FROM (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')::uuid));
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
    USING (tenant_id IS NOT DISTINCT FROM (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')::uuid));
CREATE POLICY tenant_writes ON person_deeds FOR INSERT TO selfheal_api
    WITH CHECK ((door IN ('api', 'dashboard') OR door = 'cli' AND deed IN ('APPROVE', 'DENY', 'BREAK_GLASS'))
                AND tenant_id IS NOT DISTINCT FROM
                (SELECT NULLIF(current_setting('app.current_tenant_id', true), '')::uuid));

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
