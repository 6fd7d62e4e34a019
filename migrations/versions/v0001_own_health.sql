-- Our own mechanisms: which are to run, and how often. What really ran stands in mechanism_runs.

CREATE TABLE mechanisms (
    name VARCHAR(50) PRIMARY KEY,
    every INTERVAL CHECK (every > interval '0'),    -- NULL: no schedule begins it (any more)
    since TIMESTAMPTZ NOT NULL DEFAULT now()        -- from when on there is somebody to run it: before that nothing was missed
);

-- Tells a person that a mechanism is late, once, and once that it runs again; false: that was told already.
CREATE FUNCTION tell_mechanism(p_name text, p_late boolean, p_message text, p_details jsonb) RETURNS boolean
LANGUAGE plpgsql AS $fn$
DECLARE
    v_told text;
BEGIN
    SELECT a.kind INTO v_told FROM alert_outbox a
    WHERE a.dedup_key = 'mechanism/' || p_name AND a.dedup_key LIKE 'mechanism/%' ORDER BY a.created_at DESC LIMIT 1;
    IF (coalesce(v_told, 'RESOLVED') = 'RAISED') = p_late OR NOT pg_try_advisory_xact_lock(hashtext('selfheal.mechanisms')) THEN
        RETURN false;                               -- in the last case another process is at it
    END IF;
    INSERT INTO alert_outbox (kind, severity, dedup_key, message, details)
    VALUES (CASE WHEN p_late THEN 'RAISED' ELSE 'RESOLVED' END, CASE WHEN p_late THEN 'WARNING' ELSE 'INFO' END,
            'mechanism/' || p_name, p_message, p_details);
    RETURN true;
END
$fn$;
