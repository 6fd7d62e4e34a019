"""The migrated database against the code, against the client's shapes, and against what healing_user must not do."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from embedded_fixtures import Embedded
from sqlalchemy import Engine, Table, text
from sqlalchemy.dialects import postgresql

import migrations
from deployments.embedded import roles
from deployments.migrate import migrate
from selfheal.model.errors import Permanent
from selfheal.store.tables import metadata

TABLES = [pytest.param(table, id=table.name) for table in metadata.sorted_tables]
SQL = Path(migrations.__file__).parent / "versions" / "v0001_create_healing_infrastructure.sql"
INSUFFICIENT_PRIVILEGE = "42501"

COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_attribute a
    WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
DUMP = """
    SELECT c.relname, c.relkind::text, pg_get_userbyid(c.relowner), c.relacl::text,
           (SELECT array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || coalesce(a.attacl::text, '')
                             ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT p.proname, 'function', pg_get_userbyid(p.proowner), p.proacl::text, ARRAY[p.prosrc]
    FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace ORDER BY 1, 2
"""

# Name, type, required: the client's, word by word.
HEALING_ACTIONS = [
    ("id", "uuid", True),
    ("tenant_id", "uuid", False),
    ("trigger_type", "character varying(50)", True),
    ("action_type", "character varying(50)", True),
    ("target_component", "character varying(100)", True),
    ("status", "character varying(20)", True),
    ("success", "boolean", False),
    ("execution_time_ms", "integer", False),
    ("error_message", "text", False),
    ("metadata", "jsonb", False),
    ("created_at", "timestamp with time zone", False),  # GraphQL says DateTime!: a CHECK makes it true
    ("completed_at", "timestamp with time zone", False),
]
# Name, type, required, default of the tables that no mechanism writes yet; the first columns are the client's.
V7, NOW, TIME = "uuid_generate_v7()", "now()", "timestamp with time zone"
CLIENTS = {
    "workflow_recovery_history": [
        ("id", "uuid", True, V7),
        ("req_number", "character varying(100)", True, None),
        ("recovery_type", "character varying(50)", True, None),
        ("stuck_duration_minutes", "integer", False, None),
        ("last_completed_stage", "integer", False, None),
        ("recovery_action", "character varying(100)", True, None),
        ("success", "boolean", True, None),
        ("error_message", "text", False, None),
        ("recovered_at", TIME, False, NOW),  # GraphQL says DateTime!: a CHECK makes it true
    ],
    "workflow_state": [
        ("req_number", "character varying(100)", True, None),
        ("title", "text", False, None),
        ("assigned_to", "character varying(50)", False, None),
        ("current_stage", "integer", False, "0"),
        ("status", "character varying(20)", False, None),
        ("started_at", TIME, False, None),
        ("completed_at", TIME, False, None),
        ("stage_deliverables", "jsonb", False, None),
        ("created_at", TIME, False, None),
        ("updated_at", TIME, False, None),
    ],
}
OURS = {
    "workflow_state": [
        *("priority", "file_status", "under_way_since", "last_stage", "version", "held_why", "held_until"),
    ],
}
CLIENTS_NAMES = {
    "system_errors": "id tenant_id severity status message stack_trace component first_occurred last_occurred"
    " occurrence_count assigned_to resolved_by resolved_at resolution_notes metadata created_at updated_at",
    "devops_alert_history": "id tenant_id severity message source metadata delivery_status delivery_channels"
    " delivery_error alert_timestamp created_at",
}
CLIENTS_WORDS = {
    ("workflow_state", "status"): "pending running blocked complete failed",
    ("system_errors", "severity"): "CRITICAL ERROR WARNING INFO",
    ("system_errors", "status"): "OPEN IN_PROGRESS RESOLVED IGNORED",
    ("devops_alert_history", "severity"): "INFO WARNING CRITICAL",
    ("devops_alert_history", "delivery_status"): "SENT FAILED AGGREGATED",
}
CLIENTS_INDEXES = {
    "healing_actions": ("(status)", "(created_at DESC)", "(action_type)"),
    "workflow_recovery_history": ("(req_number)", "(recovered_at DESC)"),
    "workflow_state": ("(status)", "(started_at)"),
}
DEFAULTS = """
    SELECT a.attname, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""
HEALTH_HISTORY = [
    ("id", "uuid"),
    ("component", "character varying(50)"),
    ("status", "character varying(20)"),
    ("response_time", "integer"),
    ("error", "text"),
    ("metadata", "jsonb"),
    ("checked_at", "timestamp with time zone"),
]

Database = psycopg.Connection[Any]


@pytest.fixture
def database(embedded_postgres: Embedded, database_url: str) -> Iterator[Database]:
    """Our migrated database, as superuser."""
    dsn = embedded_postgres.servers.postgres.superuser_dsn()
    with psycopg.connect(dsn, dbname=roles.SELFHEAL_DATABASE, autocommit=True) as connection:
        yield connection


@pytest.fixture
def healer(embedded_postgres: Embedded, database_url: str) -> Iterator[Database]:
    """The same as healing_user."""
    with psycopg.connect(embedded_postgres.dsn(roles.HEALER), autocommit=True) as connection:
        yield connection


def columns(database: Database, table: str) -> list[tuple[str, str, bool]]:
    """Name, type and whether it is required, in order."""
    return [tuple(row) for row in database.execute(COLUMNS, (table,))]  # type: ignore[misc]


@pytest.mark.parametrize("table", TABLES)
def test_the_code_knows_the_tables_as_they_are(database: Database, table: Table) -> None:
    """Every column has the same name, type and nullability in SQLAlchemy's tables and in the migrated database."""
    dialect = postgresql.dialect()
    known = [(one.name, _type(one.type.compile(dialect)), not one.nullable) for one in table.columns]
    assert known == columns(database, table.name)


def _type(compiled: str) -> str:
    """SQLAlchemy's word for a type as Postgres says it."""
    said = compiled.lower().replace("varchar", "character varying").replace(", ", ",")
    return {"float": "double precision"}.get(said, said)


def test_the_code_knows_all_tables(database: Database) -> None:
    """No table of the database is missing in the code, but Alembic's own and the partitions."""
    found = database.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition AND relname NOT IN ('alembic_version', 'outcome_audit')"  # a test's own
    )
    assert {row[0] for row in found} == {table.name for table in metadata.sorted_tables}


