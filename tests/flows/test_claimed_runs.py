"""Runs that say they work on a workflow, asked of a real Prefect server."""

import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Running
from prefect_fixtures import Server

from selfheal import bootstrap
from selfheal.model.attempt import Holder
from selfheal.protocol.holder import this_process
from tasks.claimed_runs import claimed_runs

REQ = "REQ-ITEM-001"


@flow(name="claims")
def claims(component: str = "") -> None:
    """Never runs: only its runs' states are looked at."""
    del component


def test_a_run_claims_the_workflow_that_it_names(
    prefect_server: Server, healing: bootstrap.Estate, dead: Holder
) -> None:
    """A living and a lost run of a workflow are told apart; one that has ended, or names something else, is none."""
    client = prefect_server.client
    runs = [
        client.create_flow_run(claims, parameters={"component": name}, state=state)
        for name, state in ((REQ, Running()), (REQ, Running()), (REQ, Completed()), ("backend", Running()))
    ]
    healing.runs.begin(runs[0].id, "claims", dead)
    healing.runs.begin(runs[1].id, "claims", this_process())
    found = {one.run: (one.req_number, one.gone) for one in claimed_runs() or ()}
    told = {f"{run.name} ({run.id})": (REQ, gone) for run, gone in zip(runs[:2], (True, False), strict=True)}
    assert found == told
    for run in runs:
        client.delete_flow_run(run.id)


@pytest.mark.usefixtures("healing")
def test_a_server_that_is_away_tells_nothing() -> None:
    """Nobody can tell which runs there are: nothing is compared with them."""
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert claimed_runs() is None
