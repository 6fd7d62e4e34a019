-- What agents have delivered, for people: what is decided about a workflow is decided by asking the broker itself.
CREATE TABLE deliverables (
    stream VARCHAR(100) NOT NULL,
    stream_created TIMESTAMPTZ NOT NULL,            -- which life of the stream: made anew, it counts from 1 again
    sequence BIGINT NOT NULL,
    req_number VARCHAR(100) NOT NULL,               -- by its subject
    stage INTEGER NOT NULL,                         -- the same
    subject VARCHAR(300) NOT NULL,
    published_at TIMESTAMPTZ NOT NULL,              -- by the broker's clock
    result VARCHAR(20) NOT NULL CHECK (result IN ('DONE', 'BLOCKED', 'FAILED', 'REJECTED', 'UNCLEAR')),
    status VARCHAR(60) NOT NULL,                    -- its own word; empty: none
    summary VARCHAR(500) NOT NULL,                  -- without secrets
    oddities TEXT[] NOT NULL DEFAULT '{}',
    size INTEGER NOT NULL CHECK (size >= 0),        -- of its payload, in bytes
    projected_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, stream_created, sequence)
);
CREATE INDEX deliverables_req ON deliverables (req_number, published_at DESC);
CREATE INDEX deliverables_published ON deliverables (published_at DESC);

CREATE TABLE pruned_deliverables (                  -- what we were to delete from a stream, as it was: the way back
    stream VARCHAR(100) NOT NULL,
    stream_created TIMESTAMPTZ NOT NULL,
    sequence BIGINT NOT NULL,
    subject VARCHAR(300) NOT NULL,
    published_at TIMESTAMPTZ NOT NULL,
    data BYTEA NOT NULL,                            -- may hold secrets: only the dispatcher reads it
    kept_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    gone_at TIMESTAMPTZ,                            -- seen to be gone from its stream
    restored_at TIMESTAMPTZ,                        -- published again
    PRIMARY KEY (stream, stream_created, sequence)
);
CREATE INDEX pruned_deliverables_open ON pruned_deliverables (kept_at) WHERE gone_at IS NULL;

-- Copies are kept for p_older, at least a week. Their rows stay without the payload for as long as the stream may have the
-- gap that they explain: a year.
CREATE FUNCTION forget_pruned(p_older interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
    DELETE FROM public.pruned_deliverables WHERE kept_at < now() - interval '1 year';
    WITH emptied AS (
        UPDATE public.pruned_deliverables SET data = ''
        WHERE data <> '' AND kept_at < now() - greatest(p_older, interval '7 days')
        RETURNING 1
    )
    SELECT count(*) FROM emptied
$fn$;
REVOKE ALL ON FUNCTION forget_pruned(interval) FROM PUBLIC;

-- The history of deliverables is kept for p_older, at least 30 days; at most 5,000 rows are dropped.
CREATE FUNCTION forget_deliverables(p_older interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
    WITH gone AS (
        DELETE FROM public.deliverables d WHERE (d.stream, d.stream_created, d.sequence) IN (
            SELECT o.stream, o.stream_created, o.sequence FROM public.deliverables o
            WHERE o.published_at < now() - greatest(p_older, interval '30 days') ORDER BY o.published_at LIMIT 5000)
        RETURNING 1
    )
    SELECT count(*) FROM gone
$fn$;
REVOKE ALL ON FUNCTION forget_deliverables(interval) FROM PUBLIC;
