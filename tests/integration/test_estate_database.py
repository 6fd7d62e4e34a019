"""A database of the estate through the limited role: what it may, what it may not, and how its silence is told."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier
from typing import Any

import psycopg
import pytest
from database_fixtures import MIGRATIONS, NAME, PASSWORD, ROLE, STOCK, Warehouse
from estate_fixtures import until
from psycopg import sql

from benchmarks.freezing import frozen
from selfheal.clients import estate_database
from selfheal.clients.estate_database import EstateDatabase
from selfheal.clients.estate_sql import estate_sql
from selfheal.model.errors import NotAllowed, Permanent, TargetChanged, Transient, Undone

SOON = timedelta(seconds=2)


def entry(warehouse: Warehouse, name: str = "stock-levels") -> dict[str, Any]:
    one = warehouse.settings().allowed_sql()[name]
    return {"entry": name, "sha256": one.sha256, "timeout": one.timeout}


def as_limited(warehouse: Warehouse, statement: str) -> str:
    """Run a statement as the limited role; the code of the refusal, or empty."""
    with psycopg.connect(warehouse.url, user=ROLE, password=PASSWORD, autocommit=True) as connection:
        try:
            connection.execute(statement.encode())
        except psycopg.Error as error:
            return error.sqlstate or type(error).__name__
    return ""


def test_an_entry_runs_once_and_as_written(warehouse: Warehouse) -> None:
    """It makes its object, with parameters that Postgres quoted; run again it finds the object and does nothing."""
    client = warehouse.client()
    assert client.object(STOCK, timeout=SOON).state == "MISSING"
    assert client.apply(**entry(warehouse)) is True
    assert client.apply(**entry(warehouse)) is False
    life = client.object(STOCK, timeout=SOON)
    assert (life.state, life.id.isdigit()) == ("PRESENT", True)
    assert warehouse.made(STOCK) == 1
    assert warehouse.run("SELECT indexname FROM pg_indexes WHERE schemaname = 'wms'") == [('Stock "by" item',)]
    assert warehouse.run("SELECT obj_description('wms.stock_levels'::regclass)") == [
        ("made by 'Selfheal' \\ :not::a \"parameter\"",)
    ]
    assert warehouse.run("SELECT count(*) FROM wms.moves") == [(3,)]


def test_eight_callers_at_once_make_it_once(warehouse: Warehouse) -> None:
    """Also without our admission: the database lets one of them run it, and the others find it there."""
    client, asked, together = warehouse.client(), entry(warehouse), Barrier(8)

    def call(_: int) -> bool:
        together.wait()
        return client.apply(**asked)

    with ThreadPoolExecutor(8) as pool:
        ran = list(pool.map(call, range(8)))
    assert sorted(ran) == [False] * 7 + [True]
    assert warehouse.made(STOCK) == 1


def test_both_sides_compute_the_same_hash(warehouse: Warehouse) -> None:
    """The database's hash of each entry is that of the settings, and its SQL is the filled-in one."""
    held = warehouse.client().entries()
    assert {name: one.sha256 for name, one in held.items()} == {
        name: one.sha256 for name, one in warehouse.settings().allowed_sql().items()
    }
    assert "kind <>  E'o''neil\\\\''; DROP TABLE wms.moves; --'" in held["stock-levels"].sql.replace("<> E", "<>  E")
    assert 'INDEX "Stock ""by"" item" ON' in held["stock-levels"].sql


def test_printed_sql_changes_nothing_the_second_time(warehouse: Warehouse) -> None:
    """Run again it leaves roles, rights, functions and entries as they are; entries that are gone are taken out."""
    told = (
        "SELECT name, xmin::text FROM selfheal_estate.catalogue UNION ALL "
        "SELECT proname || proacl::text || prosrc || proowner, '' FROM pg_proc WHERE pronamespace = "
        "'selfheal_estate'::regnamespace UNION ALL SELECT rolname || rolcanlogin, '' FROM pg_roles UNION ALL "
        "SELECT nspname || nspacl::text, '' FROM pg_namespace WHERE nspname IN ('wms', 'selfheal_estate') ORDER BY 1"
    )
    before = warehouse.run(told)
    warehouse.run(warehouse.written())
    assert warehouse.run(told) == before
    fewer = warehouse.settings(
        migrations={"stock-levels": MIGRATIONS["stock-levels"]}, components={}, healing={"allow": []}
    )
    warehouse.run(warehouse.written(fewer))
    assert list(warehouse.client().entries()) == ["stock-levels"]


