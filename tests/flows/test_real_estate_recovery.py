"""What went wrong in the real estate, the sixth: its recovery, as flows. The others are in tests/acceptance."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes import WIDE
from prefect_fixtures import Server
from real_estate import RealEstate, kept
from sqlalchemy import Engine, text
from workflow_fixtures import Impatient

from console.output import Cell
from console.turns import section
from deployments.objects import declared
from flows.recovery_health_check import recovery_health_check
from selfheal import bootstrap
from selfheal.protocol.keeping import keep

CHECK = "recovery-health-check"
REQ = "REQ-STUCK-1"


@pytest.fixture
def wired(
    prefect_server: Server, place: RealEstate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[bootstrap.Estate]:
    """As the flows find it in their environment, with one workflow that is stuck."""
    assert prefect_server
    healing = {"lease": 3, **WIDE} | dict.fromkeys(("cooldown", "flap"), "1 ms")
    tables = {"healing": healing, "workflows": place.broker.settings(request_file=place.world.file)}
    lines = ['healing.allow = ["workflows"]', "breakers.fewest = 1000"]
    lines += [f"{table}.{key} = {value!r}" for table, values in tables.items() for key, value in values.items()]
    (tmp_path / "selfheal.toml").write_text("\n".join(lines))
    monkeypatch.setenv("SELFHEAL_CONFIG", str(tmp_path / "selfheal.toml"))
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", place.world.database)
    monkeypatch.setattr(bootstrap, "SystemClock", Impatient)
    bootstrap.current.cache_clear()
    wired = bootstrap.current()
    place.world.write(f"{REQ} IN_PROGRESS P1")
    keep(kept(wired))
    place.silent()
    yield wired
    wired.close()
    bootstrap.current.cache_clear()


@contextmanager
def unwritable(owner: Engine) -> Iterator[None]:
    """The request file can be read, and no change of it can be announced, so none is made."""
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE file_changes RENAME TO elsewhere"))
    try:
        yield
    finally:
        with owner.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO file_changes"))


def test_06_recovery_failed_at_every_restart_and_logged_success(
    place: RealEstate, wired: bootstrap.Estate, owner_engine: Engine, prompt: None
) -> None:
    """A check that cannot look, and one whose recovery fails, has Failed: in its run, in history and in status."""
    wired.mechanisms.schedule(declared.schedules(workflows=True, logs=False), since=datetime.now(UTC))

    def shown() -> tuple[Cell, bool]:
        table, bad = section(wired.mechanisms.all())
        (row,) = [one for one in table.rows if one["mechanism"] == CHECK]
        return row["state"], bad

    file, away = Path(place.world.file), Path(place.world.file + ".away")
    file.rename(away)
    state = recovery_health_check(return_state=True)
    assert (state.name, state.is_failed()) == ("NotChecked", True), state.message
    assert shown() == ("failed", True)
    away.rename(file)

    with unwritable(owner_engine):
        for _ in range(2):
            state = recovery_health_check(return_state=True)
            assert (state.name, state.is_failed()) == ("NotRecovered", True), state.message
            assert REQ in str(state.message)
            assert shown() == ("failed", True)
    assert place.world.status(REQ) == "IN_PROGRESS"
    history = "SELECT success, error_message IS NOT NULL FROM workflow_recovery_history ORDER BY recovered_at"
    assert place.rows(history) == [(False, True)] * 2
    attempts = "SELECT status FROM healing_actions WHERE target_component = :name ORDER BY created_at"
    assert place.rows(attempts, name=REQ) == [("FAILED",)] * 2

    state = recovery_health_check(return_state=True)
    assert (state.name, state.is_completed()) == ("Healthy", True), state.message
    assert place.rows(history) == [(False, True)] * 2 + [(True, False)]
    assert shown()[0] == "ran"
    assert place.world.status(REQ) == "PENDING"
