-- What a DBA runs once, as a superuser, where Selfheal is not to have a role that may create roles and databases:
--
--   psql -v ON_ERROR_STOP=1 -v migrator_password=... -v healer_password=... -v api_password=... -v prefect_password=... \
--        -f examples/postgres.sql
--
-- (a password on the command line is seen in the process list for a moment: `\set` them in a file of your own instead).
-- Then, in selfheal.toml or as SELFHEAL_POSTGRES__MIGRATOR_PASSWORD and so on:
--
--   [postgres]
--   url = "postgresql://db.example:5432/selfheal"
--   migrator_password = "..."
--   healer_password = "..."
--   api_password = "..."
--   prefect_password = "..."          # only for an embedded Prefect server

CREATE ROLE selfheal_owner NOLOGIN;                                -- owns every object; nobody logs in as it
CREATE ROLE selfheal_migrator LOGIN PASSWORD :'migrator_password'; -- brings the schema up to date at a start
CREATE ROLE healing_user LOGIN PASSWORD :'healer_password';        -- everything else: no DELETE, no DDL
CREATE ROLE selfheal_api LOGIN NOINHERIT PASSWORD :'api_password'; -- the web server: what persons see, and decide
CREATE ROLE selfheal_api_admin NOLOGIN;                            -- what it becomes for an admin: rows of all tenants
CREATE ROLE selfheal_viewer NOLOGIN;                               -- reads; CREATE ROLE grafana LOGIN ... IN ROLE selfheal_viewer
GRANT selfheal_owner TO selfheal_migrator;
GRANT selfheal_api_admin TO selfheal_api;

CREATE DATABASE selfheal OWNER selfheal_owner;
REVOKE ALL ON DATABASE selfheal FROM PUBLIC;
GRANT CONNECT ON DATABASE selfheal TO selfheal_migrator, healing_user, selfheal_api, selfheal_viewer;
ALTER ROLE selfheal_migrator IN DATABASE selfheal SET role = selfheal_owner;
ALTER ROLE healing_user SET statement_timeout = '30s';
ALTER ROLE healing_user SET lock_timeout = '5s';
ALTER ROLE healing_user SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE selfheal_api SET statement_timeout = '30s';
ALTER ROLE selfheal_api SET lock_timeout = '5s';
ALTER ROLE selfheal_api SET idle_in_transaction_session_timeout = '60s';

-- Only where Selfheal's Prefect server is the embedded one; leave it out with prefect.url.
CREATE ROLE selfheal_prefect LOGIN PASSWORD :'prefect_password';
CREATE DATABASE selfheal_prefect OWNER selfheal_prefect;
REVOKE ALL ON DATABASE selfheal_prefect FROM PUBLIC;
