-- Without our logic: the lock and the attempt's row in one transaction, as a client sends it.
\set n random(1, 9000000000000000000)
BEGIN;
SELECT pg_advisory_xact_lock(4711);
INSERT INTO healing_actions (id, trigger_type, action_type, action_name, target_component, target_key, status, fault_id, trigger_id, lease_until, pre_observation, metadata) VALUES (uuid_generate_v7(), 'SERVICE_DOWN', 'RESTART_SERVICE', 'restart-service', 'bench-' || :n::text, 'supervisor/bench/' || :n::text, 'PENDING', '00000000-0000-7000-8000-000000000001', uuid_generate_v7(), now() + interval '60 s', '{"health": "sick", "detail": "process EXITED", "component": "bench"}', '{"why": "process EXITED", "source": "watcher"}');
COMMIT;
