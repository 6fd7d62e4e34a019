-- Before every round: empty tables with the same history in them, and statistics, so that all sides meet the same plans.
TRUNCATE trigger_answers, healing_triggers, healing_actions, approvals, raised_triggers, shadow_plans, faults, storms,
    alert_outbox;
DROP TRIGGER IF EXISTS bench_settled ON healing_actions;
DROP TRIGGER IF EXISTS bench_old ON faults;

INSERT INTO faults (target_key, component, trigger_type, detected_at, closed_at, resolution)
SELECT 'supervisor/old/' || n, 'old-' || n, 'SERVICE_DOWN', now() - interval '2 h', now() - interval '2 h', 'HEALED' FROM generate_series(1, 2000) n;

INSERT INTO healing_actions (trigger_type, action_type, action_name, target_component, target_key, status, success,
                             fault_id, trigger_id, created_at, completed_at, verification)
SELECT 'SERVICE_DOWN', 'RESTART_SERVICE', 'restart-service', f.component, f.target_key, 'SUCCESS', true,
       f.id, uuid_generate_v7(), now() - interval '2 h', now() - interval '2 h', 'HEALED'
FROM faults f;

INSERT INTO healing_triggers (decision, reason, trigger_type, component, target_key, action_type, source, priority,
                              attempt_id, fault_id)
SELECT 'ADMITTED', 'restart-service on ' || a.target_component, a.trigger_type, a.target_component, a.target_key,
       a.action_type, 'watcher', 'CRITICAL', a.id, a.fault_id
FROM healing_actions a;

INSERT INTO trigger_answers (trigger_id, decision_id)
SELECT a.trigger_id, t.id FROM healing_actions a JOIN healing_triggers t ON t.attempt_id = a.id;

-- The fault that the attempts without our logic belong to.
INSERT INTO faults (id, target_key, component, trigger_type)
VALUES ('00000000-0000-7000-8000-000000000001', 'supervisor/bench/bare', 'bare', 'SERVICE_DOWN');

-- The target that is being healed already, for the refusals.
SELECT admit_trigger(ROW(uuid_generate_v7(), uuid_generate_v7(), 'SERVICE_DOWN', 'taken', 'supervisor/bench/taken', ARRAY['restart-service'], ARRAY['RESTART_SERVICE'], 'watcher', 'CRITICAL', now(), now(), '{"health": "sick"}', true, NULL, NULL, 'process EXITED', '', 0, '{}', NULL, NULL, '{}', ARRAY['auto'], ARRAY[50], 215, 'watcher', '{}', NULL, NULL)::admission_request,
                     ROW('60 s', '10 min', '10 min', 3, 5, 3, 10, 30, 0.2, 10, 5, 10, '5 min', '10 min', '60 s', '10 min', '1 h', '1 h', '24 h', '24 h', '10 min', 1, 3, 12, 3)::admission_limits);

-- From here on each new attempt is settled, and each new fault seen, two hours ago: so the default limits are asked and
-- never met. All sides insert through the same trigger.
CREATE OR REPLACE FUNCTION bench_settled() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    NEW.status := 'SUCCESS';
    NEW.success := true;
    NEW.verification := 'HEALED';
    NEW.created_at := now() - interval '2 h';
    NEW.completed_at := now() - interval '2 h';
    RETURN NEW;
END
$fn$;
CREATE OR REPLACE FUNCTION bench_old() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    NEW.detected_at := now() - interval '2 h';
    RETURN NEW;
END
$fn$;
CREATE TRIGGER bench_settled BEFORE INSERT ON healing_actions FOR EACH ROW EXECUTE FUNCTION bench_settled();
CREATE TRIGGER bench_old BEFORE INSERT ON faults FOR EACH ROW EXECUTE FUNCTION bench_old();
