-- What was foretold, and what became of it.

CREATE TABLE predictions (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    rule VARCHAR(50) NOT NULL,                      -- type of the trigger that it raises
    component VARCHAR(100) NOT NULL,
    metric VARCHAR(50) NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    threshold DOUBLE PRECISION NOT NULL,
    raised_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    breach_at TIMESTAMPTZ,                          -- NULL: its rule foretells no time
    low_at TIMESTAMPTZ,
    high_at TIMESTAMPTZ,
    why VARCHAR(500) NOT NULL,
    ended_at TIMESTAMPTZ,                           -- the alarm was taken back, or healed
    breached_at TIMESTAMPTZ,
    outcome VARCHAR(20) CHECK (outcome IN ('HIT', 'EARLY', 'MISS', 'PREVENTED')),
    settled_at TIMESTAMPTZ,
    CHECK ((outcome IS NULL) = (settled_at IS NULL))
);
CREATE UNIQUE INDEX predictions_one ON predictions (component, metric, rule) WHERE ended_at IS NULL;
CREATE INDEX predictions_recent ON predictions (raised_at DESC);
CREATE INDEX predictions_unsettled ON predictions (component) WHERE outcome IS NULL;

-- Whether it still speaks for a pre-emptive heal.
CREATE FUNCTION prediction_stands(p_id uuid) RETURNS boolean LANGUAGE sql STABLE AS $fn$
    SELECT EXISTS (SELECT FROM predictions p WHERE p.id = p_id AND p.ended_at IS NULL AND p.outcome IS NULL)
$fn$;
