-- What log-monitor has read, and what it has counted: always committed together, so that no line counts twice and none is lost.

CREATE TABLE log_positions (
    source VARCHAR(50) PRIMARY KEY,                 -- as in the settings
    component VARCHAR(50) NOT NULL,
    place TEXT NOT NULL,                            -- the file, or the container, for a person
    version BIGINT NOT NULL DEFAULT 0,              -- counts the commits: who holds an older one was overtaken
    position JSONB,                                 -- the reader's own; NULL: it could not be read yet
    lines BIGINT NOT NULL DEFAULT 0,
    bytes BIGINT NOT NULL DEFAULT 0,
    cut BIGINT NOT NULL DEFAULT 0,                  -- lines longer than 8 KiB
    behind BIGINT NOT NULL DEFAULT 0,               -- bytes that were there and not yet read, at read_at
    trouble TEXT,                                   -- why it cannot be read now
    began_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    read_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE log_gaps (                             -- lines that nobody can count
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    source VARCHAR(50) NOT NULL,
    kind VARCHAR(20) NOT NULL CHECK (kind IN ('TRUNCATED', 'REPLACED', 'FORGOTTEN')),
    detail TEXT NOT NULL,
    found_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX log_gaps_source ON log_gaps (source, found_at DESC);

CREATE TABLE log_counts (                           -- hits of a pattern within ten seconds
    source VARCHAR(50) NOT NULL,
    pattern VARCHAR(50) NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    hits BIGINT NOT NULL CHECK (hits > 0),
    raised BIGINT NOT NULL DEFAULT 0,               -- so many of them were part of what was raised, and count for no other
    PRIMARY KEY (source, pattern, at)
);
CREATE INDEX log_counts_at ON log_counts (at);

CREATE TABLE log_told (                             -- signatures of which a person was told: once in a window
    source VARCHAR(50) NOT NULL,
    pattern VARCHAR(50) NOT NULL,
    signature VARCHAR(64) NOT NULL,
    told_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (source, pattern, signature)
);

CREATE TABLE log_triggers (                         -- raised with the counts that raised them; due until admission has answered
    id UUID PRIMARY KEY,
    source VARCHAR(50) NOT NULL,
    pattern VARCHAR(50) NOT NULL,
    component VARCHAR(50) NOT NULL,
    priority VARCHAR(10) NOT NULL CHECK (priority IN ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
    reason VARCHAR(500) NOT NULL,
    raised_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    next_try_at TIMESTAMPTZ NOT NULL                -- whoever raised it dispatches it at once; another one after that
);
CREATE INDEX log_triggers_recent ON log_triggers (raised_at DESC);

-- One row for each error of the infrastructure's, whoever counts it.
CREATE UNIQUE INDEX system_errors_one ON system_errors (component, signature) WHERE tenant_id IS NULL AND signature IS NOT NULL;

-- What no window needs any more, at most 5,000 rows of each table; gaps are kept a year at least.
CREATE FUNCTION forget_logs(p_older interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
    WITH counts AS (
        DELETE FROM public.log_counts c WHERE (c.source, c.pattern, c.at) IN (
            SELECT o.source, o.pattern, o.at FROM public.log_counts o
            WHERE o.at < now() - greatest(p_older, interval '1 day') ORDER BY o.at LIMIT 5000) RETURNING 1
    ), told AS (
        DELETE FROM public.log_told t WHERE (t.source, t.pattern, t.signature) IN (
            SELECT o.source, o.pattern, o.signature FROM public.log_told o
            WHERE o.told_at < now() - greatest(p_older, interval '1 day') LIMIT 5000) RETURNING 1
    ), triggers AS (
        DELETE FROM public.log_triggers t WHERE t.id IN (
            SELECT o.id FROM public.log_triggers o
            WHERE o.raised_at < now() - greatest(p_older, interval '1 day') ORDER BY o.raised_at LIMIT 5000) RETURNING 1
    ), gaps AS (
        DELETE FROM public.log_gaps g WHERE g.id IN (
            SELECT o.id FROM public.log_gaps o
            WHERE o.found_at < now() - greatest(p_older, interval '1 year') LIMIT 5000) RETURNING 1
    )
    SELECT (SELECT count(*) FROM counts) + (SELECT count(*) FROM told) + (SELECT count(*) FROM triggers)
           + (SELECT count(*) FROM gaps)
$fn$;
REVOKE ALL ON FUNCTION forget_logs(interval) FROM PUBLIC;
