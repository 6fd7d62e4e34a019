"""Fixtures for all tests: a real Postgres with our schema; the other fixture files are imported here."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from admission_desk import desk, owner_engine  # noqa: F401 - pytest finds fixtures by import
from alert_endpoints import endpoint, postbox  # noqa: F401 - the same
from approval_desk import counter  # noqa: F401 - pytest finds fixtures by import
from dashboard_fixtures import dashboard, happened  # noqa: F401 - pytest finds fixtures by import
from database_fixtures import warehouse, warehouse_made  # noqa: F401 - pytest finds fixtures by import
from deliverable_fixtures import broker, broker_process  # noqa: F401 - pytest finds fixtures by import
from docker_fixtures import docker_engine, own_dockerd, session_engine  # noqa: F401 - pytest finds fixtures by import
from embedded_fixtures import (  # noqa: F401 - pytest finds fixtures by import
    Embedded,
    embedded_postgres,
    scratch,
    superuser,
)
from estate_fixtures import estate, faults, free_port, running_estate  # noqa: F401 - the same
from hypothesis import settings
from person_fixtures import api_engine, issued  # noqa: F401 - the same
from psycopg.sql import SQL, Identifier
from racers import racers  # noqa: F401 - the same
from sqlalchemy import Engine
from web_fixtures import web, web_process  # noqa: F401 - the same
from webhook_receiver import receiver  # noqa: F401 - the same
from workflow_fixtures import shop  # noqa: F401 - the same
from xdist.scheduler import LoadFileScheduling

from deployments.embedded import roles
from deployments.migrate import migrate
from selfheal import logs
from selfheal.store.engine import open_engine
from selfheal.store.tables import metadata

settings.register_profile("selfheal", deadline=None)  # no test asserts a time
settings.load_profile("selfheal")

_MANY = 1000
WHOLE_STACK = {
    *("test_approvals_stack.py", "test_cli_stack.py", "test_dashboard_stack.py", "test_pages_stack.py"),
    *("test_planted_stack.py", "test_reload_stack.py", "test_stack_survives.py", "test_web_stack.py"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--campaign`: the chaos tests in full, as `make campaign` runs them."""
    parser.addoption("--campaign", action="store_true", help="run the kill and freeze campaign with every seed")


@pytest.fixture(scope="session")
def campaign(request: pytest.FixtureRequest) -> None:
    """Only with `--campaign`: what takes long and is covered by something shorter in `make test`.

    Of the session, so that it comes before whatever a test would start.
    """
    if not request.config.getoption("--campaign"):
        pytest.skip("takes half a minute or more: `make campaign`")


class ByFile(LoadFileScheduling):  # type: ignore[misc] # xdist has no types
    """A file's tests stay in one process of `pytest -n`, and the files of the one whole stack in the same."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "the whole stack" if Path(file).name in WHOLE_STACK else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """See `ByFile`. Not marks and `loadgroup`: xdist 3.8 puts those into what pytest 9.2 no longer reads."""
    return ByFile(config, log)


@pytest.fixture(autouse=True)
def own_secrets() -> Iterator[None]:
    """What one test's settings hold as secrets is taken out of no other test's rows."""
    before = set(logs._secrets)
    yield
    logs._secrets.intersection_update(before)


@pytest.fixture(scope="session")
def database_url(embedded_postgres: Embedded) -> str:  # noqa: F811 - the fixture, not the import
    """SQLAlchemy's URL of healing_user on a migrated database."""
    migrate(embedded_postgres.url(roles.MIGRATOR))
    return embedded_postgres.url(roles.HEALER)


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    """The database as healing_user."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def unbound(embedded_postgres: Embedded, database_url: str) -> Iterator[psycopg.Connection]:  # noqa: F811
    """A superuser for whom no trigger fires and no reference holds: it empties what others may not."""
    options = "-c session_replication_role=replica"
    dsn = embedded_postgres.postgres.superuser_dsn()
    with psycopg.connect(dsn, dbname="selfheal", options=options, autocommit=True) as connection:
        yield connection


@pytest.fixture
def empty(unbound: psycopg.Connection, engine: Engine) -> Engine:
    """The same with empty tables. A few rows are deleted: to truncate all tables takes many times as long."""
    counting = SQL(" UNION ALL ").join(
        SQL("SELECT {}, count(*) FROM (SELECT FROM {} LIMIT {}) rows").format(name, Identifier(name), _MANY)
        for name in metadata.tables
    )
    filled = {name: count for name, count in unbound.execute(counting).fetchall() if count}
    if max(filled.values(), default=0) == _MANY:
        unbound.execute(SQL("TRUNCATE {}").format(SQL(", ").join(map(Identifier, metadata.tables))))
    elif filled:
        unbound.execute(SQL("; ").join(SQL("DELETE FROM {}").format(Identifier(name)) for name in filled))
    return engine
