"""What `doctor` says of the estate's databases."""

from collections.abc import Iterator

import psycopg
import pytest
from database_fixtures import MIGRATIONS, NAME, ROLE, Warehouse

from console.checks import Problem
from console.doctor_databases import database
from selfheal.model.errors import Permanent, Transient


def test_all_is_well(warehouse: Warehouse) -> None:
    """It answers, as a limited role, and both sides have the same catalogue."""
    said = database(warehouse.settings(), NAME)
    assert said == f"answers; {ROLE} is limited; its catalogue holds the 2 migrations of the settings"


def test_another_catalogue_is_told_entry_by_entry(warehouse: Warehouse) -> None:
    """What is missing there, only there, or not the same, and that estate-sql is to be run again."""
    changed = MIGRATIONS["half-made"] | {"creates": "wms.other"}
    settings = warehouse.settings(migrations={"half-made": changed, "new": changed}, components={}, healing={})
    with pytest.raises(Problem) as problem:
        database(settings, NAME)
    assert problem.value.message.endswith(
        ": new is missing there, stock-levels is only there, half-made is another SQL"
    )
    assert "estate-sql warehouse" in problem.value.hint


@pytest.fixture
def generous(warehouse: Warehouse, superuser: psycopg.Connection[object]) -> Iterator[None]:
    """The limited role with rights that it need not have."""
    warehouse.run(f"GRANT CREATE ON SCHEMA wms TO {ROLE}; GRANT pg_monitor TO {ROLE}; ALTER ROLE {ROLE} CREATEDB")
    yield
    warehouse.run(
        f"REVOKE CREATE ON SCHEMA wms FROM {ROLE}; REVOKE pg_monitor FROM {ROLE}; ALTER ROLE {ROLE} NOCREATEDB"
    )


def test_a_role_with_more_rights_is_a_problem(warehouse: Warehouse, generous: None) -> None:
    """Each right that it need not have is named."""
    with pytest.raises(Problem) as problem:
        database(warehouse.settings(), NAME)
    for said in ("superuser, or may make databases", "a member of pg_monitor", "may create in schema wms"):
        assert said in problem.value.message


def test_one_that_does_not_answer_or_let_us_in(warehouse: Warehouse, free_port: int) -> None:
    """The words of the client are the finding."""
    away = {"url": f"postgresql://127.0.0.1:{free_port}/warehouse"}
    with pytest.raises(Transient, match="does not answer"):
        database(warehouse.settings(databases={NAME: away}), NAME)
    stranger = {"url": warehouse.url, "password": "wrong"}
    with pytest.raises(Permanent, match="does not let us in"):
        database(warehouse.settings(databases={NAME: stranger}), NAME)
