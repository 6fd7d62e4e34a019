-- Checks and makes what Selfheal needs in this database. All or nothing; running it again changes nothing.
DO $$
DECLARE
    owner CONSTANT text := 'selfheal_estate_owner';
    wanted CONSTANT text := current_setting('selfheal_estate.role');
    found record;
BEGIN
    IF current_database() <> current_setting('selfheal_estate.database') THEN
        RAISE EXCEPTION 'this is for the database %, not for %',
            current_setting('selfheal_estate.database'), current_database();
    END IF;
    FOR found IN SELECT * FROM pg_catalog.pg_roles WHERE rolname IN (owner, wanted)
    LOOP
        IF found.rolsuper OR found.rolcreatedb OR found.rolcreaterole OR found.rolreplication OR found.rolbypassrls
           OR found.rolcanlogin <> (found.rolname = wanted) THEN
            RAISE EXCEPTION 'the role % exists and is not what it should be', found.rolname
                USING HINT = 'set another username for this database in selfheal.toml, or take its rights away';
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = owner) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', owner);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
        EXECUTE format('CREATE ROLE %I LOGIN', wanted);
    END IF;
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT %I TO CURRENT_USER', owner);  -- only a superuser may act for a role without this
    END IF;
    IF current_setting('selfheal_estate.rights_of') <> '' THEN
        EXECUTE format('GRANT %I TO %I', current_setting('selfheal_estate.rights_of'), owner);
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), wanted);
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS selfheal_estate AUTHORIZATION %I', owner);
END
$$;

SET LOCAL ROLE selfheal_estate_owner;

-- What may be run, and nothing else. Only whoever runs this file writes here.
CREATE TABLE IF NOT EXISTS selfheal_estate.catalogue (
    name text PRIMARY KEY,
    creates text NOT NULL CHECK (creates ~ '^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$'),
    kinds text[] NOT NULL CHECK (kinds <@ ARRAY['sql', 'literal', 'identifier']),
    texts text[] NOT NULL CHECK (array_length(texts, 1) = array_length(kinds, 1))
);

-- The SQL with its parameters filled in, quoted by Postgres.
CREATE OR REPLACE FUNCTION selfheal_estate.filled(kinds text[], texts text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(
        CASE part.kind
            WHEN 'literal' THEN quote_literal(part.said)
            WHEN 'identifier' THEN quote_ident(part.said)
            ELSE part.said
        END, '' ORDER BY part.place)
    FROM unnest(kinds, texts) WITH ORDINALITY AS part (kind, said, place)
$$;

-- Of what is really in the catalogue: Selfheal compares it with its settings.
CREATE OR REPLACE FUNCTION selfheal_estate.fingerprint(creates text, kinds text[], texts text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(array_to_string(ARRAY[creates] || kinds || texts, chr(31)), 'UTF8')), 'hex')
$$;

CREATE OR REPLACE FUNCTION selfheal_estate.stands(object text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = split_part(object, '.', 1) AND c.relname = split_part(object, '.', 2)
          AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relispopulated)
$$;

CREATE OR REPLACE FUNCTION selfheal_estate.entries()
RETURNS TABLE (name text, creates text, sql text, sha256 text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.name, c.creates, selfheal_estate.filled(c.kinds, c.texts),
           selfheal_estate.fingerprint(c.creates, c.kinds, c.texts)
    FROM selfheal_estate.catalogue c ORDER BY c.name
$$;

-- Runs one entry unless its object stands already; says whether it ran. One statement, so one transaction.
CREATE OR REPLACE FUNCTION selfheal_estate.apply_migration(entry text, expected_sha256 text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    found selfheal_estate.catalogue;
BEGIN
    SELECT * INTO found FROM selfheal_estate.catalogue c WHERE c.name = entry;
    IF found.name IS NULL THEN
        RAISE EXCEPTION 'the catalogue has no entry %', quote_literal(entry) USING ERRCODE = 'SH001';
    END IF;
    IF selfheal_estate.fingerprint(found.creates, found.kinds, found.texts) IS DISTINCT FROM expected_sha256 THEN
        RAISE EXCEPTION 'the catalogue holds another SQL for %', quote_literal(entry) USING ERRCODE = 'SH002';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('selfheal_estate ' || found.creates, 0));
    IF selfheal_estate.stands(found.creates) THEN
        RETURN false;
    END IF;
    EXECUTE selfheal_estate.filled(found.kinds, found.texts);
    IF NOT selfheal_estate.stands(found.creates) THEN
        RAISE EXCEPTION 'it ran, and % does not stand, or is not populated', found.creates USING ERRCODE = 'SH003';
    END IF;
    RETURN true;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA selfheal_estate FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA selfheal_estate FROM PUBLIC;
REVOKE ALL ON SCHEMA selfheal_estate FROM PUBLIC;

DO $$
DECLARE
    wanted CONSTANT text := current_setting('selfheal_estate.role');
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA selfheal_estate TO %I', wanted);
    EXECUTE format('GRANT EXECUTE ON FUNCTION selfheal_estate.entries() TO %I', wanted);
    EXECUTE format('GRANT EXECUTE ON FUNCTION selfheal_estate.apply_migration(text, text) TO %I', wanted);
END
$$;
