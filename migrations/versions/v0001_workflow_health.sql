-- How the estate's workflows are as a whole: of each kind of check the newest, in place of the one before.

CREATE TABLE workflow_health (
    kind VARCHAR(10) PRIMARY KEY CHECK (kind IN ('scan', 'full')),
    level VARCHAR(10) NOT NULL CHECK (level IN ('healthy', 'degraded', 'critical')),
    found_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    details JSONB NOT NULL                          -- what was counted, found and done
);
