"""apply-migration on a real estate database: many healers, failures, modes; the database itself counts what is made."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from database_fixtures import BROKEN, MIGRATIONS, STOCK, Warehouse
from sqlalchemy import Engine, text
from trigger_storm import storm
from uuid6 import uuid7

from selfheal.bootstrap import Estate, wire
from selfheal.clients.estate_database import EstateDatabase
from selfheal.model.admission import Decision
from selfheal.model.attempt import RollbackOutcome, Status, Verification
from selfheal.model.errors import NotAllowed, Transient
from selfheal.model.observation import Health
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol.dry_run import preview
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse

PROCESSES, EACH = 8, 5


@contextmanager
def wired(values: dict[str, Any], database_url: str) -> Iterator[Estate]:
    """An estate of these settings, with connections of its own."""
    estate = wire(parse(values, source="the test"), database_url=database_url)
    try:
        yield estate
    finally:
        estate.engine.dispose()


def a_trigger(component: str = "stock") -> Trigger:
    return Trigger(
        id=uuid7(),
        type=TriggerType.OBJECT_MISSING,
        component=component,
        source=Source.WATCHER,
        priority=Priority.HIGH,
        reason="the test dropped it",
        detected_at=datetime.now(UTC),
    )


def healed(values: dict[str, Any], database_url: str, component: str = "stock") -> Result:
    """One heal by one healer."""
    with wired(values, database_url) as estate:
        return heal(plain_steps(estate.healer), a_trigger(component))


def test_eight_dispatchers_make_a_missing_view_once(
    warehouse: Warehouse, empty: Engine, database_url: str, tmp_path: Path
) -> None:
    """40 triggers from 8 processes make one view, one attempt and 39 counted refusals."""
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(warehouse.values()))

    told = Counter(storm(settings, "stock", database_url, processes=PROCESSES, each=EACH).values())

    assert (told.total(), told["ADMITTED"]) == (PROCESSES * EACH, 1)
    assert set(told) <= {"ADMITTED", "ALREADY_HEALING", "ALREADY_HEALTHY"}
    assert warehouse.made(STOCK) == 1
    assert warehouse.run("SELECT by_role FROM public.made") == [("selfheal_estate",)]
    assert warehouse.run("SELECT item, pieces FROM wms.stock_levels ORDER BY 1") == [("bolt", 5), ("nut", 3)]
    with empty.connect() as connection:
        told_rows = connection.execute(
            text("SELECT action_type, status, verification, trigger_type, rollback_outcome FROM healing_actions")
        ).all()
    assert [tuple(row) for row in told_rows] == [
        ("APPLY_MIGRATION", "SUCCESS", "HEALED", "OBJECT_MISSING", "NOT_NEEDED")
    ]


def test_a_failing_migration_is_rolled_back_in_the_record(
    warehouse: Warehouse, empty: Engine, database_url: str
) -> None:
    """It leaves nothing in the database, and one outcome: ROLLED_BACK, with the server's reason."""
    result = healed(warehouse.values(), database_url, "broken")
    assert result.outcome is not None
    assert (result.outcome.status, result.outcome.verification) == (Status.ROLLED_BACK, Verification.NOT_HEALED)
    assert result.outcome.rollback is RollbackOutcome.DONE
    assert "wms.nowhere" in result.outcome.message
    assert warehouse.run("SELECT to_regclass('wms.left_behind'), to_regclass('wms.never_made')") == [(None, None)]
    with empty.connect() as connection:
        rows = connection.execute(text("SELECT status, rollback_outcome, success FROM healing_actions")).all()
    assert [tuple(row) for row in rows] == [("ROLLED_BACK", "DONE", False)]
    assert healed(warehouse.values(), database_url, "broken").answer.decision is Decision.COOLDOWN


def test_sql_changed_in_the_settings_only_is_refused(warehouse: Warehouse, empty: Engine, database_url: str) -> None:
    """Until the DBA has run estate-sql again, nothing runs; the hint says so."""
    changed = {"sql": f"CREATE TABLE {STOCK} (n int)", "parameters": {}}
    values = warehouse.values(migrations=MIGRATIONS | {"stock-levels": MIGRATIONS["stock-levels"] | changed})
    with wired(values, database_url) as estate, pytest.raises(NotAllowed, match="another SQL"):
        preview(estate.healer, a_trigger())
    result = healed(values, database_url)
    assert result.outcome is not None
    assert (result.outcome.status, result.outcome.verification) == (Status.FAILED, Verification.NOT_HEALED)
    assert "estate-sql" in result.outcome.message
    assert warehouse.made(STOCK) == 0


