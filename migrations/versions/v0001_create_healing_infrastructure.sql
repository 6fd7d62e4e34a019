-- The tables that a heal needs. Run by the migrator, owned by selfheal_owner (NOLOGIN).
-- What the other roles may do stands in v0001_rights.sql, whose rows they see in v0001_tenants.sql.
SET LOCAL ROLE selfheal_owner;

-- Time-ordered keys: Postgres 18 makes them itself, older servers get the same layout (RFC 9562, version 7).
DO $do$
BEGIN
    IF to_regproc('pg_catalog.uuidv7') IS NOT NULL THEN
        CREATE FUNCTION uuid_generate_v7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
            AS 'SELECT pg_catalog.uuidv7()';
    ELSE
        CREATE FUNCTION uuid_generate_v7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $fn$
            SELECT encode(
                set_bit(set_bit(
                    overlay(uuid_send(gen_random_uuid())
                            PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                            FROM 1 FOR 6),
                    52, 1), 53, 1), 'hex')::uuid
        $fn$;
    END IF;
END
$do$;

CREATE TABLE faults (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    target_key VARCHAR(200) NOT NULL,               -- canonical physical target, whatever the tenant
    component VARCHAR(100) NOT NULL,
    estate_group VARCHAR(50) NOT NULL DEFAULT '',
    trigger_type VARCHAR(50) NOT NULL,
    detected_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    verified_at TIMESTAMPTZ,                        -- proved healthy; MTTR = verified_at - detected_at
    closed_at TIMESTAMPTZ,
    resolution VARCHAR(20) CHECK (resolution IN ('HEALED', 'RECOVERED')),   -- by an attempt, or by itself
    ladder_step INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    priority VARCHAR(10) NOT NULL DEFAULT 'MEDIUM',
    start_from TIMESTAMPTZ NOT NULL DEFAULT now(),  -- its deadline counts from here: detected, or no longer held back
    start_missed_at TIMESTAMPTZ,                    -- noted that no heal began in time
    needs_person TEXT,                              -- why a person must look; NULL: nobody must
    prediction_id UUID,                             -- nothing is sick, and this was foretold; NULL: it is. No reference:
                                                    -- a prediction may be forgotten before what was done for it
    rests_until TIMESTAMPTZ,                        -- cooling down: no heal begins by itself before; NULL: it never was
    CHECK ((closed_at IS NULL) = (resolution IS NULL))
);
CREATE UNIQUE INDEX faults_one_open ON faults (target_key) WHERE closed_at IS NULL AND prediction_id IS NULL;
CREATE UNIQUE INDEX faults_one_foretold ON faults (prediction_id) WHERE closed_at IS NULL AND prediction_id IS NOT NULL;
CREATE INDEX faults_detected ON faults (detected_at DESC);
CREATE INDEX faults_missed ON faults (start_missed_at) WHERE start_missed_at IS NOT NULL;

