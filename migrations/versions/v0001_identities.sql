-- Persons: the tokens that they are known by, their logins, and what they did.
-- Of a secret only its SHA-256 is kept. No role that logs in reads one, and none but the migrator can make a token: the
-- web server hands a hash over and gets the person back, from functions of the owner.

CREATE TABLE person_tokens (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    name VARCHAR(100) NOT NULL,                     -- of the person; several living ones of a name are one person's
    role VARCHAR(10) NOT NULL CHECK (role IN ('viewer', 'operator', 'approver', 'admin')),
    tenant_id UUID,                                 -- whose rows they see; NULL: the infrastructure's, and of an admin all
    hash BYTEA NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    issued_by VARCHAR(100) NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ NOT NULL CHECK (expires_at > created_at),
    revoked_at TIMESTAMPTZ,
    revoked_by VARCHAR(100),
    revoked_why VARCHAR(500),
    last_used_at TIMESTAMPTZ,                       -- written at most once a minute
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL) AND (revoked_at IS NULL) = (revoked_why IS NULL))
);
CREATE INDEX person_tokens_name ON person_tokens (name);

CREATE TABLE person_sessions (                      -- logins in a browser; one lives no longer than its token
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    token_id UUID NOT NULL REFERENCES person_tokens (id),
    hash BYTEA NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    began_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ                            -- logged out
);
CREATE INDEX person_sessions_expiry ON person_sessions (expires_at);

CREATE TABLE person_deeds (                         -- every change that a person made, or was refused; nobody may update it
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    at TIMESTAMPTZ NOT NULL DEFAULT now(),
    name VARCHAR(100) NOT NULL,
    role VARCHAR(10) NOT NULL CHECK (role IN ('viewer', 'operator', 'approver', 'admin')),
    tenant_id UUID,
    token_id UUID,                                  -- NULL: the operating system's user
    door VARCHAR(10) NOT NULL CHECK (door IN ('cli', 'api', 'dashboard', 'prefect')),
    deed VARCHAR(30) NOT NULL,
    subject VARCHAR(300) NOT NULL DEFAULT '',       -- a component, a breaker, the id of an approval, ...
    details JSONB NOT NULL DEFAULT '{}',
    outcome VARCHAR(10) NOT NULL CHECK (outcome IN ('DONE', 'REFUSED', 'FAILED')),
    request_id VARCHAR(100) NOT NULL DEFAULT ''
);
CREATE INDEX person_deeds_at ON person_deeds (at DESC, id DESC);
CREATE INDEX person_deeds_name ON person_deeds (name, at DESC);

-- The person that a living token is, by its hash; notes that it was used.
CREATE FUNCTION find_token(p_hash bytea)
RETURNS TABLE (token_id uuid, name text, role text, tenant_id uuid, expires_at timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
    WITH used AS (
        UPDATE public.person_tokens t SET last_used_at = now()
        WHERE t.hash = p_hash AND t.revoked_at IS NULL AND t.expires_at > now()
          AND coalesce(t.last_used_at, '-infinity') < now() - interval '1 minute'
    )
    SELECT t.id, t.name::text, t.role::text, t.tenant_id, t.expires_at FROM public.person_tokens t
    WHERE t.hash = p_hash AND t.revoked_at IS NULL AND t.expires_at > now()
$fn$;

-- A login, as long as its token at most; NULL: that token does not live. By the token's hash and not by its id, which an
-- admin's list shows: who cannot show a secret begins no login. Logins that are long over are forgotten.
CREATE FUNCTION begin_session(p_token bytea, p_hash bytea, p_lasts interval) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
DECLARE
    v_until timestamptz;
BEGIN
    DELETE FROM public.person_sessions s WHERE s.expires_at < now() - interval '1 day';
    INSERT INTO public.person_sessions (token_id, hash, expires_at)
    SELECT t.id, p_hash, least(now() + p_lasts, t.expires_at) FROM public.person_tokens t
    WHERE t.hash = p_token AND t.revoked_at IS NULL AND t.expires_at > now()
    RETURNING expires_at INTO v_until;
    RETURN v_until;
END
$fn$;

-- The person behind a living login of a living token; until: the login's end.
CREATE FUNCTION find_session(p_hash bytea)
RETURNS TABLE (token_id uuid, name text, role text, tenant_id uuid, expires_at timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
    SELECT f.token_id, f.name, f.role, f.tenant_id, least(s.expires_at, f.expires_at)
    FROM public.person_sessions s JOIN public.person_tokens t ON t.id = s.token_id, public.find_token(t.hash) f
    WHERE s.hash = p_hash AND s.ended_at IS NULL AND s.expires_at > now()
$fn$;

CREATE FUNCTION end_session(p_hash bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
    UPDATE public.person_sessions s SET ended_at = now() WHERE s.hash = p_hash AND s.ended_at IS NULL
$fn$;

-- Takes a token back, with its logins; false: there is none that lives. Once taken back it stays so.
CREATE FUNCTION revoke_token(p_id uuid, p_by text, p_why text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
BEGIN
    UPDATE public.person_tokens t SET revoked_at = now(), revoked_by = p_by, revoked_why = p_why
    WHERE t.id = p_id AND t.revoked_at IS NULL AND t.expires_at > now();
    RETURN FOUND;
END
$fn$;

REVOKE ALL ON FUNCTION find_token(bytea), begin_session(bytea, bytea, interval), find_session(bytea), end_session(bytea),
    revoke_token(uuid, text, text) FROM PUBLIC;