def test_printed_sql_refuses_another_database(warehouse: Warehouse, superuser: psycopg.Connection[Any]) -> None:
    """Run in a database that the settings do not mean, it does nothing."""
    with pytest.raises(psycopg.Error, match="this is for the database warehouse, not for postgres"):
        superuser.execute(warehouse.written().encode())
    superuser.execute(b"ROLLBACK")
    assert superuser.execute("SELECT to_regnamespace('selfheal_estate')").fetchone() == (None,)


@pytest.mark.parametrize("role", ["postgres", "selfheal_estate_owner"])
def test_printed_sql_takes_no_role_with_rights(
    warehouse: Warehouse, superuser: psycopg.Connection[Any], role: str
) -> None:
    """A role that exists with rights of its own does not become the limited one."""
    with pytest.raises(psycopg.Error, match="exists and is not what it should be"):
        warehouse.run(warehouse.written(role=role))


def test_printed_sql_takes_any_name_as_a_name(warehouse: Warehouse, superuser: psycopg.Connection[Any]) -> None:
    """A role whose name has quotes and SQL in it is that role and nothing else."""
    odd = """ro"le'; DROP SCHEMA wms; -- $$ \\"""
    quoted = sql.Identifier(odd)
    warehouse.run(warehouse.written(role=odd))
    try:
        superuser.execute(sql.SQL("ALTER ROLE {} PASSWORD 'odd'").format(quoted))
        assert list(warehouse.client(username=odd, password="odd").entries()) == ["half-made", "stock-levels"]
        assert warehouse.run("SELECT count(*) FROM wms.moves") == [(3,)]
    finally:
        drop = sql.SQL("DROP OWNED BY {}; DROP ROLE {}").format(quoted, quoted)
        warehouse.run(drop.as_string())


def test_migrations_may_have_the_rights_of_an_owner(warehouse: Warehouse) -> None:
    """With --rights-of they read and make what that role may, and no grant on a table is needed."""
    warehouse.run(
        "CREATE ROLE wms_owner NOLOGIN; ALTER TABLE wms.salaries OWNER TO wms_owner;"
        "GRANT ALL ON SCHEMA wms TO wms_owner"
    )
    pay = {"database": NAME, "creates": "wms.pay", "sql": "CREATE TABLE wms.pay AS TABLE wms.salaries"}
    settings = warehouse.settings(migrations={"pay": pay}, components={}, healing={"allow": []})
    one = settings.allowed_sql()["pay"]
    asked: dict[str, Any] = {"entry": "pay", "sha256": one.sha256, "timeout": one.timeout}
    warehouse.run(warehouse.written(settings))
    try:
        with pytest.raises(Undone, match="permission denied"):
            warehouse.client().apply(**asked)
        warehouse.run(warehouse.written(settings, rights_of="wms_owner"))
        assert warehouse.client().apply(**asked) is True
    finally:
        warehouse.run("DROP TABLE IF EXISTS wms.pay; REASSIGN OWNED BY wms_owner TO CURRENT_USER")
        warehouse.run("DROP OWNED BY wms_owner; DROP ROLE wms_owner")


def test_a_dba_without_superuser_rights_can_run_it(warehouse: Warehouse, superuser: psycopg.Connection[Any]) -> None:
    """Somebody who owns the database and may make roles is enough, as on a managed Postgres."""
    superuser.execute("CREATE ROLE managed LOGIN CREATEROLE PASSWORD 'managed'")
    superuser.execute("CREATE DATABASE managed OWNER managed")
    url = warehouse.url.rpartition("/")[0] + "/managed"
    try:
        with psycopg.connect(url, user="managed", password="managed", autocommit=True) as dba:
            dba.execute("CREATE SCHEMA wms")
            only = [warehouse.settings().allowed_sql()["stock-levels"]]
            for _ in range(2):
                text = estate_sql(url=url, role="managed_limited", rights_of="", migrations=only)
                dba.execute(text.replace("selfheal_estate_owner", "managed_owner").encode())
            dba.execute("ALTER ROLE managed_limited PASSWORD 'limited'")
        held = EstateDatabase(url=url, username="managed_limited", password="limited").entries()
        assert list(held) == ["stock-levels"]
    finally:
        superuser.execute("DROP DATABASE managed WITH (FORCE)")
        superuser.execute("DROP ROLE IF EXISTS managed_limited, managed_owner, managed")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE wms.mine (n int)",
        "CREATE TABLE public.mine (n int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "DROP TABLE wms.moves",
        "SELECT * FROM wms.moves",
        "SELECT * FROM wms.salaries",
        "SELECT * FROM selfheal_estate.catalogue",
        "UPDATE selfheal_estate.catalogue SET kinds = ARRAY['sql'], texts = ARRAY['DROP TABLE wms.moves']",
        "INSERT INTO selfheal_estate.catalogue VALUES ('x', 'wms.x', ARRAY['sql'], ARRAY['DROP TABLE wms.moves'])",
        "SELECT selfheal_estate.filled(ARRAY['sql'], ARRAY['SELECT 1'])",
        "CREATE OR REPLACE FUNCTION selfheal_estate.stands(object text) RETURNS boolean RETURN true",
        "SET ROLE selfheal_estate_owner",
        "ALTER FUNCTION selfheal_estate.entries() RESET search_path",
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_the_limited_role_may_nothing_else(warehouse: Warehouse, statement: str) -> None:
    """No DDL, no data, no other SQL: only the two functions."""
    assert as_limited(warehouse, statement) == "42501"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT selfheal_estate.apply_migration('stock-levels; DROP TABLE wms.moves', '')",
        "SELECT selfheal_estate.apply_migration('stock-levels', '')",
        "SELECT selfheal_estate.apply_migration('stock-levels', NULL)",
        "SELECT selfheal_estate.apply_migration(NULL, NULL)",
    ],
)
def test_the_function_runs_entries_only(warehouse: Warehouse, statement: str) -> None:
    """A name that is none, or a hash that is another's, runs nothing, whoever calls."""
    assert as_limited(warehouse, statement) in {"SH001", "SH002"}
    assert warehouse.client().object(STOCK, timeout=SOON).state == "MISSING"


