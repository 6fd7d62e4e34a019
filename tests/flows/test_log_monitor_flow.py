"""log-monitor as a flow: it follows until another run does, heals as flow runs, and retires where there are no logs."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from estate_fixtures import until
from prefect_fixtures import Server
from sqlalchemy import text

from flows.log_monitor import log_monitor
from selfheal import bootstrap
from selfheal.protocol.holder import this_process
from selfheal.watch.log_watcher import MECHANISM


@pytest.fixture
def followed(healing: bootstrap.Estate, tmp_path: Path) -> Iterator[Path]:
    """A log of the backend, named by the settings that flows find."""
    log, config = tmp_path / "backend.log", Path(os.environ["SELFHEAL_CONFIG"])
    log.touch()
    source = f'[log_monitor.sources.backend]\ncomponent = "backend"\nfile = "{log}"\n'
    config.write_text(f"{config.read_text()}\n{source}")
    bootstrap.current.cache_clear()
    yield log
    bootstrap.current().close()


def healed(estate: bootstrap.Estate) -> list[str]:
    with estate.engine.connect() as connection:
        return list(connection.scalars(text("SELECT target_component FROM healing_actions WHERE status = 'SUCCESS'")))


def test_a_line_is_healed_as_a_flow_run_and_the_next_run_takes_over(
    prefect_server: Server, healing: bootstrap.Estate, broken: str, followed: Path
) -> None:
    """The suspect is down and the log says so: healed by a run of healing-dispatch inside this one."""

    def world() -> None:
        try:
            until("it follows", lambda: bool(healing.health.watches()))
            followed.write_text("FATAL: everything is lost\n")
            until("it is healed", lambda: healed(healing) == [broken])
        finally:
            healing.health.begin_watch(MECHANISM, uuid4(), this_process())

    with_it = threading.Thread(target=world)
    with_it.start()
    state = log_monitor(return_state=True)
    with_it.join(timeout=60)
    assert (state.name, state.message) == ("HandedOver", "1 lines, 1 of them errors, 1 triggers raised")
    runs = prefect_server.client.read_flow_runs()
    names = {one.name for one in runs if one.parent_task_run_id is not None}
    assert any(name.startswith(f"heal {broken}: backend has 1 line of fatal") for name in names)


def test_without_logs_a_run_retires_the_one_that_follows(prefect_server: Server, healing: bootstrap.Estate) -> None:
    """It ends at once, the other one sees another's id, and nobody is expected to watch any more."""
    earlier = uuid4()
    healing.health.begin_watch(MECHANISM, earlier, this_process())
    state = log_monitor(return_state=True)
    assert state.name == "NoLogs"
    assert not healing.health.beat(MECHANISM, earlier)
    assert MECHANISM not in {one.mechanism for one in healing.health.watches()}
