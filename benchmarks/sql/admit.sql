-- Ours: one admission of a target of its own, under the default limits, and what makes its answer durable.
\set n random(1, 9000000000000000000)
SELECT * FROM admit_trigger(ROW(uuid_generate_v7(), uuid_generate_v7(), 'SERVICE_DOWN', 'bench-' || :n::text, 'supervisor/bench/' || :n::text, ARRAY['restart-service'], ARRAY['RESTART_SERVICE'], 'watcher', 'CRITICAL', now(), now(), '{"health": "sick", "detail": "process EXITED", "component": "bench"}', true, NULL, NULL, 'process EXITED', '', 0, '{}', NULL, NULL, '{}', ARRAY['auto'], ARRAY[50], 215, 'watcher', '{}', NULL, NULL)::admission_request, ROW('60 s', '10 min', '10 min', 3, 5, 3, 10, 30, 0.2, 10, 5, 10, '5 min', '10 min', '60 s', '10 min', '1 h', '1 h', '24 h', '24 h', '10 min', 1, 3, 12, 3)::admission_limits);
SELECT make_durable();
