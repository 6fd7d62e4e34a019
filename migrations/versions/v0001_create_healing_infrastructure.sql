-- The tables that a heal needs. Run by the migrator, owned by selfheal_owner (NOLOGIN).
-- healing_user gets INSERT, SELECT and column-level UPDATE: no DELETE, no DDL.
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
    trigger_type VARCHAR(50) NOT NULL,
    detected_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    verified_at TIMESTAMPTZ,                        -- proved healthy; MTTR = verified_at - detected_at
    closed_at TIMESTAMPTZ,
    resolution VARCHAR(20) CHECK (resolution IN ('HEALED', 'RECOVERED')),   -- by an attempt, or by itself
    ladder_step INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    needs_person TEXT,                              -- why a person must look; NULL: nobody must
    CHECK ((closed_at IS NULL) = (resolution IS NULL))
);
CREATE UNIQUE INDEX faults_one_open ON faults (target_key) WHERE closed_at IS NULL;
CREATE INDEX faults_detected ON faults (detected_at DESC);

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
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    completed_at TIMESTAMPTZ,
    -- ours
    target_key VARCHAR(200) NOT NULL,
    fault_id UUID NOT NULL REFERENCES faults (id),
    trigger_id UUID NOT NULL UNIQUE,
    action_name VARCHAR(50) NOT NULL,
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
    CHECK ((status IN ('PENDING', 'RUNNING')) = (completed_at IS NULL)),
    CHECK ((status IN ('PENDING', 'RUNNING')) = (success IS NULL)),
    CHECK (status <> 'SUCCESS' OR verification IS NOT DISTINCT FROM 'HEALED')     -- a NULL would pass an equality
);
CREATE INDEX healing_actions_status ON healing_actions (status);
CREATE INDEX healing_actions_created ON healing_actions (created_at DESC);
CREATE INDEX healing_actions_type ON healing_actions (action_type);
CREATE INDEX healing_actions_recent ON healing_actions (target_key, action_type, completed_at DESC);
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
    last_at TIMESTAMPTZ NOT NULL DEFAULT now()
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

CREATE TABLE health_history (
    id UUID NOT NULL DEFAULT uuid_generate_v7(),
    component VARCHAR(50) NOT NULL,
    status VARCHAR(20) NOT NULL CHECK (status IN ('OPERATIONAL', 'DEGRADED', 'DOWN', 'UNKNOWN')),
    response_time INT,                              -- ms
    error TEXT,
    metadata JSONB NOT NULL DEFAULT '{}',
    checked_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    metric VARCHAR(50),
    value DOUBLE PRECISION,
    PRIMARY KEY (id, checked_at)
) PARTITION BY RANGE (checked_at);
CREATE INDEX health_history_component ON health_history (component, checked_at DESC);

