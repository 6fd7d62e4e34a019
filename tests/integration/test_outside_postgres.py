"""A Postgres by its url: made by a role with few rights or by a DBA, and never taken over from somebody else."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from embedded_fixtures import Embedded, opened, running, scratch_folder

from benchmarks.freezing import frozen
from deployments.embedded import postgres as binaries
from deployments.embedded import roles, stack
from deployments.embedded.stack import Servers
from deployments.migrate import migrate
from deployments.outside.postgres import OutsidePostgres
from deployments.outside.roles import SHARED_PREFECT
from selfheal.model.errors import Permanent, Transient
from selfheal.settings.file import parse
from selfheal.store.engine import open_engine
from selfheal.store.health import HealthHistory

SCRIPT = Path(__file__).parents[2] / "examples" / "postgres.sql"
OURS = (
    "selfheal_owner",
    "selfheal_migrator",
    "healing_user",
    "selfheal_api",
    "selfheal_api_admin",
    "selfheal_viewer",
    "selfheal_prefect",
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Embedded]:
    """A server with nothing of ours on it, and a role `ops` that may make roles and databases and no more."""
    with scratch_folder() as path, opened(path) as embedded:
        postgres = embedded.servers.postgres
        with running(postgres.start(), postgres.ready, end=signal.SIGQUIT):
            with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as first:
                first.execute("CREATE ROLE ops LOGIN CREATEROLE CREATEDB PASSWORD 'ops'")
            yield embedded


@pytest.fixture
def superuser(shared: Embedded) -> Iterator[psycopg.Connection[Any]]:
    """Looks, and takes away what a test has left."""
    with psycopg.connect(shared.servers.postgres.superuser_dsn(), autocommit=True) as connection:
        yield connection
        for database in ("selfheal", "wanted", "selfheal_prefect"):
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)".encode())
        for role in OURS:
            connection.execute(f"DROP ROLE IF EXISTS {role}".encode())


def servers(shared: Embedded, database: str = "wanted", **given: str) -> Servers:
    """What `up` would use; without further settings as `ops`."""
    url = f"postgresql://127.0.0.1:{shared.servers.postgres.port}/{database}"
    settings = parse({"postgres": {"url": url, **(given or {"username": "ops", "password": "ops"})}}, source="")
    return stack.servers(shared.folder, identity=None, settings=settings)


def prepare(wanted: Servers) -> OutsidePostgres:
    assert isinstance(wanted.postgres, OutsidePostgres)
    wanted.postgres.prepare(wanted.passwords, with_prefect=True)
    return wanted.postgres


def seen(superuser: psycopg.Connection[Any]) -> list[Any]:
    """Roles, their passwords, memberships, settings and databases."""
    questions = (
        "SELECT * FROM pg_authid ORDER BY 1",
        "SELECT * FROM pg_auth_members ORDER BY 1",
        "SELECT * FROM pg_db_role_setting ORDER BY 1, 2",
        "SELECT datname, datdba, datacl FROM pg_database ORDER BY 1",
    )
    return [superuser.execute(question.encode()).fetchall() for question in questions]


def test_few_rights_are_enough_and_twice_is_as_once(shared: Embedded, superuser: psycopg.Connection[Any]) -> None:
    """CREATEROLE and CREATEDB make everything, the schema too; a second time nothing at all changes."""
    wanted = servers(shared)
    prepare(wanted)
    once = seen(superuser)
    prepare(wanted)
    assert seen(superuser) == once
    migrate(wanted.database_url(roles.MIGRATOR))
    engine = open_engine(wanted.database_url(roles.HEALER))
    assert list(HealthHistory(engine).watches()) == []
    engine.dispose()
    with psycopg.connect(wanted.database_url(roles.HEALER).replace("+psycopg", "")) as healer:
        assert healer.execute("SHOW lock_timeout").fetchone() == ("5s",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            healer.execute("DELETE FROM faults")
    prefect = wanted.postgres.url(user=SHARED_PREFECT, password=wanted.passwords.prefect, database=SHARED_PREFECT)
    psycopg.connect(prefect.replace("+psycopg", "")).close()


def test_a_dba_prepares_everything(shared: Embedded, superuser: psycopg.Connection[Any]) -> None:
    """After `examples/postgres.sql` the passwords of the roles are enough, and no role or database is made."""
    words = {f"{name}_password": name * 2 for name in ("migrator", "healer", "api", "prefect")}
    options = [word for name, value in words.items() for word in ("-v", f"{name}={value}")]
    psql = binaries.binaries() / "psql"
    dsn = shared.servers.postgres.superuser_dsn()
    subprocess.run(
        [psql, "-X", "-v", "ON_ERROR_STOP=1", *options, "-f", SCRIPT, "-d", dsn], check=True, capture_output=True
    )
    before = seen(superuser)
    wanted = servers(shared, "selfheal", **words)
    prepare(wanted)
    migrate(wanted.database_url(roles.MIGRATOR))
    assert seen(superuser) == before
    engine = open_engine(wanted.database_url(roles.HEALER))
    assert list(HealthHistory(engine).watches()) == []
    engine.dispose()


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        ("CREATE DATABASE wanted", "belongs to postgres"),
        ("CREATE DATABASE selfheal_prefect", "belongs to postgres"),
        ("CREATE ROLE healing_user LOGIN PASSWORD 'theirs'", "does not take our password"),
    ],
)
def test_what_is_somebody_elses_is_never_taken(
    shared: Embedded, superuser: psycopg.Connection[Any], theirs: str, told: str
) -> None:
    """A database or a role of our names that is not ours is refused by name, and nothing was changed."""
    superuser.execute(theirs.encode())
    before = seen(superuser)
    with pytest.raises(Permanent, match=told):
        prepare(servers(shared))
    assert seen(superuser) == before


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"username": "ops", "password": "geheim-4711"}, "does not let ops in"),
        (
            {"migrator_password": "geheim-4711", "healer_password": "x", "api_password": "x", "prefect_password": "x"},
            "selfheal_migrator in",
        ),
        (
            {"healer_password": "geheim-4711"},
            "migrator_password, postgres.api_password, postgres.prefect_password is not set",
        ),
    ],
)
def test_who_is_not_let_in_is_told_so(shared: Embedded, given: dict[str, str], told: str) -> None:
    """A wrong or a missing password is named, never shown, and said to be for good."""
    with pytest.raises(Permanent, match=told) as error:
        prepare(servers(shared, **given))
    assert "geheim" not in str(error.value)


def test_a_frozen_server_is_away(shared: Embedded) -> None:
    """It is told as waited for, with its address, within some seconds."""
    wanted = servers(shared).postgres
    assert wanted.ready()
    (pid, *_) = (shared.servers.postgres.cluster / "postmaster.pid").read_text().split()
    told = f"Postgres at postgresql://127.0.0.1:{wanted.port}/wanted"
    with frozen(int(pid)), pytest.raises(Transient, match=told):
        wanted.ready()
