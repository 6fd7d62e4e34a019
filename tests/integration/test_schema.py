"""The migrated database against the code, against the client's shapes, and against what healing_user must not do."""

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
    ("created_at", "timestamp with time zone", True),  # stricter than the client's: GraphQL says DateTime!
    ("completed_at", "timestamp with time zone", False),
]
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
def healer(embedded_postgres: Embedded, empty: Engine) -> Iterator[Database]:
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


@pytest.mark.parametrize("column", ["status", "created_at", "action_type"])
def test_healing_actions_has_the_clients_indexes(database: Database, column: str) -> None:
    """By status, by created_at descending, by action_type."""
    found = [row[0] for row in database.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'healing_actions'")]
    wanted = f"({column} DESC)" if column == "created_at" else f"({column})"
    assert [one for one in found if one.endswith(wanted)] != []


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
def test_the_database_refuses_what_makes_no_sense(healer: Database, database: Database, values: str) -> None:
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
    """A GRANT by somebody without grant options is only a warning in Postgres: afterwards nothing is granted."""
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
    """A day's partition, made on the way, is the owner's: its rows can be added and read, and that is all."""
    healer.execute("SELECT ensure_health_partition(current_date)")
    (name,) = healer.execute("SELECT 'health_history_' || to_char(current_date, 'YYYYMMDD')").fetchone()
    for statement in ("DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}", "UPDATE {} SET status = 'DOWN'"):
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
    ours = [roles.OWNER, roles.MIGRATOR, roles.HEALER]
    found = database.execute(
        "SELECT rolname, rolcanlogin, rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles"
        " WHERE rolname = ANY (%s) ORDER BY rolname",
        (ours,),
    ).fetchall()
    assert found == [(roles.HEALER, True, False), (roles.MIGRATOR, True, False), (roles.OWNER, False, False)]


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