def test_healing_actions_has_the_clients_columns(database: Database) -> None:
    """Given names, types and nullability, in the given order and before ours."""
    assert columns(database, "healing_actions")[: len(HEALING_ACTIONS)] == HEALING_ACTIONS


def test_health_history_has_the_clients_columns(database: Database) -> None:
    """Given names and types, and ours (metric, value) after them; it is partitioned by checked_at."""
    found = [(name, kind) for name, kind, _ in columns(database, "health_history")]
    assert found == [*HEALTH_HISTORY, ("metric", "character varying(50)"), ("value", "double precision")]
    key = database.execute("SELECT pg_get_partkeydef('health_history'::regclass)").fetchone()
    assert key == ("RANGE (checked_at)",)


@pytest.mark.parametrize("table", CLIENTS_INDEXES)
def test_the_clients_indexes_are_there(database: Database, table: str) -> None:
    """On the given columns, in the given order."""
    found = [row[0] for row in database.execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s", (table,))]
    for wanted in CLIENTS_INDEXES[table]:
        assert [one for one in found if one.endswith(wanted)] != []


@pytest.mark.parametrize("table", CLIENTS)
def test_the_clients_other_tables_are_as_given(database: Database, table: str) -> None:
    """Names, types, nullability and defaults, word by word, before ours (`workflow_state` alone has some)."""
    defaults = dict(database.execute(DEFAULTS, (table,)).fetchall())
    found = [(*one, defaults[one[0]]) for one in columns(database, table)]
    assert found[: len(CLIENTS[table])] == CLIENTS[table]
    assert [name for name, *_ in found[len(CLIENTS[table]) :]] == OURS.get(table, [])


@pytest.mark.parametrize("table", CLIENTS_NAMES)
def test_what_the_client_only_named_is_there(database: Database, table: str) -> None:
    """The given columns in the given order, before ours (an error's signature)."""
    wanted = CLIENTS_NAMES[table].split()
    found = [name for name, _, _ in columns(database, table)]
    assert found == wanted + (["signature"] if table == "system_errors" else [])


@pytest.mark.parametrize(("table", "column"), CLIENTS_WORDS)
def test_the_clients_words_are_the_only_ones(database: Database, table: str, column: str) -> None:
    """Each of the given values is taken, and another one is not."""
    words = CLIENTS_WORDS[table, column].split()
    check = database.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conrelid = to_regclass(%s)"
        " AND conname = %s",
        (table, f"{table}_{column}_check"),
    ).fetchone()
    assert check is not None
    assert re.findall("'(\\w+)'", check[0]) == words


