"""What no role of ours may do in Postgres: statement by statement, refused with its SQLSTATE."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from embedded_fixtures import Embedded
from sqlalchemy import Engine

from deployments.embedded import roles

FORBIDDEN = "42501"  # insufficient_privilege; a row that is not one's to write has it too
HEALER, API, ADMIN, VIEWER = "healer", "api", "admin", "viewer"
EVERYBODY = (HEALER, API, ADMIN, VIEWER)
PEOPLE = (API, ADMIN, VIEWER)
WEB = (API, ADMIN)

ATTEMPT = (
    "INSERT INTO healing_actions (trigger_type, action_type, action_name, target_component, target_key, status{more})"
    " VALUES ('MANUAL', 'RESTART_SERVICE', 'restart-service', 'web', 'k', 'PENDING'{values})"
)
DEED = (
    "INSERT INTO person_deeds (name, role, tenant_id, door, deed, outcome)"
    " VALUES ('eve', 'admin', {tenant}, '{door}', 'HEAL', 'DONE')"
)
RESULT = (
    "INSERT INTO circuit_breaker_results (component, at, kind, success, permit, event, limits, state, generation)"
    " VALUES ('heal:a', now(), '{kind}', {success}, {permit}, '{{\"kind\": \"{event}\"}}', '{{}}', 'CLOSED', 0)"
)
STATEMENTS: list[tuple[tuple[str, ...], str]] = [
    # what is recorded stays recorded
    (EVERYBODY, "DELETE FROM healing_actions"),
    (EVERYBODY, "DELETE FROM person_deeds"),
    (EVERYBODY, "DELETE FROM person_sessions"),
    (EVERYBODY, "TRUNCATE healing_actions CASCADE"),
    (EVERYBODY, "TRUNCATE person_deeds"),
    (EVERYBODY, "UPDATE person_deeds SET outcome = 'DONE'"),
    (EVERYBODY, "UPDATE person_tokens SET role = 'admin'"),
    (EVERYBODY, "UPDATE person_tokens SET revoked_at = NULL, revoked_by = NULL, revoked_why = NULL"),
    (EVERYBODY, "UPDATE person_sessions SET expires_at = 'infinity'"),
    (EVERYBODY, "UPDATE healing_actions SET tenant_id = NULL"),
    (EVERYBODY, "UPDATE healing_actions SET created_at = now()"),
    (EVERYBODY, "UPDATE pauses SET why = 'another'"),
    (EVERYBODY, "UPDATE approvals SET fingerprint = ''"),
    (EVERYBODY, "UPDATE approvals SET asked_by = 'somebody else'"),
    (EVERYBODY, "UPDATE approvals SET parameters = '{}'"),
    (EVERYBODY, "UPDATE circuit_breaker_results SET success = true"),
    (EVERYBODY, "UPDATE mode_changes SET who = 'somebody else'"),
    (EVERYBODY, "UPDATE workflow_recovery_history SET success = true"),
    (EVERYBODY, "UPDATE workflow_state_history SET who = 'somebody else'"),
    (EVERYBODY, "DELETE FROM workflow_state_history"),
    (EVERYBODY, "INSERT INTO workflow_state_history (req_number) VALUES ('REQ-1')"),
    (EVERYBODY, "DELETE FROM workflow_state"),
    (EVERYBODY, "UPDATE workflow_state SET version = 1"),
    (EVERYBODY, "UPDATE workflow_disagreements SET first_seen = now()"),
    (EVERYBODY, "DELETE FROM workflow_disagreements"),
    (PEOPLE, "UPDATE workflow_disagreements SET settled_at = now()"),
    (PEOPLE, "INSERT INTO workflow_sightings (req_number) VALUES ('REQ-1')"),
    (EVERYBODY, "UPDATE file_changes SET who = 'somebody else'"),
    (EVERYBODY, "UPDATE file_changes SET sha256_after = ''"),
    (EVERYBODY, "DELETE FROM file_changes"),
    (PEOPLE, "UPDATE file_changes SET state = 'DONE'"),
    (PEOPLE, "INSERT INTO file_changes (path, kind, who, why) VALUES ('/x', 'STATUS', 'a', 'b')"),
    (EVERYBODY, "INSERT INTO file_changes (path, kind, who, why, state) VALUES ('/x', 'STATUS', 'a', 'b', 'DONE')"),
    (EVERYBODY, "DELETE FROM intake_alerts"),
    (EVERYBODY, "DELETE FROM mechanisms"),
    (PEOPLE, "UPDATE mechanisms SET every = NULL"),
    (EVERYBODY, "UPDATE intake_alerts SET sent_by = 'somebody else'"),
    (PEOPLE, "SELECT forget_intake(interval '1 day')"),
    (EVERYBODY, "UPDATE devops_alert_history SET delivery_status = 'SENT'"),
    (EVERYBODY, "BEGIN; LOCK TABLE healing_actions IN ACCESS EXCLUSIVE MODE"),
    # nobody makes, changes or drops an object
    (EVERYBODY, "DROP TABLE healing_actions"),
    (EVERYBODY, "DROP FUNCTION find_token(bytea)"),
    (EVERYBODY, "DROP MATERIALIZED VIEW healing_action_success_rates"),
    (EVERYBODY, "DROP DATABASE selfheal"),
    (EVERYBODY, "ALTER TABLE healing_actions ADD COLUMN more int"),
    (EVERYBODY, "ALTER TABLE healing_actions DISABLE ROW LEVEL SECURITY"),
    (EVERYBODY, "ALTER TABLE person_deeds DISABLE TRIGGER ALL"),
    (EVERYBODY, "ALTER FUNCTION find_token(bytea) RESET search_path"),
    (EVERYBODY, "ALTER POLICY tenant ON healing_actions USING (true)"),
    (EVERYBODY, "CREATE POLICY mine ON healing_actions USING (true)"),
    (EVERYBODY, "DROP POLICY tenant ON healing_actions"),
    (EVERYBODY, "CREATE TABLE mine (id int)"),
    (EVERYBODY, "CREATE TEMP TABLE mine (id int)"),
    (EVERYBODY, "CREATE VIEW mine AS SELECT 1"),
    (EVERYBODY, "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    (EVERYBODY, "CREATE SCHEMA mine"),
    (EVERYBODY, "CREATE TYPE mine AS (id int)"),
    (EVERYBODY, "CREATE INDEX mine ON faults (component)"),
    (EVERYBODY, "CREATE TRIGGER mine BEFORE INSERT ON faults EXECUTE FUNCTION suppress_redundant_updates_trigger()"),
    (EVERYBODY, "CREATE RULE mine AS ON INSERT TO faults DO INSTEAD NOTHING"),
    (EVERYBODY, "CREATE DATABASE mine"),
    (EVERYBODY, "CREATE FOREIGN DATA WRAPPER mine"),
    (EVERYBODY, "CREATE PUBLICATION mine FOR ALL TABLES"),
    (PEOPLE, "REFRESH MATERIALIZED VIEW healing_action_success_rates"),
    (EVERYBODY, "COMMENT ON TABLE faults IS 'mine'"),
    # nobody becomes somebody else
    (EVERYBODY, "SET ROLE selfheal_owner"),
    (EVERYBODY, "SET ROLE selfheal_migrator"),
    (EVERYBODY, "SET ROLE postgres"),
    ((HEALER, VIEWER), "SET ROLE selfheal_api_admin"),
    (PEOPLE, "SET ROLE healing_user"),
    (EVERYBODY, "SET SESSION AUTHORIZATION postgres"),
    (EVERYBODY, "GRANT selfheal_owner TO selfheal_api"),
    (EVERYBODY, "CREATE ROLE mine"),
    (EVERYBODY, "ALTER ROLE selfheal_api SUPERUSER"),
    (EVERYBODY, "ALTER ROLE selfheal_viewer LOGIN"),
    (EVERYBODY, "DROP ROLE selfheal_viewer"),
    (EVERYBODY, "SET session_replication_role = replica"),
    # nobody leaves the database
    (EVERYBODY, "COPY faults TO PROGRAM 'cat'"),
    (EVERYBODY, "COPY faults TO '/tmp/faults'"),
    (EVERYBODY, "COPY faults FROM '/etc/passwd'"),
    (EVERYBODY, "SELECT pg_read_file('/etc/passwd')"),
    (EVERYBODY, "SELECT pg_ls_dir('/')"),
    (EVERYBODY, "SELECT lo_import('/etc/passwd')"),
    (EVERYBODY, "ALTER SYSTEM SET log_statement = 'all'"),
    (EVERYBODY, "SELECT pg_reload_conf()"),
    (EVERYBODY, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'"),
    (EVERYBODY, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'"),
    # secrets, and what is of all tenants
    (EVERYBODY, "SELECT * FROM pg_authid"),
    (EVERYBODY, "SELECT hash FROM person_tokens"),
    (EVERYBODY, "SELECT hash FROM person_sessions"),
    ((HEALER, API, VIEWER), "SELECT name FROM person_tokens"),
    ((VIEWER,), "SELECT * FROM person_deeds"),
    ((API, VIEWER), "SELECT * FROM healing_action_success_rates"),
    (PEOPLE, "SET row_security = off; SELECT * FROM healing_actions"),
    # functions of the owner are for whom they are meant
    ((HEALER, ADMIN, VIEWER), "SELECT * FROM find_token('x')"),
    ((HEALER, ADMIN, VIEWER), "SELECT * FROM find_session('x')"),
    ((HEALER, ADMIN, VIEWER), "SELECT begin_session('x', 'x', '1 h')"),
    ((HEALER, ADMIN, VIEWER), "SELECT end_session('x')"),
    ((HEALER, API, VIEWER), "SELECT revoke_token(gen_random_uuid(), 'eve', 'mine')"),
    (PEOPLE, "SELECT ensure_health_partition(current_date)"),
    (EVERYBODY, "SELECT add_partition('faults', 'mine', now(), now())"),
    (EVERYBODY, "INSERT INTO health_history (component, status) VALUES ('web', 'DOWN')"),
    (EVERYBODY, "UPDATE health_rollup SET n = 0"),
    (PEOPLE, "SELECT keep_health('{a}', '{DOWN}', '{1}', '{NULL}', ARRAY[now()], '{m}', '{1}', '{NULL}', false)"),
    (PEOPLE, "SELECT old_health_partitions('30 d', '400 d')"),
    (PEOPLE, "SELECT drop_health_partition('30 d', '400 d')"),
    (PEOPLE, "SELECT forget_runs('1 d')"),
    (PEOPLE, "SELECT forget_answers('1 h')"),
    (PEOPLE, "SELECT refresh_success_rates()"),
    # whoever serves people heals nothing, and writes nothing but what people decide
    (WEB, ATTEMPT.format(more="", values="")),
    (WEB, ATTEMPT.format(more=", mode", values=", 'auto'")),
    ((VIEWER,), ATTEMPT.format(more="", values="")),
    (PEOPLE, "INSERT INTO faults (target_key, component, trigger_type) VALUES ('k', 'web', 'MANUAL')"),
    (PEOPLE, "UPDATE faults SET needs_person = NULL"),
    (PEOPLE, "UPDATE healing_actions SET status = 'SUCCESS'"),
    (PEOPLE, "INSERT INTO trigger_answers (trigger_id) VALUES (gen_random_uuid())"),
    (EVERYBODY, "DELETE FROM alerts"),
    (EVERYBODY, "UPDATE alert_messages SET message = 'x'"),
    (PEOPLE, "INSERT INTO alert_messages (id, message) SELECT id, 'x' FROM alerts"),
    (PEOPLE, "UPDATE alerts SET resolved_at = now()"),
    (PEOPLE, "UPDATE alert_deliveries SET state = 'SENT'"),
    (PEOPLE, "INSERT INTO alert_outbox (severity, dedup_key, message) VALUES ('INFO', 'k', 'm')"),
    (PEOPLE, "SELECT note_missed_starts(ROW('1 s', '1 s', '1 s', '1 s')::start_deadlines)"),
    (PEOPLE, "SELECT hand_over(gen_random_uuid(), 'web', 'mine')"),
    (PEOPLE, "INSERT INTO system_errors (severity, message) VALUES ('INFO', 'm')"),
    (EVERYBODY, "INSERT INTO person_tokens (name, role, hash) VALUES ('eve', 'admin', sha256('x'))"),
    (EVERYBODY, "INSERT INTO person_sessions (token_id, hash) VALUES (gen_random_uuid(), sha256('x'))"),
    ((API, VIEWER), "UPDATE action_modes SET mode = 'auto'"),
    ((API, VIEWER), "INSERT INTO action_modes (action, mode, who, why) VALUES ('a', 'auto', 'eve', 'mine')"),
    ((VIEWER,), "INSERT INTO pauses (paused_by, why) VALUES ('eve', 'mine')"),
    ((VIEWER,), "UPDATE storms SET go_by = 'eve'"),
    (WEB, "INSERT INTO pauses (paused_by, why, since) VALUES ('eve', 'mine', '2000-01-01')"),
    # what a person decides about a breaker is logged by the web server, and nothing else
    (WEB, RESULT.format(kind="Result", success="true", permit="NULL", event="Result")),
    (WEB, RESULT.format(kind="Result", success="NULL", permit="NULL", event="Result")),
    (WEB, RESULT.format(kind="Ask", success="NULL", permit="NULL", event="Ask")),
    (WEB, RESULT.format(kind="Force", success="false", permit="NULL", event="Force")),
    (WEB, RESULT.format(kind="Force", success="NULL", permit="gen_random_uuid()", event="Force")),
    (WEB, RESULT.format(kind="Force", success="NULL", permit="NULL", event="Result")),
    ((API,), RESULT.replace("heal:a", "agent:0197f000-0000-7000-8000-00000000ac3e/b").format(
        kind="Force", success="NULL", permit="NULL", event="Force")),
    # a word is given by whom it is asked of: who asks does not bring it along
    ((HEALER,), "INSERT INTO approvals (decision, decided_by) VALUES ('APPROVED', 'eve')"),
    ((HEALER,), "INSERT INTO approvals (use_by) VALUES (now())"),
    # each at their own door
    ((HEALER, VIEWER), DEED.format(tenant="NULL", door="api")),
    ((*WEB, VIEWER), DEED.format(tenant="NULL", door="cli")),
    ((API,), DEED.format(tenant="gen_random_uuid()", door="api")),
]  # fmt: skip
CASES = [(who, statement) for whose, statement in STATEMENTS for who in whose]

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def connections(embedded_postgres: Embedded, database_url: str) -> Iterator[dict[str, Connection]]:
    """Each role's own connection; that of the admin has become the admin's role, that of the viewer is a member's."""
    superuser = psycopg.connect(embedded_postgres.servers.postgres.superuser_dsn(), dbname="selfheal", autocommit=True)
    superuser.execute("CREATE ROLE looker LOGIN PASSWORD 'looker' IN ROLE selfheal_viewer")
    viewer_dsn = embedded_postgres.servers.postgres.dsn(user="looker", password="looker", database="selfheal")
    dsns = {
        HEALER: embedded_postgres.dsn(roles.HEALER),
        API: embedded_postgres.dsn(roles.API),
        ADMIN: embedded_postgres.dsn(roles.API),
        VIEWER: viewer_dsn,
    }
    made = {who: psycopg.connect(dsn, autocommit=True) for who, dsn in dsns.items()}
    yield made
    for connection in made.values():
        connection.close()
    superuser.execute("DROP ROLE looker")
    superuser.close()


