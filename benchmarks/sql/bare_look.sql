-- Without our logic: only the question, nothing is written.
SELECT id FROM healing_actions WHERE target_key = 'supervisor/bench/taken' AND status IN ('PENDING', 'RUNNING');