CREATE TABLE watch_epoch (                          -- the run of each watcher that watches now
    mechanism VARCHAR(50) PRIMARY KEY,
    run_id UUID NOT NULL,
    holder JSONB NOT NULL,
    began_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    beat_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE mechanism_runs (                       -- which process runs, or ran, each of our flow runs
    run_id UUID PRIMARY KEY,
    mechanism VARCHAR(50) NOT NULL,
    holder JSONB NOT NULL,
    began_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    ended_at TIMESTAMPTZ
);
CREATE INDEX mechanism_runs_recent ON mechanism_runs (mechanism, began_at DESC);

CREATE TABLE pauses (                               -- the kill switch: while one is in force no heal is admitted
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    paused_by VARCHAR(100) NOT NULL,
    why VARCHAR(500) NOT NULL,
    since TIMESTAMPTZ NOT NULL DEFAULT now(),
    until TIMESTAMPTZ,                              -- NULL: until a person resumes
    ended_at TIMESTAMPTZ,                           -- resumed, or replaced by the next one
    ended_by VARCHAR(100),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX pauses_one_open ON pauses ((ended_at IS NULL)) WHERE ended_at IS NULL;

-- A day's partition, made when the first row of that day is written. DDL is the owner's: hence SECURITY DEFINER.
CREATE FUNCTION ensure_health_partition(p_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $fn$
DECLARE
    partition text := 'health_history_' || to_char(p_day, 'YYYYMMDD');
BEGIN
    IF p_day IS NULL OR abs(p_day - current_date) > 400 THEN
        RAISE EXCEPTION 'a health partition for % is out of range', p_day USING ERRCODE = '22008';
    END IF;
    IF to_regclass('public.' || partition) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('selfheal.health_partition'));
    IF to_regclass('public.' || partition) IS NULL THEN
        EXECUTE format('CREATE TABLE public.%I PARTITION OF public.health_history FOR VALUES FROM (%L) TO (%L)',
                       partition, p_day::timestamp AT TIME ZONE 'UTC', (p_day + 1)::timestamp AT TIME ZONE 'UTC');
        EXECUTE format('GRANT SELECT, INSERT ON public.%I TO healing_user', partition);
    END IF;
END
$fn$;
REVOKE ALL ON FUNCTION ensure_health_partition(date) FROM PUBLIC;

-- What stands in the way of a heal right now; no row: nothing. Read by peek (without a lock) and by admission.
-- Cool-down: begins after a failed attempt, or after a second heal within p_flap of the first, and doubles with each
-- of them within 24 h. An attempt whose healer died, or that never acted, says nothing about the action: not counted.
CREATE FUNCTION standing_refusal(p_target text, p_action text, p_cooldown interval, p_flap interval)
RETURNS TABLE (decision text, reason text, attempt_id uuid, retry_at timestamptz)
LANGUAGE plpgsql STABLE AS $fn$
BEGIN
    RETURN QUERY
        SELECT 'PAUSED', 'paused by ' || p.paused_by || ' since ' || to_char(p.since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
                   || coalesce(' until ' || to_char(p.until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), '') || ' UTC: ' || p.why,
               NULL::uuid, NULL::timestamptz        -- no time to come back at: a person may resume at any moment
        FROM pauses p WHERE p.ended_at IS NULL AND (p.until IS NULL OR p.until > now());
    IF FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT 'ALREADY_HEALING', 'attempt ' || a.id || ' (' || a.action_name || ') is under way on this target', a.id,
               a.lease_until
        FROM healing_actions a
        WHERE a.target_key = p_target AND a.status IN ('PENDING', 'RUNNING');
    IF FOUND OR NOT EXISTS (SELECT FROM healing_actions a WHERE a.target_key = p_target AND a.action_type = p_action
                            AND a.completed_at > now() - interval '24 hours') THEN
        RETURN;                                     -- most often: what follows costs five times as much
    END IF;
    RETURN QUERY
        WITH recent AS (
            SELECT a.id, a.status, a.completed_at,
                   (f.needs_person IS NOT NULL AND f.closed_at IS NULL) OR (NOT a.interrupted AND a.act_started_at IS NOT NULL AND (
                       a.status <> 'SUCCESS'
                       OR a.completed_at - lag(a.completed_at) OVER (ORDER BY a.completed_at) < p_flap)) AS counts
            FROM healing_actions a JOIN faults f ON f.id = a.fault_id
            WHERE a.target_key = p_target AND a.action_type = p_action AND a.completed_at > now() - interval '24 hours'
        ), cooling AS (
            SELECT (array_agg(r.id ORDER BY r.completed_at DESC))[1] AS id,
                   (array_agg(r.status ORDER BY r.completed_at DESC))[1] AS status,
                   max(r.completed_at) + p_cooldown * least(power(2, count(*) - 1), 144) AS until
            FROM recent r WHERE r.counts
        )
        SELECT 'COOLDOWN',
               CASE c.status WHEN 'SUCCESS' THEN 'it was healed twice in a short time' ELSE 'its last attempt failed' END
                   || '; cooling down until ' || to_char(c.until AT TIME ZONE 'UTC', 'HH24:MI:SS') || ' UTC',
               c.id, c.until
        FROM cooling c WHERE c.until > now();
END
$fn$;

-- Admission: one round trip, one transaction. Refusals are decided without a lock; only an admission takes the one
-- lock and looks again. The answer to a trigger id is given once and repeated for ever.
CREATE FUNCTION admit_trigger(
    p_trigger uuid, p_attempt uuid, p_type text, p_component text, p_target text, p_action_type text, p_action text,
    p_source text, p_priority text, p_detected timestamptz, p_observation jsonb, p_is_fault boolean,
    p_refusal text, p_refusal_reason text, p_why text, p_lease interval, p_cooldown interval, p_flap interval
) RETURNS TABLE (decision text, reason text, attempt_id uuid, fault_id uuid, repeated boolean, retry_at timestamptz)
LANGUAGE plpgsql AS $fn$
#variable_conflict use_column
DECLARE
    v_decision text := p_refusal;
    v_reason text := p_refusal_reason;
    v_attempt uuid;
    v_fault uuid;
    v_retry timestamptz;
    v_record uuid := uuid_generate_v7();
    v_counted uuid;
BEGIN
    INSERT INTO trigger_answers (trigger_id, decision_id) VALUES (p_trigger, v_record) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN QUERY
            SELECT t.decision::text, t.reason, t.attempt_id, t.fault_id, true, t.retry_at
            FROM trigger_answers a JOIN healing_triggers t ON t.id = a.decision_id WHERE a.trigger_id = p_trigger;
        RETURN;
    END IF;

    IF v_decision IS NULL THEN
        SELECT s.decision, s.reason, s.attempt_id, s.retry_at INTO v_decision, v_reason, v_attempt, v_retry
        FROM standing_refusal(p_target, p_action_type, p_cooldown, p_flap) s;
    END IF;
    IF v_decision IS NULL THEN
        IF p_is_fault THEN                          -- counted before the lock, which is held until the commit is durable
            INSERT INTO faults AS f (target_key, component, trigger_type, detected_at, attempts)
            VALUES (p_target, p_component, p_type, least(p_detected, now()), 1)
            ON CONFLICT (target_key) WHERE closed_at IS NULL DO UPDATE SET attempts = f.attempts + 1
            RETURNING f.id INTO v_fault;
        END IF;
        PERFORM pg_advisory_xact_lock(hashtext('selfheal.admission'));
        -- Only what has happened since the look above can stand in the way now; that is cheaper to ask.
        IF EXISTS (SELECT FROM healing_actions a WHERE a.target_key = p_target AND a.status IN ('PENDING', 'RUNNING'))
           OR EXISTS (SELECT FROM healing_actions a WHERE a.target_key = p_target AND a.action_type = p_action_type
                      AND a.completed_at > now() - interval '1 minute')
           OR EXISTS (SELECT FROM pauses p WHERE p.ended_at IS NULL AND (p.until IS NULL OR p.until > now())) THEN
            SELECT s.decision, s.reason, s.attempt_id, s.retry_at INTO v_decision, v_reason, v_attempt, v_retry
            FROM standing_refusal(p_target, p_action_type, p_cooldown, p_flap) s;
            IF v_decision IS NOT NULL THEN
                UPDATE faults SET attempts = attempts - 1 WHERE id = v_fault;
            END IF;
        END IF;
    END IF;

    WHILE p_is_fault AND v_fault IS NULL LOOP       -- again if the open fault was closed between the two statements
        INSERT INTO faults (target_key, component, trigger_type, detected_at)
        VALUES (p_target, p_component, p_type, least(p_detected, now()))
        ON CONFLICT (target_key) WHERE closed_at IS NULL DO NOTHING
        RETURNING id INTO v_fault;
        IF v_fault IS NULL THEN
            SELECT f.id INTO v_fault FROM faults f WHERE f.target_key = p_target AND f.closed_at IS NULL;
        END IF;
    END LOOP;

    IF v_decision IS NULL THEN
        v_decision := 'ADMITTED';
        v_reason := p_action || ' on ' || p_component;
        v_attempt := p_attempt;
        INSERT INTO healing_actions (id, trigger_type, action_type, action_name, target_component, target_key, status,
                                     fault_id, trigger_id, lease_until, pre_observation, metadata)
        VALUES (p_attempt, p_type, p_action_type, p_action, p_component, p_target, 'PENDING',
                v_fault, p_trigger, now() + p_lease, p_observation,
                jsonb_build_object('why', p_why, 'source', p_source));
    END IF;

    INSERT INTO healing_triggers AS t (id, decision, reason, trigger_type, component, target_key, action_type, source,
                                       priority, attempt_id, fault_id, retry_at)
    VALUES (v_record, v_decision, v_reason, p_type, p_component, p_target, p_action_type, p_source, p_priority, v_attempt,
            v_fault, v_retry)
    ON CONFLICT (component, target_key, trigger_type, action_type, source, decision, attempt_id, fault_id, md5(reason))
        WHERE decision <> 'ADMITTED'
        DO UPDATE SET occurrences = t.occurrences + 1, last_at = now(), retry_at = excluded.retry_at
    RETURNING t.id INTO v_counted;
    IF v_counted <> v_record THEN                   -- an equal refusal was counted
        UPDATE trigger_answers a SET decision_id = v_counted WHERE a.trigger_id = p_trigger;
    END IF;
    RETURN QUERY SELECT v_decision, v_reason, v_attempt, v_fault, false, v_retry;
END
$fn$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO healing_user;
GRANT SELECT ON alembic_version TO healing_user;
GRANT SELECT, INSERT ON faults, healing_actions, healing_triggers, trigger_answers, health_history, watch_epoch,
    mechanism_runs, pauses TO healing_user;
GRANT UPDATE (verified_at, closed_at, resolution, ladder_step, attempts, needs_person) ON faults TO healing_user;
GRANT UPDATE (status, success, execution_time_ms, error_message, metadata, completed_at, fence, runs, lease_until,
              holder, phase, act_started_at, act_ended_at, act_deadline, plan, verification, rollback_outcome, interrupted)
    ON healing_actions TO healing_user;
GRANT UPDATE (occurrences, last_at, retry_at) ON healing_triggers TO healing_user;
GRANT UPDATE (decision_id) ON trigger_answers TO healing_user;
GRANT UPDATE (run_id, holder, began_at, beat_at) ON watch_epoch TO healing_user;
GRANT UPDATE (mechanism, holder, began_at, ended_at) ON mechanism_runs TO healing_user;
GRANT UPDATE (ended_at, ended_by) ON pauses TO healing_user;
GRANT EXECUTE ON FUNCTION ensure_health_partition(date) TO healing_user;
RESET ROLE;