def test_a_callers_session_changes_nothing(warehouse: Warehouse) -> None:
    """What the caller puts before the function, a search path or tables of its own, is not seen by it."""
    tricks = (
        "SET search_path = pg_temp, wms; SET standard_conforming_strings = off;"
        "CREATE TEMP TABLE pg_class (oid oid, relname text, relnamespace oid, relkind char, relispopulated bool)"
    )
    sha256 = entry(warehouse)["sha256"]
    said = as_limited(warehouse, f"{tricks}; SELECT selfheal_estate.apply_migration('stock-levels', '{sha256}')")
    assert said == ""
    assert warehouse.made(STOCK) == 1


def test_a_failing_entry_leaves_nothing(warehouse: Warehouse) -> None:
    """What it had made before it failed is gone, and the error says why it failed."""
    with pytest.raises(Undone, match=r"wms.nowhere"):
        warehouse.client().apply(**entry(warehouse, "half-made"))
    assert warehouse.run("SELECT to_regclass('wms.left_behind'), to_regclass('wms.never_made')") == [(None, None)]


def test_an_entry_that_does_not_make_its_object_is_taken_back(warehouse: Warehouse) -> None:
    """An entry that runs without an error and makes something else is a failure, and leaves nothing."""
    wrong = {"database": NAME, "creates": STOCK, "sql": "CREATE TABLE wms.another (n int)"}
    settings = warehouse.settings(migrations={"wrong": wrong}, components={}, healing={"allow": []})
    warehouse.run(warehouse.written(settings))
    one = settings.allowed_sql()["wrong"]
    with pytest.raises(Undone, match="does not stand"):
        warehouse.client().apply("wrong", sha256=one.sha256, timeout=one.timeout)
    assert warehouse.run("SELECT to_regclass('wms.another')") == [(None,)]


def test_a_slow_entry_is_ended_by_the_database(warehouse: Warehouse) -> None:
    """The statement time-out is the server's own: afterwards nothing runs on, and nothing is left."""
    slow = {"database": NAME, "creates": STOCK, "sql": "CREATE TABLE wms.slow (n int); SELECT pg_sleep(60)"}
    settings = warehouse.settings(
        migrations={"slow": slow | {"timeout": "200 ms"}}, components={}, healing={"allow": []}
    )
    warehouse.run(warehouse.written(settings))
    one = settings.allowed_sql()["slow"]
    with pytest.raises(Undone, match="statement timeout"):
        warehouse.client().apply("slow", sha256=one.sha256, timeout=one.timeout)
    assert warehouse.run("SELECT to_regclass('wms.slow')") == [(None,)]


@contextmanager
def under_way(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, Future[bool]]]:
    """A migration that takes a while: the pid of its backend, and what its caller will be told."""
    slow = {"database": NAME, "creates": STOCK, "sql": "CREATE TABLE wms.slow (n int); SELECT pg_sleep(30)"}
    settings = warehouse.settings(migrations={"slow": slow | {"timeout": "1 s"}}, components={}, healing={"allow": []})
    warehouse.run(warehouse.written(settings))
    one = settings.allowed_sql()["slow"]
    monkeypatch.setattr(estate_database, "PATIENCE", timedelta(seconds=0.5))
    asleep = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(warehouse.client().apply, "slow", sha256=one.sha256, timeout=one.timeout)
        until("it runs", lambda: bool(warehouse.run(asleep)))
        yield int(warehouse.run(asleep)[0][0]), told


