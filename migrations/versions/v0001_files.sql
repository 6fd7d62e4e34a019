-- What we wrote into files of the estate: announced before, settled after. The client of the request file reads a row without
-- an end as left behind by a dead process, and finds out what became of it.
CREATE TABLE file_changes (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    path TEXT NOT NULL,
    kind VARCHAR(10) NOT NULL CHECK (kind IN ('STATUS', 'RESTORE', 'ACCEPT')),
    req_number VARCHAR(100) NOT NULL DEFAULT '',    -- empty: of no one entry
    line INTEGER,
    before VARCHAR(500) NOT NULL DEFAULT '',
    after VARCHAR(500) NOT NULL DEFAULT '',
    sha256_before VARCHAR(64) NOT NULL DEFAULT '',  -- empty: there was no file
    sha256_after VARCHAR(64) NOT NULL DEFAULT '',
    size_before BIGINT NOT NULL DEFAULT 0,
    size_after BIGINT NOT NULL DEFAULT 0,
    backup TEXT NOT NULL DEFAULT '',                -- where the file of before lies, as long as it is kept
    who VARCHAR(100) NOT NULL,
    why VARCHAR(500) NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    state VARCHAR(10) NOT NULL DEFAULT 'INTENDED' CHECK (state IN ('INTENDED', 'DONE', 'NOT_DONE', 'UNKNOWN')),
    note VARCHAR(500) NOT NULL DEFAULT '',
    settled_at TIMESTAMPTZ,
    CHECK ((state = 'INTENDED') = (settled_at IS NULL))
);
CREATE INDEX file_changes_unsettled ON file_changes (path, at) WHERE state = 'INTENDED';
CREATE INDEX file_changes_newest ON file_changes (at DESC, id DESC);
CREATE INDEX file_changes_of_request ON file_changes (req_number, at DESC) WHERE kind = 'STATUS' AND state = 'DONE';
