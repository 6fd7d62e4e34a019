-- A past for the web server to show: 50,000 faults of 100 days with two attempts each, a million looks of a week, breakers.
-- :attempts and :looks say how many. The newest are of now.
SELECT ensure_health_partition(current_date - n) FROM generate_series(0, 7) n;
INSERT INTO faults (target_key, component, trigger_type, detected_at, verified_at, closed_at, resolution, attempts)
SELECT 'supervisor/bench/c' || n % 40 || '-' || n, 'c' || n % 40, 'SERVICE_DOWN', at, at + interval '20 s', at + interval '25 s',
       'HEALED', 2
FROM generate_series(1, :attempts / 2) n, LATERAL (SELECT now() - n * interval '100 days' / (:attempts / 2) AS at) t;
INSERT INTO healing_actions (trigger_type, action_type, action_name, target_component, target_key, status, success,
                             execution_time_ms, verification, fault_id, trigger_id, created_at, completed_at, metadata, mode)
SELECT 'SERVICE_DOWN', kind, lower(replace(kind, '_', '-')), f.component, f.target_key,
       CASE WHEN part = 2 THEN 'SUCCESS' ELSE 'FAILED' END, part = 2, 500 + part, CASE WHEN part = 2 THEN 'HEALED' ELSE 'NOT_HEALED' END,
       f.id, gen_random_uuid(), f.detected_at + part * interval '8 s', f.detected_at + part * interval '10 s',
       jsonb_build_object('why', 'process EXITED', 'message', 'RUNNING and it answers again, seen twice'), 'auto'
FROM faults f, generate_series(1, 2) part,
     LATERAL (SELECT (ARRAY['RESTART_SERVICE', 'RESTART_CONTAINER', 'CLEAR_CACHES'])[1 + hashtext(f.target_key) % 3 + 2
                     * (hashtext(f.target_key) % 3 < 0)::int] AS kind) k
WHERE f.target_key LIKE 'supervisor/bench/%';
INSERT INTO health_history (component, status, response_time, metadata, checked_at, metric, value)
SELECT 'c' || n % 40, CASE WHEN n % 50 = 0 THEN 'DEGRADED' ELSE 'OPERATIONAL' END, n % 90, '{}',
       now() - n * interval '7 days' / :looks, 'response_time_ms', n % 90
FROM generate_series(0, :looks - 1) n;
INSERT INTO circuit_breaker_state (component, results)
SELECT 'heal:' || name, ARRAY[true, true, false, true, true, true, true, true, true, true]
FROM unnest(ARRAY['restart-service', 'restart-container', 'clear-caches']) name;
INSERT INTO watch_epoch (mechanism, run_id, holder) VALUES ('application-health', gen_random_uuid(), '{}');
