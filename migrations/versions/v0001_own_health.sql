-- Our own mechanisms: which are to run, and how often. What really ran stands in mechanism_runs.

CREATE TABLE mechanisms (
    name VARCHAR(50) PRIMARY KEY,
    every INTERVAL CHECK (every > interval '0'),    -- NULL: no schedule begins it (any more)
    since TIMESTAMPTZ NOT NULL DEFAULT now()        -- from when on there is somebody to run it: before that nothing was missed
);

