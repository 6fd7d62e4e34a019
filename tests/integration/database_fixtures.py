"""A database of an estate, beside our own: a warehouse whose stock view Selfheal may make.

`tests/conftest.py` imports the fixtures `warehouse_made` (session) and `warehouse` (function).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from embedded_fixtures import Embedded
from psycopg import sql

from selfheal.clients.estate_database import EstateDatabase
from selfheal.clients.estate_sql import estate_sql
from selfheal.settings.estate import Settings
from selfheal.settings.file import parse

NAME = "warehouse"
ROLE = "selfheal_estate"
PASSWORD = "limited-4711"
STOCK, BROKEN = "wms.stock_levels", "wms.never_made"

MIGRATIONS = {
    "stock-levels": {
        "database": NAME,
        "creates": STOCK,
        "sql": """\
CREATE MATERIALIZED VIEW wms.stock_levels AS
SELECT item, sum(pieces) AS pieces FROM wms.moves WHERE kind <> :'without' GROUP BY item;
COMMENT ON MATERIALIZED VIEW wms.stock_levels IS 'made by ''Selfheal'' \\ :not::a "parameter"';
CREATE UNIQUE INDEX :"index" ON wms.stock_levels (item)""",
        "parameters": {"without": "o'neil\\'; DROP TABLE wms.moves; --", "index": 'Stock "by" item'},
    },
    "half-made": {
        "database": NAME,
        "creates": BROKEN,
        "sql": "CREATE TABLE wms.left_behind (n int); CREATE VIEW wms.never_made AS SELECT n / 0 FROM wms.nowhere",
    },
}

_ESTATE = """
CREATE SCHEMA wms;
CREATE TABLE wms.moves (item text NOT NULL, kind text NOT NULL, pieces int NOT NULL);
INSERT INTO wms.moves VALUES ('bolt', 'in', 7), ('bolt', 'out', -2), ('nut', 'in', 3);
CREATE TABLE wms.salaries (person text, euros int);
CREATE TABLE public.made (at timestamptz DEFAULT clock_timestamp(), what text, by_role text);
CREATE FUNCTION public.count_made() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.made (what, by_role)
    SELECT object_identity, session_user FROM pg_event_trigger_ddl_commands()
    WHERE command_tag IN ('CREATE MATERIALIZED VIEW', 'CREATE VIEW', 'CREATE TABLE') AND object_identity LIKE 'wms.%';
END $$;
CREATE EVENT TRIGGER count_made ON ddl_command_end EXECUTE FUNCTION public.count_made();
"""


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """The estate's database as its DBA has it."""

    superuser_dsn: str
    url: str

    def values(self, **changes: Any) -> dict[str, Any]:
        """Settings of an estate with a component for the database and one for each object."""
        stock = {"probe": "sql-object", "database": NAME, "ladder": ["apply-migration"], "healthy_delay": "100 ms"}
        return {
            "healing": {"allow": ["stock", "broken"]},
            "actions": {"apply-migration": {"mode": "auto"}},
            "databases": {NAME: {"url": self.url, "username": ROLE, "password": PASSWORD}},
            "migrations": MIGRATIONS,
            "components": {
                "warehouse": {"probe": "sql", "database": NAME},
                "stock": stock | {"object": STOCK, "migration": "stock-levels"},
                "broken": stock | {"object": BROKEN, "migration": "half-made"},
            },
        } | changes

    def settings(self, **changes: Any) -> Settings:
        return parse(self.values(**changes), source="the test")

    def client(self, *, username: str = ROLE, password: str = PASSWORD) -> EstateDatabase:
        return EstateDatabase(url=self.url, username=username, password=password)

    def written(self, settings: Settings | None = None, *, role: str = ROLE, rights_of: str = "") -> str:
        """What `selfheal estate-sql` prints."""
        migrations = list((settings or self.settings()).allowed_sql().values())
        return estate_sql(url=self.url, role=role, rights_of=rights_of, migrations=migrations)

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """As the DBA."""
        with psycopg.connect(self.superuser_dsn, dbname=NAME, autocommit=True) as dba:
            cursor = dba.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def made(self, what: str) -> int:
        """How often it was created, as the database itself counted."""
        return int(self.run(f"SELECT count(*) FROM public.made WHERE what = '{what}'")[0][0])  # noqa: S608 - a test's


@pytest.fixture(scope="session")
def warehouse_made(embedded_postgres: Embedded) -> Iterator[Warehouse]:
    """The session's warehouse; tests ask for `warehouse`."""
    postgres = embedded_postgres.postgres
    with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as dba:
        dba.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    warehouse = Warehouse(superuser_dsn=postgres.superuser_dsn(), url=f"postgresql://127.0.0.1:{postgres.port}/{NAME}")
    warehouse.run(_ESTATE)
    warehouse.run(warehouse.written())
    warehouse.run(f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}'; GRANT SELECT ON wms.moves TO selfheal_estate_owner")
    yield warehouse
    with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as dba:
        dba.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(NAME)))


@pytest.fixture
def warehouse(warehouse_made: Warehouse) -> Warehouse:
    """The warehouse with the catalogue of `MIGRATIONS`, without the view, nothing counted."""
    warehouse_made.run(f"DROP MATERIALIZED VIEW IF EXISTS {STOCK}; TRUNCATE public.made")
    warehouse_made.run(warehouse_made.written())
    return warehouse_made


__all__ = ["warehouse", "warehouse_made"]
