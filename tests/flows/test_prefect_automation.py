"""An automation of Prefect's own, on the real server, starts a heal with parameters, as docs/intake.md says."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from estate_fixtures import until
from prefect_fixtures import Server

from deployments.apply import apply
from deployments.prefect_api import PrefectApi
from deployments.remove import remove
from flows.healing_dispatch import healing_dispatch
from selfheal import bootstrap

ESTATE = "estate"
DISPATCH = "healing-dispatch/healing-dispatch"
PARAMETERS = {"component": "backend", "reason": "the nightly import failed", "who": "automation nightly"}


@pytest.fixture
def api(prefect_server: Server) -> Iterator[PrefectApi]:
    """The server with our deployments, which are gone afterwards."""
    with PrefectApi(prefect_server.url.removesuffix("/api"), timeout_s=30) as api:
        for _ in apply(api, ("backend",), estate=ESTATE, adopt=True):
            pass
        yield api
        remove(api, estate=ESTATE, history=True, force=True)


def test_an_automation_starts_a_heal(api: PrefectApi, healing: bootstrap.Estate, broken: str) -> None:
    """An event makes the automation run healing-dispatch with its parameters; the run heals by the usual admission."""
    deployment = api.call("GET", f"/deployments/name/{DISPATCH}")["id"]
    made = api.call("POST", "/automations/", automation(deployment))
    runs: list[dict[str, Any]] = []
    wanted = {"deployments": {"id": {"any_": [deployment]}}}

    def begun() -> bool:
        api.call("POST", "/events", [event()])  # the automation may be a moment away from being known
        runs[:] = api.call("POST", "/flow_runs/filter", wanted)
        return bool(runs)

    try:
        until("the automation has started a run", begun)
    finally:
        api.call("DELETE", f"/automations/{made['id']}")
    assert {name: runs[0]["parameters"][name] for name in PARAMETERS} == PARAMETERS
    state = healing_dispatch(**runs[0]["parameters"], return_state=True)
    assert state.name == "Healed", state
    assert healing.healer.components[broken].name == PARAMETERS["component"]


def automation(deployment: str) -> dict[str, Any]:
    return {
        "name": "heal what the nightly import needs",
        "trigger": {
            "type": "event",
            "expect": ["nightly.failed"],
            "match": {"prefect.resource.id": "import.nightly"},
            "posture": "Reactive",
            "threshold": 1,
            "within": 0.0,
        },
        "actions": [
            {"type": "run-deployment", "source": "selected", "deployment_id": deployment, "parameters": PARAMETERS}
        ],
    }


def event() -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "nightly.failed",
        "resource": {"prefect.resource.id": "import.nightly"},
        "payload": {},
    }
