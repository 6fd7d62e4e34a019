"""workflow-persistence and workflow-admission as flows: their forms, their named states, and what they leave."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deliverable_fixtures import DeliverableBroker
from prefect_fixtures import Server
from sqlalchemy import Engine
from starting_worlds import World

from flows.workflow_admission import workflow_admission
from flows.workflow_persistence import workflow_persistence
from selfheal import bootstrap
from selfheal.model.workflow import WorkflowStatus
from selfheal.store.pauses import Pauses

Wire = Callable[..., bootstrap.Estate]


@pytest.fixture
def world(empty: Engine, database_url: str, broker: DeliverableBroker, tmp_path: Path) -> World:
    found = World(database=database_url, broker=broker.url, login=broker.login, file=str(tmp_path / "REQUESTS.md"))
    found.write("REQ-1 NEW P1", replace=True)
    return found


@pytest.fixture
def wire(prefect_server: Server, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Wires an estate of nothing but workflows, as the flows find it in their environment."""
    known: list[bootstrap.Estate] = []

    def wired(*, file: str = world.file, allow: str = '"workflows"') -> bootstrap.Estate:
        config = tmp_path / "selfheal.toml"
        config.write_text(
            f'[healing]\nallow = [{allow}]\n[workflows]\nrequest_file = "{file}"\nurl = "{world.broker}"\n'
            f'username = "{world.login[0]}"\npassword = "{world.login[1]}"\n'
        )
        monkeypatch.setenv("SELFHEAL_CONFIG", str(config))
        monkeypatch.setenv("SELFHEAL_DATABASE_URL", world.database)
        let_go()
        known.append(bootstrap.current())
        return known[-1]

    def let_go() -> None:
        for one in known:
            one.close()
        known.clear()
        bootstrap.current.cache_clear()

    yield wired
    let_go()


def ended(flow: Any, **parameters: Any) -> tuple[str | None, str]:
    """The name of the run's final state, and its message."""
    state = flow(**parameters, return_state=True)
    return state.name, str(state.message)


def test_a_request_is_taken_in_and_started(
    prefect_server: Server, wire: Wire, world: World, broker: DeliverableBroker
) -> None:
    """Kept, then Started; the runs have readable names, and the workflows are a table among the artifacts."""
    estate = wire()
    assert ended(workflow_persistence) == ("Kept", "1 taken in, 0 settled, 0 left, 0 forgotten")
    name, message = ended(workflow_admission)
    while (
        name == "NothingStarted"
    ):  # the streams of this test are younger than a request may be: in two seconds no more
        assert "nobody can tell what was delivered" in message
        name, message = ended(workflow_admission)
    assert (name, message) == (
        "Started",
        "0 finished, 0 ended, 1 started; 0 held; REQ-1: stage 0 (cynthia)",
    )
    assert estate.keeping is not None
    assert [one.req_number for one in estate.keeping.sources.states.all(status=WorkflowStatus.RUNNING)] == ["REQ-1"]
    assert world.status("REQ-1") == "IN_PROGRESS"
    runs = {run.name.partition(",")[0] for run in prefect_server.client.read_flow_runs()}
    assert {"keep the states of workflows", "start workflows"} <= runs
    found = prefect_server.client.request("POST", "/artifacts/filter", json={}).json()
    assert "workflows" in {one["key"] for one in found}
    assert set(estate.runs.latest(["workflow-admission", "workflow-persistence"])) == {
        "workflow-admission",
        "workflow-persistence",
    }


def test_dry_runs_do_nothing(wire: Wire, world: World) -> None:
    """Both tell what they would do; nothing is written."""
    estate = wire()
    assert ended(workflow_persistence, dry_run=True) == ("DryRun", "REQ-1 would be taken in; REQ-1: NO_STATE, is left")
    assert estate.keeping is not None
    assert estate.keeping.sources.states.all() == []
    assert ended(workflow_admission, dry_run=True) == ("DryRun", "0 started; 0 held")


def test_what_keeps_it_from_starting_is_said(wire: Wire, world: World, empty: Engine, prompt: None) -> None:
    """Not allowed; a pause; a file that is gone; no workflows at all."""
    wire(allow="")
    assert ended(workflow_admission) == ("NotAllowed", "nothing is started: add workflows to healing.allow")
    wire()
    Pauses(empty).pause(who="ada", why="new disks")
    ended(workflow_persistence)
    assert ended(workflow_admission)[0] == "NothingStarted"
    Path(world.file).unlink()
    assert ended(workflow_admission)[0] == "NotStarted"
    assert ended(workflow_persistence)[0] == "FileNotBelieved"
    wire(file="")
    assert ended(workflow_admission)[0] == ended(workflow_persistence)[0] == "NoWorkflows"
