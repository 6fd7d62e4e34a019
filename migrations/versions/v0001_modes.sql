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

-- What a plan for a prediction was worth: nobody acted, so that the breach came, or it did not.
CREATE FUNCTION foretold_verdict(p_prediction uuid) RETURNS text LANGUAGE sql STABLE AS $fn$
    SELECT coalesce((SELECT CASE WHEN p.outcome IN ('HIT', 'EARLY') THEN 'NEEDED' WHEN p.outcome IS NOT NULL THEN 'UNNEEDED' END
                     FROM predictions p WHERE p.id = p_prediction), 'OPEN')
$fn$;

-- How a plan is judged: what recovered by itself in the time that the heal would have taken did not need it.
CREATE VIEW shadow_results WITH (security_invoker = true) AS
    SELECT p.id, p.action, p.component, p.planned_at, p.plan,
           f.prediction_id IS NOT NULL AS preemptive,
           CASE WHEN f.prediction_id IS NOT NULL THEN foretold_verdict(f.prediction_id)
                WHEN f.resolution = 'RECOVERED' AND f.closed_at <= p.planned_at + p.within THEN 'UNNEEDED'
                WHEN f.closed_at IS NULL AND now() < p.planned_at + p.within THEN 'OPEN'
                ELSE 'NEEDED' END AS verdict
    FROM shadow_plans p JOIN faults f ON f.id = p.fault_id;

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