@pytest.mark.parametrize(("who", "statement"), CASES, ids=[f"{who}-{sql[:60]}" for who, sql in CASES])
def test_it_is_refused(connections: dict[str, Connection], who: str, statement: str) -> None:
    """By Postgres itself, for want of a right."""
    connection = connections[who]
    connection.rollback()
    connection.execute("RESET ALL")
    connection.execute("SET ROLE selfheal_api_admin" if who == ADMIN else "RESET ROLE")
    with pytest.raises(psycopg.Error) as error:
        connection.execute(statement.encode())
    assert (error.value.sqlstate, statement) == (FORBIDDEN, statement)


def test_there_are_many() -> None:
    """At least sixty different statements for whoever heals, and for whoever serves people."""
    for who in (HEALER, API):
        assert len({statement for one, statement in CASES if one == who}) >= 60


def test_a_viewer_sees_the_infrastructures_rows_whatever_they_set(
    connections: dict[str, Connection], empty: Engine
) -> None:
    """Who writes their own SQL can set any tenant: it helps them nothing."""
    with empty.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO system_errors (severity, message, tenant_id) VALUES ('INFO', 'theirs', uuid_generate_v7()),"
            " ('INFO', 'ours', NULL)"
        )
        tenant = connection.exec_driver_sql("SELECT tenant_id FROM system_errors WHERE message = 'theirs'").scalar()
    viewer = connections[VIEWER]
    viewer.execute(f"SET app.current_tenant_id = '{tenant}'".encode())
    assert viewer.execute("SELECT message FROM system_errors").fetchall() == [("ours",)]


