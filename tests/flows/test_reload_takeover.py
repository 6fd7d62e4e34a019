"""After a reload nothing is begun by the earlier settings; without a successor the run itself takes the new ones up."""

import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from estate_fixtures import until
from prefect_fixtures import Server
from sqlalchemy import text
from uuid6 import uuid7

from flows.application_health import application_health
from flows.healing_dispatch import dispatch
from flows.log_monitor import log_monitor
from selfheal import bootstrap
from selfheal.model.errors import Transient
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol.holder import this_process
from selfheal.watch import log_watcher, succession, watcher

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def edit(healing: bootstrap.Estate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Replaces a word of the settings in force, as a reload does; whoever waits for a successor soon waits no more."""
    monkeypatch.setattr(succession, "PATIENCE_S", 0.5)
    config = Path(os.environ["SELFHEAL_CONFIG"])

    def replaced(was: str, now: str) -> None:
        new = config.with_name("new.toml")
        new.write_text(config.read_text().replace(was, now))
        new.replace(config)

    yield replaced
    bootstrap.current().close()


@pytest.fixture
def log(healing: bootstrap.Estate, edit: Callable[[str, str], None], tmp_path: Path) -> Path:
    """The backend's, which is followed."""
    file = tmp_path / "backend.log"
    file.touch()
    edit("[healing]", f'[log_monitor.sources.backend]\ncomponent = "backend"\nfile = "{file}"\n[healing]')
    bootstrap.current.cache_clear()
    return file


def asked(estate: bootstrap.Estate, statement: str) -> list[str]:
    with estate.engine.connect() as connection:
        return list(connection.scalars(text(statement)))


def healed(estate: bootstrap.Estate) -> list[str]:
    return asked(estate, "SELECT target_component FROM healing_actions WHERE status = 'SUCCESS'")


def beside(estate: bootstrap.Estate, mechanism: str, world: Callable[[], None]) -> threading.Thread:
    """Let the world go on in a thread, and then another run take over."""

    def play() -> None:
        try:
            world()
        finally:
            estate.health.begin_watch(mechanism, uuid4(), this_process())

    thread = threading.Thread(target=play)
    thread.start()
    return thread


def test_nothing_is_begun_by_settings_that_are_no_longer_in_force(
    healing: bootstrap.Estate, broken: str, edit: Callable[[str, str], None]
) -> None:
    """Its ladder and its allow-list are not what a person has just said: no attempt, no answer, a word to try again."""
    trigger = Trigger(
        id=uuid7(),
        type=TriggerType.SERVICE_DOWN,
        component=broken,
        source=Source.WATCHER,
        priority=Priority.HIGH,
        reason="it is down",
        detected_at=datetime.now(UTC),
    )
    edit('"backend", ', "")
    with pytest.raises(Transient, match="other settings are in force"):
        dispatch(trigger)
    assert asked(healing, "SELECT status FROM healing_actions") == []
    assert asked(healing, "SELECT decision FROM healing_triggers") == []
    bootstrap.renewed()
    assert dispatch(trigger).answer.decision == "NOT_ALLOWED"


def test_the_watcher_takes_new_settings_up_where_no_run_takes_over(
    healing: bootstrap.Estate, broken: str, edit: Callable[[str, str], None]
) -> None:
    """What could not be healed by the earlier allow-list is healed by the new one, in the same run."""
    edit('"backend", ', "")
    bootstrap.current.cache_clear()

    def world() -> None:
        refused = "SELECT DISTINCT decision FROM healing_triggers WHERE component = 'backend'"
        until("it may not be healed", lambda: asked(healing, refused) == ["NOT_ALLOWED"])
        edit("[healing]\nallow = [", '[healing]\nallow = ["backend", ')
        until("it is healed", lambda: healed(healing) == [broken])

    with_it = beside(healing, watcher.MECHANISM, world)
    state = application_health(return_state=True)
    with_it.join(timeout=60)
    assert healed(healing) == [broken]
    assert state.name == "HandedOver"


def test_log_monitor_takes_new_settings_up_where_no_run_takes_over(
    prefect_server: Server, healing: bootstrap.Estate, log: Path, edit: Callable[[str, str], None]
) -> None:
    """It follows another file in the same run; once the settings name none, the run ends and nobody is expected."""
    other = log.with_name("other.log")
    other.write_text("FATAL before\n")
    read = "SELECT place FROM log_positions WHERE lines > 0"

    def world() -> None:
        until("it follows", lambda: bool(healing.health.watches()))
        edit(f'file = "{log}"\n', f'file = "{other}"\nfrom_start = true\n')
        until("it reads the other", lambda: asked(healing, read) == [str(other)])
        edit(f'[log_monitor.sources.backend]\ncomponent = "backend"\nfile = "{other}"\nfrom_start = true\n', "")
        until("nobody follows", lambda: healing.health.watches() == [])

    with_it = beside(healing, log_watcher.MECHANISM, world)
    state = log_monitor(return_state=True)
    with_it.join(timeout=60)
    assert state.name == "NoLogs"
