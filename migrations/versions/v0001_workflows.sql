-- The estate's workflows: the client's tables with our columns, the history that nobody may alter, and the starts.

CREATE TABLE workflow_recovery_history (            -- one row per recovery of a workflow
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    req_number VARCHAR(100) NOT NULL,
    recovery_type VARCHAR(50) NOT NULL,             -- AUTO_RESUME, MARK_PENDING, MARK_COMPLETE, MARK_BLOCKED
    stuck_duration_minutes INTEGER,
    last_completed_stage INTEGER,                   -- a stage index; NULL: none
    recovery_action VARCHAR(100) NOT NULL,
    success BOOLEAN NOT NULL,
    error_message TEXT,
    recovered_at TIMESTAMPTZ DEFAULT now() CHECK (recovered_at IS NOT NULL)     -- as GraphQL promises
);
CREATE INDEX workflow_recovery_history_req ON workflow_recovery_history (req_number);
CREATE INDEX workflow_recovery_history_recovered ON workflow_recovery_history (recovered_at DESC);

CREATE TABLE workflow_state (
    req_number VARCHAR(100) PRIMARY KEY,
    title TEXT,
    assigned_to VARCHAR(50),
    current_stage INT DEFAULT 0,
    status VARCHAR(20) CHECK (status IN ('pending', 'running', 'blocked', 'complete', 'failed')),
    started_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,
    stage_deliverables JSONB,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ,
    -- ours
    priority VARCHAR(2) NOT NULL DEFAULT '' CHECK (priority IN ('', 'P0', 'P1', 'P2', 'P3')),
    file_status VARCHAR(20) NOT NULL DEFAULT '',    -- the request file's word when this was written last
    under_way_since TIMESTAMPTZ,                    -- nothing was delivered before; NULL: nobody knows
    last_stage INT,                                 -- of the pipeline by which it was completed
    version INT NOT NULL DEFAULT 1,                 -- rises with each change, whoever makes it
    held_why VARCHAR(500),                          -- why it was not started when its turn had come; no change of its state
    held_until TIMESTAMPTZ,                         -- it is not tried before
    CONSTRAINT workflow_state_complete_by_evidence CHECK (status <> 'complete' OR coalesce(
        last_stage >= 0 AND stage_deliverables -> last_stage::text ->> 'result' = 'DONE', false))
);
CREATE INDEX workflow_state_status ON workflow_state (status);
CREATE INDEX workflow_state_started ON workflow_state (started_at);

CREATE TABLE workflow_state_history (               -- one row per change, written by a trigger: see below
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    req_number VARCHAR(100) NOT NULL REFERENCES workflow_state (req_number) ON DELETE CASCADE,
    version INT NOT NULL,                           -- that the change made
    from_status VARCHAR(20),                        -- NULL: it was created
    to_status VARCHAR(20),
    from_stage INT,
    to_stage INT,
    from_file_status VARCHAR(20),
    file_status VARCHAR(20) NOT NULL,
    who VARCHAR(100) NOT NULL,                      -- the mechanism or person
    by_person BOOLEAN NOT NULL,
    why VARCHAR(500) NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (req_number, version)
);
CREATE INDEX workflow_state_history_at ON workflow_state_history (at DESC);

-- A change of a workflow: its version rises, and if it moves, it has a time, whoever makes it: nothing was heard of a
-- workflow that only got another title. What notes why it waits is no change.
CREATE FUNCTION workflow_changes() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.version := 1;
        NEW.created_at := coalesce(NEW.created_at, now());
        NEW.updated_at := coalesce(NEW.updated_at, now());
        RETURN NEW;
    END IF;
    NEW.version := OLD.version + 1;
    IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at
       AND (OLD.current_stage, OLD.status, OLD.started_at, OLD.stage_deliverables, OLD.file_status) IS DISTINCT FROM
           (NEW.current_stage, NEW.status, NEW.started_at, NEW.stage_deliverables, NEW.file_status) THEN
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$fn$;
CREATE TRIGGER workflow_state_created BEFORE INSERT ON workflow_state FOR EACH ROW EXECUTE FUNCTION workflow_changes();
CREATE TRIGGER workflow_state_changes BEFORE UPDATE ON workflow_state FOR EACH ROW
    WHEN ((OLD.title, OLD.assigned_to, OLD.current_stage, OLD.status, OLD.started_at, OLD.completed_at, OLD.stage_deliverables,
           OLD.priority, OLD.file_status, OLD.under_way_since, OLD.last_stage, OLD.updated_at) IS DISTINCT FROM
          (NEW.title, NEW.assigned_to, NEW.current_stage, NEW.status, NEW.started_at, NEW.completed_at, NEW.stage_deliverables,
           NEW.priority, NEW.file_status, NEW.under_way_since, NEW.last_stage, NEW.updated_at))
    EXECUTE FUNCTION workflow_changes();