def test_functions_of_the_owner_cannot_be_led_astray(embedded_postgres: Embedded, database_url: str) -> None:
    """Each SECURITY DEFINER function has a search_path of its own, with what is made temporarily at its end."""
    with psycopg.connect(embedded_postgres.servers.postgres.superuser_dsn(), dbname="selfheal") as superuser:
        found = superuser.execute(
            "SELECT proname, proconfig, has_function_privilege('public', oid, 'EXECUTE') FROM pg_proc"
            " WHERE prosecdef AND pronamespace = 'public'::regnamespace AND proname <> 'audit_outcome'"
        ).fetchall()
    assert {name for name, _, _ in found} >= {"find_token", "revoke_token", "refresh_success_rates", "forget_answers"}
    for name, config, public in found:
        assert (name, config, public) == (name, ["search_path=pg_catalog, public, pg_temp"], False)


def test_every_view_that_people_read_looks_with_their_eyes(embedded_postgres: Embedded, database_url: str) -> None:
    """security_invoker, all of them: a view of the owner's would show the rows of every tenant."""
    with psycopg.connect(embedded_postgres.servers.postgres.superuser_dsn(), dbname="selfheal") as superuser:
        found = superuser.execute(
            "SELECT relname, reloptions FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    assert found != []
    assert [name for name, options in found if options != ["security_invoker=true"]] == []