@pytest.mark.parametrize(
    ("table", "column"), [("healing_actions", "created_at"), ("workflow_recovery_history", "recovered_at")]
)
def test_graphql_promises_a_time(database: Database, table: str, column: str) -> None:
    """Where GraphQL is stricter than the table, a CHECK makes it true."""
    checks = database.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conrelid = to_regclass(%s)",
        (table,),
    ).fetchall()
    assert (f"CHECK (({column} IS NOT NULL))",) in checks


@pytest.mark.parametrize(
    "values",
    [
        "status = 'DONE'",
        "status = 'SUCCESS', success = true, completed_at = now(), verification = 'UNKNOWN'",
        "status = 'SUCCESS', success = true, completed_at = now()",
        "status = 'FAILED', success = false",
        "status = 'RUNNING', completed_at = now()",
        "phase = 'dreaming'",
        "verification = 'MAYBE'",
    ],
)
def test_the_database_refuses_what_makes_no_sense(
    healer: Database, database: Database, empty: Engine, values: str
) -> None:
    """An unknown status, a success that is not verified, an end without a time: refused by the tables themselves."""
    database.execute(
        "WITH f AS (INSERT INTO faults (target_key, component, trigger_type) VALUES ('t', 'c', 'MANUAL') RETURNING id)"
        " INSERT INTO healing_actions (trigger_type, action_type, target_component, status, target_key, fault_id,"
        " trigger_id, action_name) SELECT 'MANUAL', 'A', 'c', 'RUNNING', 't', id, gen_random_uuid(), 'a' FROM f"
    )
    with pytest.raises(psycopg.errors.CheckViolation):
        healer.execute(f"UPDATE healing_actions SET {values}".encode())  # noqa: S608 - written above


# -- roles


def granted(database: Database, table: str) -> set[str]:
    """The columns of a table that healing_user may update."""
    found = database.execute(
        "SELECT column_name FROM information_schema.column_privileges"
        " WHERE grantee = 'healing_user' AND privilege_type = 'UPDATE' AND table_name = %s",
        (table,),
    )
    return {row[0] for row in found}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM {}",
        "TRUNCATE {}",
        "DROP TABLE {}",
        "ALTER TABLE {} ADD COLUMN more int",
        "ALTER TABLE {} OWNER TO healing_user",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "CREATE INDEX ON {} ((1))",
    ],
)
def test_healing_user_neither_destroys_nor_changes_tables(healer: Database, table: Table, statement: str) -> None:
    """What is recorded stays recorded: every such statement is refused for want of a right."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
        healer.execute(statement.format(table.name).encode())
    assert error.value.sqlstate == INSUFFICIENT_PRIVILEGE


@pytest.mark.parametrize("table", TABLES)
def test_healing_user_cannot_grant_itself_more(healer: Database, table: Table) -> None:
    """A GRANT without grant options is only a warning in Postgres, if one has any right there: nothing is granted."""
    with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
        healer.execute(f"GRANT ALL ON {table.name} TO healing_user".encode())
    for right in ("DELETE", "TRUNCATE", "UPDATE", "TRIGGER", "REFERENCES"):
        assert healer.execute("SELECT has_table_privilege(%s, %s)", (table.name, right)).fetchone() == (False,)


@pytest.mark.parametrize("table", TABLES)
def test_healing_user_updates_only_what_it_was_granted(healer: Database, database: Database, table: Table) -> None:
    """Column by column: the granted ones can be updated, every other one is refused."""
    may = granted(database, table.name)
    assert not {"id", "trigger_id", "fault_id", "target_key", "created_at", "checked_at", "run_id"} & may or (
        table.name == "watch_epoch"
    )
    for column in table.columns:
        statement = f'UPDATE {table.name} SET "{column.name}" = "{column.name}"'.encode()  # noqa: S608 - our own names
        if column.name in may:
            healer.execute(statement)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                healer.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "SET ROLE selfheal_owner",
        "SET ROLE selfheal_migrator",
        "DROP FUNCTION ensure_health_partition(date)",
        "UPDATE alembic_version SET version_num = 'x'",
        "DELETE FROM alembic_version",
    ],
)
def test_healing_user_makes_nothing_and_becomes_nobody(healer: Database, statement: str) -> None:
    """No tables, no functions, no schema, no role, no other role's rights."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        healer.execute(statement.encode())


