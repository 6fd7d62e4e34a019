-- How far an action may go by itself: observe, shadow (plans), approve (asks a person), auto. The settings say it for each
-- action; what is written here, by a person or by a demotion, can only be stricter.
-- The types of admission's request stand in v0001_admission.sql, which uses these.

CREATE TABLE action_modes (                         -- the stricter of this and the settings is in force
    action VARCHAR(50) PRIMARY KEY,
    mode VARCHAR(10) NOT NULL CHECK (mode IN ('observe', 'shadow', 'approve', 'auto')),
    since TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    who VARCHAR(100) NOT NULL,                      -- a person, or selfheal
    why VARCHAR(500) NOT NULL
);

CREATE TABLE mode_changes (                         -- what became of action_modes, and what was proposed
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    action VARCHAR(50) NOT NULL,
    kind VARCHAR(10) NOT NULL CHECK (kind IN ('SET', 'DEMOTED', 'PROPOSED')),
    from_mode VARCHAR(10) NOT NULL,
    to_mode VARCHAR(10) NOT NULL,
    who VARCHAR(100) NOT NULL,
    why VARCHAR(500) NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX mode_changes_action ON mode_changes (action, at DESC);

CREATE TABLE shadow_plans (                         -- what an action in mode shadow would have done: one for each fault
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    fault_id UUID NOT NULL REFERENCES faults (id),
    action VARCHAR(50) NOT NULL,
    action_type VARCHAR(50) NOT NULL,
    component VARCHAR(100) NOT NULL,
    target_key VARCHAR(200) NOT NULL,
    trigger_id UUID NOT NULL,
    plan JSONB NOT NULL,                            -- {steps, parameters, blast_radius, ...}
    within INTERVAL NOT NULL,                       -- its heal would have been verified by then
    planned_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (fault_id, action)
);
CREATE INDEX shadow_plans_action ON shadow_plans (action, planned_at DESC);

-- How a plan is judged: what recovered by itself in the time that the heal would have taken did not need it.
CREATE VIEW shadow_results WITH (security_invoker = true) AS
    SELECT p.id, p.action, p.component, p.planned_at, p.plan,
           CASE WHEN f.resolution = 'RECOVERED' AND f.closed_at <= p.planned_at + p.within THEN 'UNNEEDED'
                WHEN f.closed_at IS NULL AND now() < p.planned_at + p.within THEN 'OPEN'
                ELSE 'NEEDED' END AS verdict
    FROM shadow_plans p JOIN faults f ON f.id = p.fault_id;

CREATE TABLE approvals (                            -- an action that waits for a person's word
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    action VARCHAR(50) NOT NULL,
    action_type VARCHAR(50) NOT NULL,
    component VARCHAR(100) NOT NULL,
    target_key VARCHAR(200) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,                  -- SHA-256 of action, target and parameters: what is approved is this
    parameters JSONB NOT NULL,
    fault_id UUID NOT NULL REFERENCES faults (id),
    trigger_id UUID NOT NULL,
    trigger_type VARCHAR(50) NOT NULL,
    priority VARCHAR(10) NOT NULL,
    asked_by VARCHAR(100) NOT NULL,                 -- a person's name, or the trigger's source: never who approves
    why TEXT NOT NULL,
    preview JSONB NOT NULL,                         -- what it would do, step by step
    blast_radius VARCHAR(500) NOT NULL,             -- what else it touches, in words
    asked_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ NOT NULL,
    closed_at TIMESTAMPTZ,                          -- its one use is over
    closing VARCHAR(10) CHECK (closing IN ('EXPIRED', 'OVERTAKEN')),   -- OVERTAKEN: its fault was closed before
    CHECK ((closed_at IS NULL) = (closing IS NULL))
);
CREATE UNIQUE INDEX approvals_one_open ON approvals (target_key, action) WHERE closed_at IS NULL;
CREATE INDEX approvals_asked ON approvals (asked_at DESC);

-- As a person sees them: time and recoveries close one before anybody has written that down.
CREATE VIEW approval_states WITH (security_invoker = true) AS
    SELECT a.id, a.action, a.component, a.asked_by, a.why, a.preview, a.blast_radius, a.asked_at, a.expires_at,
           coalesce(a.closing, CASE WHEN f.closed_at <= a.expires_at THEN 'OVERTAKEN'
                                    WHEN a.expires_at <= now() THEN 'EXPIRED' ELSE 'OPEN' END) AS state
    FROM approvals a JOIN faults f ON f.id = a.fault_id;

CREATE FUNCTION mode_rank(p_mode text) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $fn$
    SELECT array_position(ARRAY['observe', 'shadow', 'approve', 'auto'], p_mode)
$fn$;

-- The mode in force: the stricter of the settings' and the written one.
CREATE FUNCTION effective_mode(p_action text, p_mode text) RETURNS text LANGUAGE sql STABLE AS $fn$
    SELECT coalesce((SELECT m.mode FROM action_modes m WHERE m.action = p_action AND mode_rank(m.mode) < mode_rank(p_mode)),
                    p_mode)
$fn$;

-- The mode in force and what lifts it, for whoever is refused.
CREATE FUNCTION mode_in_words(p_action text, p_mode text) RETURNS text LANGUAGE sql STABLE AS $fn$
    SELECT p_action || ' is in mode ' || e.mode || CASE e.mode
               WHEN 'observe' THEN ': faults are recorded, and nothing is done'
               WHEN 'shadow' THEN ': it only plans, and its plan is recorded'
               ELSE ': a person is asked first' END
           || coalesce((SELECT ' (set by ' || m.who || ': ' || m.why || '); `selfheal actions mode ' || p_action
                               || ' auto` lifts that' FROM action_modes m WHERE m.action = p_action AND m.mode <> p_mode
                                                                       AND m.mode = e.mode),
                       '; to let it act, set mode = "auto" in [actions.' || p_action || ']')
    FROM (SELECT effective_mode(p_action, p_mode) AS mode) e
$fn$;

CREATE FUNCTION approval_in_words(a approvals) RETURNS text LANGUAGE sql STABLE AS $fn$
    SELECT a.action || ' on ' || a.component || ' waits for a person''s word until '
           || to_char(a.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC: approval ' || a.id
$fn$;
