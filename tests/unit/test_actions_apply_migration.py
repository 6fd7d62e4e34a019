"""apply-migration: the catalogue's entry and nothing else, once, with a preview."""

from datetime import timedelta

import pytest
from fakes import FakeDatabase, always

from selfheal.actions.apply_migration import ApplyMigration
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import NotAllowed, Permanent, TargetChanged
from selfheal.model.migration import CatalogueEntry, Migration, Part, PartKind
from selfheal.model.observation import Health

STOCK = Component(
    name="stock",
    target="database/agents/wms.stock",
    probe=ProbeKind.SQL_OBJECT,
    database="agents",
    object="wms.stock",
    migration="stock",
    ladder=("apply-migration",),
)
WANTED = Migration(
    name="stock",
    database="agents",
    creates="wms.stock",
    parts=(Part(kind=PartKind.SQL, text="CREATE VIEW wms.stock AS SELECT 1"),),
    timeout=timedelta(minutes=3),
)
SQL = "CREATE VIEW wms.stock AS SELECT 1 -- password=geheim"


def world(**changes: str) -> tuple[ApplyMigration, FakeDatabase]:
    database = FakeDatabase(1)
    held = {"name": "stock", "creates": "wms.stock", "sql": SQL, "sha256": WANTED.sha256} | changes
    database.held = {held["name"]: CatalogueEntry(**held)}
    action = ApplyMigration(
        databases={"agents": database}, migrations={"stock": WANTED}, observe=always(Health.HEALTHY)
    )
    return action, database


def test_the_plan_is_the_preview() -> None:
    """It shows what is there and the SQL that would run, without what looks like a secret, and runs nothing."""
    action, database = world()
    plan = action.prepare(STOCK)
    assert plan.steps[0] == "wms.stock is MISSING"
    assert "CREATE VIEW wms.stock AS SELECT 1 -- password=***" in plan.steps[1]
    assert plan.evidence["sha256"] == WANTED.sha256
    assert plan.before is not None
    assert (plan.before.state, database.applied) == ("MISSING", [])


def test_it_runs_its_entry_once() -> None:
    """The first makes the object; the next one finds it, and a rollback never takes it away."""
    action, database = world()
    plan = action.prepare(STOCK)
    assert "made wms.stock" in action.commit(STOCK, plan)
    with pytest.raises(TargetChanged, match=r"somebody else made wms\.stock"):
        action.commit(STOCK, plan)
    assert "left alone" in action.rollback(STOCK, plan)
    assert database.objects == {"wms.stock": "PRESENT"}


@pytest.mark.parametrize("changes", [{"sha256": "another"}, {"name": "another"}])
def test_another_catalogue_is_refused(changes: dict[str, str]) -> None:
    """What the settings hold and the database does not is not run; the hint says who must do what."""
    action, _ = world(**changes)
    with pytest.raises(NotAllowed, match="estate-sql"):
        action.prepare(STOCK)


def test_it_may_take_as_long_as_its_longest_entry() -> None:
    """The act's deadline covers every entry of the catalogue, and a name that is none is told."""
    action, database = world()
    assert action.timeout > WANTED.timeout
    empty = ApplyMigration(databases={"agents": database}, migrations={}, observe=always(Health.HEALTHY))
    with pytest.raises(Permanent, match="no migration is named 'stock'"):
        empty.prepare(STOCK)