def test_a_backend_that_is_ended_leaves_it_open(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever loses the connection in the middle cannot tell, and says so."""
    with under_way(warehouse, monkeypatch) as (pid, told):
        warehouse.run(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(Transient, match="broke"):
            told.result()


def test_a_server_that_freezes_in_the_middle_holds_nobody(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller gives up by its own clock; thawed, the server keeps its own time-out and leaves nothing."""
    silent = pytest.raises(Transient, match=r"no answer within 1.5 s")
    with under_way(warehouse, monkeypatch) as (pid, told), frozen(pid), silent:
        told.result()
    gone = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"  # noqa: S608 - a test's
    until("its backend is gone", lambda: warehouse.run(gone) == [(0,)])
    assert warehouse.run("SELECT to_regclass('wms.slow')") == [(None,)]


def test_a_hand_edited_catalogue_is_noticed(warehouse: Warehouse) -> None:
    """The hash is computed from what is really there: a change behind our back makes the entry another one."""
    asked = entry(warehouse)
    warehouse.run("UPDATE selfheal_estate.catalogue SET texts[1] = texts[1] || ' ' WHERE name = 'stock-levels'")
    with pytest.raises(TargetChanged, match="another SQL"):
        warehouse.client().apply(**asked)
    assert warehouse.made(STOCK) == 0


@pytest.mark.parametrize(
    "name", ["wms.x'; DROP TABLE wms.moves; --", "wms.moves; SELECT 1", "moves", "", 'wms."moves"']
)
def test_a_name_with_sql_in_it_is_refused(warehouse: Warehouse, name: str) -> None:
    """What is no plain name never reaches the database."""
    with pytest.raises(NotAllowed):
        warehouse.client().object(name, timeout=SOON)
    with pytest.raises(NotAllowed):
        warehouse.client().apply(name + "!", sha256="", timeout=SOON)


def test_an_unpopulated_view_is_told(warehouse: Warehouse) -> None:
    """A materialized view without data is there and of no use; refreshing it is another life of it."""
    warehouse.run(f"CREATE MATERIALIZED VIEW {STOCK} AS SELECT 1 AS n WITH NO DATA")
    client = warehouse.client()
    before = client.object(STOCK, timeout=SOON)
    warehouse.run(f"REFRESH MATERIALIZED VIEW {STOCK}")
    after = client.object(STOCK, timeout=SOON)
    assert (before.state, after.state) == ("UNPOPULATED", "PRESENT")
    assert not after.same_life(before)
    warehouse.run("CREATE SEQUENCE IF NOT EXISTS wms.numbers")
    with pytest.raises(Permanent, match="something else"):
        client.object("wms.numbers", timeout=SOON)


def test_wrong_questions_are_no_silence(warehouse: Warehouse) -> None:
    """A wrong password, database or role is our fault: Permanent, with the server's words."""
    with pytest.raises(Permanent, match="does not let us in"):
        warehouse.client(password="wrong").ping(timeout=SOON)
    nowhere = EstateDatabase(url=warehouse.url + "x", username=ROLE, password=PASSWORD)
    with pytest.raises(Permanent, match="warehousex"):
        nowhere.ping(timeout=SOON)
    with pytest.raises(Permanent, match="does not let us in"):
        warehouse.client(username="nobody_at_all").ping(timeout=SOON)
    with pytest.raises(Permanent, match="url"):
        EstateDatabase(url="postgresql://127.0.0.1:port/x", username=ROLE).ping(timeout=SOON)


def test_a_full_database_is_not_dead(warehouse: Warehouse) -> None:
    """One without a free connection answers, and says so: Permanent."""
    warehouse.run(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")
    try:
        with pytest.raises(Permanent, match="too many connections"):
            warehouse.client().ping(timeout=SOON)
    finally:
        warehouse.run(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")


def test_silence_ends_by_our_own_clock(free_port: int) -> None:
    """Nobody there, or somebody who takes the connection and says nothing: Transient, within the time-out."""
    with pytest.raises(Transient, match="does not answer"):
        EstateDatabase(url=f"postgresql://127.0.0.1:{free_port}/x", username=ROLE).ping(timeout=SOON)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Transient, match=r"no answer within 0.3 s"):
            EstateDatabase(url=f"postgresql://127.0.0.1:{port}/x", username=ROLE).ping(timeout=timedelta(seconds=0.3))


def test_the_roles_rights_are_told(warehouse: Warehouse) -> None:
    """The limited role has no privileges, no memberships, and may create nowhere."""
    rights = warehouse.client().rights()
    assert (rights.role, rights.privileged, rights.member_of, rights.may_create_in) == (ROLE, False, (), ())