def test_two_entries_are_told_apart(warehouse: Warehouse, empty: Engine, database_url: str) -> None:
    """A failed entry stands in the way of its own object only."""
    assert healed(warehouse.values(), database_url, "broken").name == "RolledBack"
    assert healed(warehouse.values(), database_url, "stock").name == "Healed"
    assert (warehouse.made(STOCK), warehouse.run(f"SELECT to_regclass('{BROKEN}')")) == (1, [(None,)])


@pytest.mark.parametrize("mode", ["observe", "shadow", "approve", None])
def test_no_other_mode_acts(warehouse: Warehouse, empty: Engine, database_url: str, mode: str | None) -> None:
    """Only auto acts; approve is the default, and asks. That is recorded, and the dry run shows it beside the plan."""
    word = Decision.NOT_ALLOWED if mode in {"observe", "shadow"} else Decision.AWAITING_APPROVAL
    values = warehouse.values(actions={"apply-migration": {"mode": mode}} if mode else {})
    with wired(values, database_url) as estate:
        told = preview(estate.healer, a_trigger())
        result = heal(plain_steps(estate.healer), a_trigger())
    assert (told.decision, result.answer.decision) == (word, word)
    assert f"mode {mode or 'approve'}" in told.reason
    assert "[actions.apply-migration]" in told.reason
    assert "CREATE MATERIALIZED VIEW wms.stock_levels" in " ".join(told.steps)
    assert warehouse.made(STOCK) == 0
    with empty.connect() as connection:
        counted = connection.execute(text("SELECT decision, sum(occurrences) FROM healing_triggers GROUP BY 1")).all()
    assert [tuple(row) for row in counted] == [(word, 1)]


def test_a_lost_answer_is_told_by_observation(
    warehouse: Warehouse, empty: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migration was committed and its answer never came: the view is there and was not before, so it is healed."""
    with wired(warehouse.values(), database_url) as estate:
        apply = EstateDatabase.apply

        def lost(*args: Any, **named: Any) -> bool:
            apply(*args, **named)
            raise Transient("the connection to the database broke")

        monkeypatch.setattr(EstateDatabase, "apply", lost)
        result = heal(plain_steps(estate.healer), a_trigger())
    assert (result.name, warehouse.made(STOCK)) == ("Healed", 1)


def test_what_somebody_else_made_is_left(
    warehouse: Warehouse, empty: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view made by a person between the plan and the act is neither made again nor dropped."""
    with wired(warehouse.values(), database_url) as estate:
        apply = EstateDatabase.apply

        def after_a_person(*args: Any, **named: Any) -> bool:
            warehouse.run(f"CREATE MATERIALIZED VIEW {STOCK} AS SELECT 'by hand' AS item, 1 AS pieces")
            return apply(*args, **named)

        monkeypatch.setattr(EstateDatabase, "apply", after_a_person)
        result = heal(plain_steps(estate.healer), a_trigger())
    assert result.outcome is not None
    assert (result.outcome.status, result.outcome.verification) == (Status.FAILED, Verification.UNKNOWN)
    assert "somebody else made" in result.outcome.message
    assert warehouse.run("SELECT item FROM wms.stock_levels") == [("by hand",)]


def test_an_object_is_not_blamed_for_its_database(
    warehouse: Warehouse, empty: Engine, database_url: str, free_port: int
) -> None:
    """With the database away its own component is sick, and nothing is known of what is in it."""
    values = warehouse.values(databases={"warehouse": {"url": f"postgresql://127.0.0.1:{free_port}/warehouse"}})
    with wired(values, database_url) as estate:
        seen = {one.component: one for one in estate.observer.observe_all(list(estate.healer.components.values()))}
    assert (seen["warehouse"].health, seen["stock"].health) == (Health.SICK, Health.UNKNOWN)
    assert "cannot be looked for" in seen["stock"].detail