CREATE TABLE healing_actions (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    tenant_id UUID,
    trigger_type VARCHAR(50) NOT NULL,
    action_type VARCHAR(50) NOT NULL,
    target_component VARCHAR(100) NOT NULL,
    status VARCHAR(20) NOT NULL CHECK (status IN ('PENDING', 'RUNNING', 'SUCCESS', 'FAILED', 'ROLLED_BACK')),
    success BOOLEAN,
    execution_time_ms INTEGER,
    error_message TEXT,
    metadata JSONB DEFAULT '{}',
    created_at TIMESTAMPTZ DEFAULT now() CHECK (created_at IS NOT NULL),     -- as GraphQL promises
    completed_at TIMESTAMPTZ,
    -- ours
    target_key VARCHAR(200) NOT NULL,
    estate_group VARCHAR(50) NOT NULL DEFAULT '',
    fault_id UUID REFERENCES faults (id),           -- NULL as the trigger's: a breaker's transition
    trigger_id UUID UNIQUE,
    action_name VARCHAR(50) NOT NULL,
    priority VARCHAR(10) NOT NULL DEFAULT 'MEDIUM',
    breaker_generation INTEGER,                     -- of `heal:ACTION` when this was admitted: its result names it
    fence INTEGER NOT NULL DEFAULT 0,
    runs INTEGER NOT NULL DEFAULT 0,                -- how often it was claimed
    lease_until TIMESTAMPTZ,
    holder JSONB,                                   -- {host, pid, started}
    phase VARCHAR(20) CHECK (phase IN ('prepared', 'acting', 'verifying', 'rolling_back')),
    act_started_at TIMESTAMPTZ,
    act_ended_at TIMESTAMPTZ,
    act_deadline TIMESTAMPTZ,
    pre_observation JSONB,
    plan JSONB,                                     -- what prepare learned: before, rollback, evidence, steps
    verification VARCHAR(20) CHECK (verification IN ('HEALED', 'NOT_HEALED', 'UNKNOWN')),
    rollback_outcome VARCHAR(20) CHECK (rollback_outcome IN ('DONE', 'FAILED', 'NOT_PLANNED', 'NOT_NEEDED')),
    interrupted BOOLEAN NOT NULL DEFAULT false,     -- settled by another process than the one that began it
    mode VARCHAR(10) CHECK (mode IN ('approve', 'auto')),   -- of the action when this was admitted; NULL: no attempt
    manual_cost NUMERIC(10, 2) NOT NULL DEFAULT 0,  -- dollars that a person's hand at it would cost, as set at the time
    failure_cost NUMERIC(10, 2) NOT NULL DEFAULT 0, -- dollars that a failure costs
    prediction_id UUID,                             -- for which it was done; NULL: for what was sick, or behind it
    CHECK ((status IN ('PENDING', 'RUNNING')) = (completed_at IS NULL)),
    CHECK ((status IN ('PENDING', 'RUNNING')) = (success IS NULL)),
    CHECK (status <> 'SUCCESS' OR verification IS NOT DISTINCT FROM 'HEALED' OR action_type = 'BREAKER_TRANSITION'),
    CHECK ((fault_id IS NULL) = (action_type = 'BREAKER_TRANSITION')),
    CHECK ((fault_id IS NULL) = (trigger_id IS NULL))
);
CREATE INDEX healing_actions_status ON healing_actions (status);
CREATE INDEX healing_actions_created ON healing_actions (created_at DESC);
CREATE INDEX healing_actions_type ON healing_actions (action_type);
CREATE INDEX healing_actions_recent ON healing_actions (target_key, action_type, completed_at DESC);
CREATE INDEX healing_actions_foretold ON healing_actions (created_at DESC) WHERE prediction_id IS NOT NULL;
-- The true dedup: one active heal per physical target.
CREATE UNIQUE INDEX healing_actions_one_active ON healing_actions (target_key) WHERE status IN ('PENDING', 'RUNNING');

CREATE TABLE healing_triggers (                     -- admission's decisions; equal refusals are counted in one row
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    decision VARCHAR(30) NOT NULL,
    reason TEXT NOT NULL,
    trigger_type VARCHAR(50) NOT NULL,
    component VARCHAR(100) NOT NULL,
    target_key VARCHAR(200) NOT NULL,
    action_type VARCHAR(50) NOT NULL,
    source VARCHAR(30) NOT NULL,
    priority VARCHAR(10) NOT NULL,
    attempt_id UUID,                                -- admitted, or standing in the way
    fault_id UUID REFERENCES faults (id),
    retry_at TIMESTAMPTZ,
    occurrences INTEGER NOT NULL DEFAULT 1,
    first_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    failure_cost NUMERIC(10, 2) NOT NULL DEFAULT 0  -- dollars saved, where a breaker refused: it prevented a failure
);
CREATE UNIQUE INDEX healing_triggers_equal_refusals ON healing_triggers
    (component, target_key, trigger_type, action_type, source, decision, attempt_id, fault_id, md5(reason)) NULLS NOT DISTINCT
    WHERE decision <> 'ADMITTED';
CREATE INDEX healing_triggers_last ON healing_triggers (last_at DESC);

