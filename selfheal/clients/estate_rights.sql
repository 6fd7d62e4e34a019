RESET ROLE;

-- The migrations run as selfheal_estate_owner: it may make objects where the catalogue does.
DO $$
DECLARE
    place text;
BEGIN
    FOR place IN SELECT DISTINCT split_part(creates, '.', 1) FROM selfheal_estate.catalogue
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = place) THEN
            RAISE EXCEPTION 'there is no schema % in this database, where the catalogue makes something', place;
        END IF;
        IF current_setting('selfheal_estate.rights_of') = '' THEN
            EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO selfheal_estate_owner', place);
        END IF;
    END LOOP;
END
$$;