def test_partitions_are_no_way_around(healer: Database) -> None:
    """A day's partition, made on the way, is the owner's: nobody else reads or writes it but through its table."""
    healer.execute("SELECT ensure_health_partition(current_date)")
    (name,) = healer.execute("SELECT 'health_history_' || to_char(current_date, 'YYYYMMDD')").fetchone()
    for statement in ("DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}", "UPDATE {} SET status = 'DOWN'", "TABLE {}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            healer.execute(statement.format(name).encode())
    with pytest.raises(psycopg.errors.DatetimeFieldOverflow):
        healer.execute("SELECT ensure_health_partition(current_date + 1000)")


def test_everything_belongs_to_the_owner_who_cannot_log_in(database: Database) -> None:
    """Tables and functions are selfheal_owner's, which is NOLOGIN; nobody of ours is a superuser."""
    owners = database.execute(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relname !~ 'outcome_audit' UNION SELECT DISTINCT pg_get_userbyid(proowner) FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND proname !~ 'audit_outcome|fallback'"
    ).fetchall()
    assert owners == [(roles.OWNER,)]
    ours = [roles.OWNER, roles.MIGRATOR, roles.HEALER, roles.API, roles.API_ADMIN, roles.VIEWER]
    found = database.execute(
        "SELECT rolname, rolcanlogin, rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles"
        " WHERE rolname = ANY (%s) ORDER BY rolname",
        (ours,),
    ).fetchall()
    assert found == [
        (roles.HEALER, True, False),
        (roles.API, True, False),
        (roles.API_ADMIN, False, False),
        (roles.MIGRATOR, True, False),
        (roles.OWNER, False, False),
        (roles.VIEWER, False, False),
    ]


# -- migrations


def test_migrating_again_changes_nothing(embedded_postgres: Embedded, database: Database) -> None:
    """Tables, columns, functions, owners and rights are the same after a second migration."""
    before = database.execute(DUMP).fetchall()
    assert migrate(embedded_postgres.url(roles.MIGRATOR)) == "0001"
    assert database.execute(DUMP).fetchall() == before


def test_a_newer_schema_is_refused(embedded_postgres: Embedded, database: Database) -> None:
    """A revision that this release does not know is not touched, and the message says what to do."""
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    try:
        before = database.execute(DUMP).fetchall()
        with pytest.raises(Permanent, match="has schema 9999, which this release does not know") as error:
            migrate(embedded_postgres.url(roles.MIGRATOR))
        assert error.value.hint == "start the newer release"
        assert database.execute(DUMP).fetchall() == before
    finally:
        database.execute("UPDATE alembic_version SET version_num = '0001'")


# -- keys


@pytest.fixture(params=["uuid_generate_v7", "fallback"])
def keys(request: pytest.FixtureRequest, database: Database) -> Iterator[str]:
    """The function as it is here, and the body that servers without `uuidv7()` get."""
    if request.param == "fallback":
        found = re.search(r"\$fn\$(.*?)\$fn\$", SQL.read_text(encoding="utf-8"), re.DOTALL)
        assert found is not None
        assert "gen_random_uuid" in found[1]
        database.execute(
            f"CREATE FUNCTION fallback() RETURNS uuid LANGUAGE sql VOLATILE AS $fn${found[1]}$fn$".encode()
        )
    yield request.param
    database.execute("DROP FUNCTION IF EXISTS fallback()")


def test_keys_are_version_7_and_tell_their_time(database: Database, keys: str) -> None:
    """Version 7, variant 2, all different, and the first 48 bits are now in milliseconds."""
    clock = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    statement = f"SELECT {keys}(), {clock} FROM generate_series(1, 1000)"  # noqa: S608 - our own names
    rows = database.execute(statement.encode()).fetchall()
    assert {(key.version, key.variant) for key, _ in rows} == {(7, "specified in RFC 4122")}
    assert len({key for key, _ in rows}) == len(rows)
    assert all(abs((key.int >> 80) - now) < 60_000 for key, now in rows)


def test_keys_sort_by_time(database: Database, keys: str) -> None:
    """A key made in a later millisecond sorts behind all that were made before."""
    made = []
    last = 0
    while len(made) < 20:
        key, now = database.execute(
            f"SELECT {keys}(), (extract(epoch FROM clock_timestamp()) * 1000)::bigint".encode()  # noqa: S608 - the same
        ).fetchone()
        if now > last + 1:
            made.append(key)
            last = now
    assert made == sorted(made)
    assert [str(key) for key in made] == sorted(str(key) for key in made)


def test_healing_user_may_make_keys(empty: Engine) -> None:
    """The defaults of the tables work for the role that inserts."""
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT uuid_generate_v7()")) is not None