-- Each change has its row of the history, in its transaction: also one that somebody makes by hand. Who and why are set for
-- the transaction by whoever changes; else it is the role that is logged in. As the owner: nobody else may write there.
CREATE FUNCTION workflow_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
DECLARE
    v_who text := nullif(current_setting('app.workflow_who', true), '');
BEGIN
    INSERT INTO public.workflow_state_history (req_number, version, from_status, to_status, from_stage, to_stage,
                                               from_file_status, file_status, who, by_person, why)
    VALUES (NEW.req_number, NEW.version, CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status,
            CASE WHEN TG_OP = 'UPDATE' THEN OLD.current_stage END, NEW.current_stage,
            CASE WHEN TG_OP = 'UPDATE' THEN OLD.file_status END, NEW.file_status,
            left(coalesce(v_who, session_user), 100),
            v_who IS NULL OR coalesce(current_setting('app.workflow_person', true), '') = 'yes',
            left(CASE WHEN v_who IS NULL THEN 'changed by hand' ELSE coalesce(current_setting('app.workflow_why', true), '') END, 500));
    RETURN NULL;
END
$fn$;
REVOKE ALL ON FUNCTION workflow_changed() FROM PUBLIC;
CREATE TRIGGER workflow_state_recorded_new AFTER INSERT ON workflow_state FOR EACH ROW EXECUTE FUNCTION workflow_changed();
CREATE TRIGGER workflow_state_recorded AFTER UPDATE ON workflow_state FOR EACH ROW
    WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION workflow_changed();

CREATE FUNCTION history_stays() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    RAISE EXCEPTION 'the history of workflows is not altered' USING ERRCODE = 'insufficient_privilege';
END
$fn$;
CREATE TRIGGER workflow_state_history_stays BEFORE UPDATE ON workflow_state_history
    FOR EACH ROW EXECUTE FUNCTION history_stays();

-- One start of one stage: the intent, written in the transaction that makes the workflow running. Its id is the message's
-- and the permit's, so that a start is one message and one result, whoever finishes it.
CREATE TABLE workflow_starts (
    id UUID PRIMARY KEY,
    req_number VARCHAR(100) NOT NULL REFERENCES workflow_state (req_number) ON DELETE CASCADE,
    stage INT NOT NULL,
    agent VARCHAR(50) NOT NULL,
    breaker VARCHAR(100) NOT NULL,
    generation INT NOT NULL,                        -- of the breaker when it gave its permit
    file_before VARCHAR(20) NOT NULL,               -- the request file's word when it was claimed
    state VARCHAR(10) NOT NULL DEFAULT 'CLAIMED' CHECK (state IN ('CLAIMED', 'PUBLISHED', 'RECORDED')),
    claimed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    published_at TIMESTAMPTZ,
    recorded_at TIMESTAMPTZ,
    tries INT NOT NULL DEFAULT 0,                   -- so often it could not be published or recorded
    error VARCHAR(500),                             -- why, the last time
    ended_at TIMESTAMPTZ,
    ending VARCHAR(20),                             -- how: see model/ending.py
    reason VARCHAR(500),
    told_at TIMESTAMPTZ,                            -- its breaker knows the ending
    CHECK (num_nulls(ended_at, ending, reason) IN (0, 3)),
    CHECK (told_at IS NULL OR ended_at IS NOT NULL),
    CHECK ((published_at IS NOT NULL) = (state <> 'CLAIMED') AND (recorded_at IS NOT NULL) = (state = 'RECORDED'))
);
CREATE UNIQUE INDEX workflow_starts_one_open ON workflow_starts (req_number) WHERE ended_at IS NULL;
CREATE INDEX workflow_starts_untold ON workflow_starts (claimed_at) WHERE told_at IS NULL;
CREATE INDEX workflow_starts_of ON workflow_starts (req_number, claimed_at DESC);

-- Complete workflows, with their history and their starts, are kept so long and no longer; their recoveries stay. At most 500
-- are dropped.
CREATE FUNCTION forget_workflows(p_older interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
    WITH gone AS (
        DELETE FROM public.workflow_state g WHERE g.req_number IN (
            SELECT w.req_number FROM public.workflow_state w
            WHERE w.status = 'complete' AND w.completed_at < now() - greatest(p_older, interval '1 day') LIMIT 500)
        RETURNING 1
    )
    SELECT count(*) FROM gone
$fn$;
REVOKE ALL ON FUNCTION forget_workflows(interval) FROM PUBLIC;