CREATE TABLE trigger_answers (                      -- which decision a trigger id got first: idempotency
    trigger_id UUID PRIMARY KEY,
    decision_id UUID REFERENCES healing_triggers (id) DEFERRABLE INITIALLY DEFERRED,  -- written before its decision
    answered_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX trigger_answers_decision ON trigger_answers (decision_id);     -- else each refusal forgotten reads the table

CREATE TABLE watch_epoch (                          -- the run of each watcher that watches now
    mechanism VARCHAR(50) PRIMARY KEY,
    run_id UUID NOT NULL,
    holder JSONB NOT NULL,
    began_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    beat_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    retired_at TIMESTAMPTZ                          -- since then it has nothing to watch
);

CREATE TABLE mechanism_runs (                       -- which process runs, or ran, each of our flow runs
    run_id UUID PRIMARY KEY,
    mechanism VARCHAR(50) NOT NULL,
    holder JSONB NOT NULL,
    began_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    ended_at TIMESTAMPTZ,
    error TEXT                                      -- why it failed; NULL: it did not, or has not ended
);
CREATE INDEX mechanism_runs_recent ON mechanism_runs (mechanism, began_at DESC);

CREATE TABLE maintenance_windows (                  -- nothing in scope is healed meanwhile
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    scope VARCHAR(10) NOT NULL CHECK (scope IN ('estate', 'group', 'component')),
    name VARCHAR(50) NOT NULL DEFAULT '',
    begins_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    zone VARCHAR(50) NOT NULL,                      -- IANA, as the person gave the times
    who VARCHAR(100) NOT NULL,
    why VARCHAR(500) NOT NULL,
    ended_by VARCHAR(100),                          -- before its time; then ends_at is that moment
    ended_why VARCHAR(500),
    CHECK (begins_at <= ends_at),
    CHECK ((scope = 'estate') = (name = ''))
);
CREATE INDEX maintenance_windows_end ON maintenance_windows (ends_at DESC);

CREATE TABLE storms (                               -- too much sick at once: new heals wait for quiet, or for a person
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    estate_group VARCHAR(50) NOT NULL,              -- '': the whole estate
    began_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    quiet_at TIMESTAMPTZ NOT NULL,                  -- then it ends, unless there is a new fault before
    sick INTEGER NOT NULL,                          -- components, when it began
    go_at TIMESTAMPTZ,                              -- a person let heals begin again
    go_by VARCHAR(100),
    go_why VARCHAR(500),
    ended_at TIMESTAMPTZ,
    CHECK ((go_at IS NULL) = (go_by IS NULL) AND (go_at IS NULL) = (go_why IS NULL))
);
CREATE UNIQUE INDEX storms_one_open ON storms (estate_group) WHERE ended_at IS NULL;

CREATE TABLE alert_outbox (                         -- what a person must be told, written with what it tells of
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    kind VARCHAR(10) NOT NULL DEFAULT 'RAISED' CHECK (kind IN ('RAISED', 'RESOLVED')),     -- or: what this key told of is over
    severity VARCHAR(10) NOT NULL CHECK (severity IN ('INFO', 'WARNING', 'CRITICAL')),
    dedup_key VARCHAR(200) NOT NULL,
    message TEXT NOT NULL,
    details JSONB NOT NULL DEFAULT '{}',
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    routed_at TIMESTAMPTZ                           -- it was decided whom it is sent to; NULL: it waits for that
);
CREATE INDEX alert_outbox_waiting ON alert_outbox (created_at, id) WHERE routed_at IS NULL;
CREATE INDEX alert_outbox_routed ON alert_outbox (created_at, id) WHERE routed_at IS NOT NULL;
CREATE INDEX alert_outbox_key ON alert_outbox (dedup_key, created_at DESC);

-- Tells a person once of what lasts, once more if it is worse by now, and once that it is over; false: that was told
-- already, or there is nothing to end. By the clock of the moment in which its key is held: a transaction that began
-- before another one's may come after it.
CREATE FUNCTION tell(p_key text, p_on boolean, p_severity text, p_message text, p_details jsonb) RETURNS boolean
LANGUAGE plpgsql AS $fn$
DECLARE
    v_told record;
    v_mildest_first text[] := ARRAY['INFO', 'WARNING', 'CRITICAL'];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('selfheal.tell'), hashtext(p_key));
    SELECT o.kind = 'RAISED' AS is_on, o.severity INTO v_told
    FROM alert_outbox o WHERE o.dedup_key = p_key ORDER BY o.created_at DESC, o.id DESC LIMIT 1;
    IF coalesce(v_told.is_on, false) = p_on AND NOT (p_on AND array_position(v_mildest_first, p_severity)
                                                              > array_position(v_mildest_first, v_told.severity::text)) THEN
        RETURN false;
    END IF;
    INSERT INTO alert_outbox (kind, severity, dedup_key, message, details, created_at)
    VALUES (CASE WHEN p_on THEN 'RAISED' ELSE 'RESOLVED' END, p_severity, p_key, p_message, p_details, clock_timestamp());
    RETURN true;
END
$fn$;

CREATE TABLE pauses (                               -- the kill switch: while one is in force no heal is admitted
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    paused_by VARCHAR(100) NOT NULL,
    why VARCHAR(500) NOT NULL,
    since TIMESTAMPTZ NOT NULL DEFAULT now(),
    until TIMESTAMPTZ,                              -- NULL: until a person resumes
    ended_at TIMESTAMPTZ,                           -- resumed, or replaced by the next one
    ended_by VARCHAR(100),
    ended_why VARCHAR(500),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX pauses_one_open ON pauses ((ended_at IS NULL)) WHERE ended_at IS NULL;
