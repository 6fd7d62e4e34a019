"""circuit-breaker as a flow: what time does to the breakers, and a person's decision from the form."""

from uuid import uuid4

from prefect_fixtures import Server

from flows.circuit_breaker import circuit_breaker
from selfheal import bootstrap
from selfheal.model.breaker import Mode, Permit

NAME = "heal:restart-service"


def test_a_person_opens_a_breaker_and_ends_that(prefect_server: Server, healing: bootstrap.Estate) -> None:
    """Who and why are kept; afterwards probes decide; the table of breakers is in the Prefect UI."""
    state = circuit_breaker(deed="open", breaker="restart-service", who="ada", why="data loss", return_state=True)
    said = "open restart-service, by ada (through Prefect): data loss; 0 of 1 breakers are closed"
    assert (state.name, state.message) == ("Decided", said)
    run = prefect_server.client.read_flow_run(state.state_details.flow_run_id)
    assert run.name == "open restart-service: data loss"
    override = healing.breakers.state(NAME).override
    assert override is not None
    assert (override.mode, override.who, override.why) == (Mode.FORCED_OPEN, "ada (through Prefect)", "data loss")
    circuit_breaker(deed="automatic", breaker="restart-service", who="ada", why="mended", return_state=True)
    assert isinstance(healing.breakers.ask(NAME, uuid4()), Permit)
    artifacts = prefect_server.client.request("POST", "/artifacts/latest/filter", json={}).json()
    assert "circuit-breakers" in {one["key"] for one in artifacts}


def test_a_decision_without_a_reason_or_an_action_is_refused(healing: bootstrap.Estate) -> None:
    """The run fails and says what is missing; nothing is changed."""
    nameless = circuit_breaker(deed="open", breaker="restart-service", who="ada", why=" ", return_state=True)
    assert nameless.name == "NotDone"
    assert "who and why" in str(nameless.message)
    unknown = circuit_breaker(deed="reset", breaker="restart-servce", who="ada", why="x", return_state=True)
    assert "did you mean 'restart-service'" in str(unknown.message)
    assert healing.breakers.all() == []


def test_a_dry_run_decides_nothing(healing: bootstrap.Estate) -> None:
    """It says how the breaker would be, and who opened it nobody knows afterwards."""
    asked = {"deed": "open", "breaker": "restart-service", "who": "ada", "why": "data loss"}
    state = circuit_breaker(**asked, dry_run=True, return_state=True)
    assert (state.name, state.message) == ("DryRun", "heal:restart-service would be OPEN (FORCED_OPEN)")
    assert healing.breakers.all() == []
