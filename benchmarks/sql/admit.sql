-- Ours: one admission of a target of its own.
\set n random(1, 9000000000000000000)
SELECT * FROM admit_trigger(uuid_generate_v7(), uuid_generate_v7(), 'SERVICE_DOWN', 'bench-' || :n::text, 'supervisor/bench/' || :n::text, 'RESTART_SERVICE', 'restart-service', 'watcher', 'CRITICAL', now(), '{"health": "sick", "detail": "process EXITED", "component": "bench"}', true, NULL, NULL, 'process EXITED', '60 s', '10 min', '10 min');
