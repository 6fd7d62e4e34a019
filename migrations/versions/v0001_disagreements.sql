-- What the comparison of the workflows' stores has seen last, where they disagree, and the list that people read.

CREATE TABLE workflow_comparisons (                 -- the last one of each mechanism that compares
    mechanism VARCHAR(50) PRIMARY KEY,
    compared_at TIMESTAMPTZ NOT NULL,
    file_sha256 VARCHAR(64),                        -- of the request file; NULL: it could not be read
    requests INT NOT NULL,                          -- that the file or the state knows
    untold INT NOT NULL,                            -- of them, those of which nobody could tell what was delivered
    why VARCHAR(500) NOT NULL DEFAULT '',           -- the first reason for that
    orphans BIGINT,                                 -- deliverables without a request when they were counted last
    orphans_at TIMESTAMPTZ,
    moved INT NOT NULL DEFAULT 0,
    held VARCHAR(500) NOT NULL DEFAULT '',          -- why moves were not carried out
    CHECK ((orphans IS NULL) = (orphans_at IS NULL))
);

CREATE TABLE workflow_sightings (                   -- each request as the file and JetStream had it when they were compared last
    req_number VARCHAR(100) PRIMARY KEY,
    title VARCHAR(300) NOT NULL DEFAULT '',
    status VARCHAR(100),                            -- as the file has it; NULL: it has no entry
    priority VARCHAR(100) NOT NULL DEFAULT '',
    owner VARCHAR(100) NOT NULL DEFAULT '',
    line INT,
    stages JSONB,                                   -- [{stage, presence, why, result, status, summary, published_at}]; NULL: not asked
    changed_at TIMESTAMPTZ NOT NULL DEFAULT now()   -- when the file said something else last
);

CREATE TABLE workflow_disagreements (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    req_number VARCHAR(100) NOT NULL,               -- '': of the whole file
    kind VARCHAR(30) NOT NULL,                      -- its rule: see policy/disagreement_rules.py
    run VARCHAR(200) NOT NULL DEFAULT '',           -- what Prefect says
    file VARCHAR(500) NOT NULL DEFAULT '',          -- what the request file says
    state VARCHAR(500) NOT NULL DEFAULT '',         -- what workflow_state says
    evidence VARCHAR(500) NOT NULL DEFAULT '',      -- what JetStream says
    person BOOLEAN NOT NULL,                        -- only a person settles it
    note VARCHAR(500) NOT NULL DEFAULT '',          -- why its mechanism has not settled it yet
    first_seen TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_seen TIMESTAMPTZ NOT NULL DEFAULT now(),
    settled_at TIMESTAMPTZ                          -- a later comparison did not find it any more
);
CREATE UNIQUE INDEX workflow_disagreements_one_open ON workflow_disagreements (req_number, kind, run) WHERE settled_at IS NULL;
CREATE INDEX workflow_disagreements_of ON workflow_disagreements (req_number, first_seen DESC);

-- What people see of every workflow: the last sighting beside the state.
CREATE VIEW seen_workflows WITH (security_invoker = true) AS
    SELECT md5(coalesce(s.req_number, w.req_number))::uuid AS id, coalesce(s.req_number, w.req_number) AS req_number,
           coalesce(nullif(s.title, ''), w.title, '') AS title, s.status AS file_status,
           coalesce(nullif(s.priority, ''), w.priority, '') AS priority, coalesce(s.owner, '') AS owner, s.line, s.stages,
           w.status, w.current_stage, w.assigned_to, w.started_at, w.completed_at, w.updated_at, w.held_why,
           greatest(s.changed_at, w.updated_at) AS changed_at, coalesce(d.open, 0) AS disagreements
    FROM workflow_sightings s FULL JOIN workflow_state w ON w.req_number = s.req_number
    LEFT JOIN (SELECT req_number, count(*)::int AS open FROM workflow_disagreements WHERE settled_at IS NULL
               GROUP BY req_number) d ON d.req_number = coalesce(s.req_number, w.req_number)
    WHERE s.status IS NOT NULL OR w.req_number IS NOT NULL;

-- What is settled, and what neither the file nor the state knows any more, is kept so long and no longer.
CREATE FUNCTION forget_disagreements(p_older interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
    WITH gone AS (
        DELETE FROM public.workflow_disagreements d WHERE d.settled_at < now() - greatest(p_older, interval '1 day') RETURNING 1
    ), unseen AS (
        DELETE FROM public.workflow_sightings s
        WHERE s.status IS NULL AND s.changed_at < now() - greatest(p_older, interval '1 day')
          AND NOT EXISTS (SELECT FROM public.workflow_state w WHERE w.req_number = s.req_number)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM unseen)
$fn$;
REVOKE ALL ON FUNCTION forget_disagreements(interval) FROM PUBLIC;
