"""What an operator sees in the Prefect UI: reports and tables, forms, and links there and back."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from estate_fixtures import until
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.utilities.callables import parameter_schema
from prefect_fixtures import Server
from test_healing_dispatch import a_trigger, ask, history, task_runs

from deployments.objects.declared import deployments
from deployments.objects.wanted import _flow
from flows.healing_dispatch import dispatch
from flows.reconcile import reconcile
from flows.states import final_state
from selfheal import bootstrap
from selfheal.model.admission import Answer, Decision
from selfheal.model.attempt import Holder, Outcome, Status, Verification
from selfheal.model.mode import ActionMode
from selfheal.model.trigger import Source
from selfheal.protocol import steps
from selfheal.protocol.heal import Result
from selfheal.store.reports import Reports
from tasks.reporting import heals

WEB = "https://selfheal.example"


@pytest.fixture(autouse=True)
def web(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the links go, as `selfheal up` tells its worker."""
    monkeypatch.setenv("SELFHEAL_WEB_URL", WEB)


def pages(server: Server, run_id: UUID | None) -> list[dict[str, Any]]:
    """The reports that a run has left."""
    wanted = {"flow_run_id": {"any_": [str(run_id)]}, "type": {"any_": ["markdown"]}}
    found: list[dict[str, Any]] = server.client.request("POST", "/artifacts/filter", json={"artifacts": wanted}).json()
    return found


def versions(server: Server, key: str) -> list[dict[str, Any]]:
    """All that was ever kept under a key."""
    body = {"artifacts": {"key": {"any_": [key]}}}
    found: list[dict[str, Any]] = server.client.request("POST", "/artifacts/filter", json=body).json()
    return found


def test_a_heal_leaves_its_report_and_its_run(prefect_server: Server, healing: bootstrap.Estate, broken: str) -> None:
    """The run's page tells the heal and leads to the fault's page; the attempt leads to the run."""
    run_id = ask(broken).state_details.flow_run_id
    (line,) = history(healing)
    (page,) = pages(prefect_server, run_id)
    assert page["key"] == "heal-backend"
    assert page["data"].startswith(r"# Healed: restart\-service on backend")
    assert f"({WEB}/faults/{line.fault_id})" in page["data"]
    assert "| verified and recorded |" in page["data"]
    assert line.flow_run == run_id


def test_a_heal_without_a_run_names_none(healing: bootstrap.Estate, broken: str, free_port: int) -> None:
    """Carried out directly there is no flow run, and the attempt names none."""
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port}/api"}):
        assert dispatch(a_trigger(broken)).outcome.status is Status.SUCCESS
    assert [line.flow_run for line in history(healing)] == [None]


def test_what_reconcile_settles_keeps_both_runs(
    prefect_server: Server, healing: bootstrap.Estate, dead: Holder, broken: str
) -> None:
    """The run that died stays the attempt's first one; the run that settled it is named besides, and has its report."""
    answer = steps.admit(healing.healer, a_trigger(broken), healing.observer(healing.healer.components[broken]))
    died = UUID(int=7)
    assert healing.healer.store.claim(answer.attempt_id, fence=0, holder=dead, run=died) is not None
    until("its lease is over", lambda: bool(healing.healer.store.expired()), seconds=10)
    settled_by = reconcile(return_state=True).state_details.flow_run_id
    assert healing.healer.store.attempt(answer.attempt_id).flow_runs == (died, settled_by)
    (page,) = pages(prefect_server, settled_by)
    assert page["data"].startswith(r"# Healed: restart\-service on backend")


def test_a_refusal_leaves_a_short_report(prefect_server: Server, healing: bootstrap.Estate) -> None:
    """Of what is no component too, which has no key: whoever asked for it reads why nothing was done."""
    (healthy,) = pages(prefect_server, ask("backend").state_details.flow_run_id)
    assert (healthy["key"], healthy["data"].splitlines()[0]) == ("heal-backend", "# AlreadyHealthy: backend")
    (unknown,) = pages(prefect_server, ask("nobody", reason="[x](y)").state_details.flow_run_id)
    assert unknown["key"] is None
    assert r"\[x\]\(y\)" in unknown["data"]


def test_a_question_leads_to_its_page(prefect_server: Server, healing: bootstrap.Estate, broken: str) -> None:
    """Who may answer, where, and the command; the name of who asked is only their word, whoever they say they are."""
    healing.modes.set("restart-service", ActionMode.APPROVE, who="ada", why="it lost data")
    (page,) = pages(prefect_server, ask(broken, who="bob").state_details.flow_run_id)
    (asked,) = healing.faults.story(healing.faults.still_open()[0].id).questions
    assert asked.asked_by == "bob (through Prefect)"
    assert page["data"].startswith("# AwaitingApproval: backend")
    assert f"({WEB}/approvals/{asked.id})" in page["data"]
    assert f"selfheal approvals approve {asked.id}" in page["data"]


def test_nobody_can_be_the_watcher_by_a_form(healing: bootstrap.Estate, broken: str) -> None:
    """What comes in by parameters is a person's trigger of the usual urgency; the watcher's own keeps its source."""
    healing.modes.set("restart-service", ActionMode.APPROVE, who="ada", why="it lost data")
    ask(broken)
    assert [one.source for one in Reports(healing.engine).refusals(limit=10)] == [Source.PERSON]
    assert not {"source", "priority", "trigger_type", "detected_at"} & set(fields("healing-dispatch"))


@pytest.mark.parametrize("how", ["dead", "frozen"])
def test_a_report_that_cannot_be_written_costs_nothing(  # noqa: PLR0917 - a fixture list is not an interface
    prefect_server: Server,
    healing: bootstrap.Estate,
    broken: str,
    monkeypatch: pytest.MonkeyPatch,
    free_port: int,
    how: str,
) -> None:
    """With the server dead or frozen just then the heal has ended as Healed, is recorded, and only the task failed."""
    keep = heals.keep_markdown

    def while_frozen(*args: Any, **named: Any) -> None:
        with prefect_server.frozen():
            keep(*args, **named)

    def while_dead(*args: Any, **named: Any) -> None:
        def elsewhere() -> None:
            with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port}/api"}):
                keep(*args, **named)

        with ThreadPoolExecutor(max_workers=1) as pool:  # a thread of its own does not have the run's client
            pool.submit(elsewhere).result()

    monkeypatch.setattr(heals, "keep_markdown", while_frozen if how == "frozen" else while_dead)
    state = ask(broken)
    assert state.name == "Healed"
    assert [line.status for line in history(healing)] == ["SUCCESS"]
    run_id = state.state_details.flow_run_id
    until("the failure is noted", lambda: _failed(prefect_server, run_id) == {"report the heal of backend"})


def _failed(server: Server, run_id: UUID) -> set[str]:
    """The tasks of a run that failed."""
    return {one.name for one in task_runs(server, run_id) if one.state is not None and one.state.is_failed()}


def fields(name: str) -> dict[str, dict[str, Any]]:
    """The form of a deployment."""
    (written,) = [one for one in deployments() if one["name"] == name]
    found: dict[str, dict[str, Any]] = parameter_schema(_flow(written["entrypoint"])).model_dump()["properties"]
    return found


@pytest.mark.parametrize("name", [one["name"] for one in deployments()])
def test_every_field_of_a_form_is_explained(name: str) -> None:
    """A title that is not the parameter's name, a sentence, and for text a length."""
    for parameter, field in fields(name).items():
        assert field["title"][0].isupper()
        assert field["title"] != parameter
        assert field["description"].endswith((".", "own."))
        assert field.get("type") != "string" or "maxLength" in field or "enum" in field


ADMITTED = Answer(decision=Decision.ADMITTED, reason="restart-service on backend")
ENDS = {
    "Healed": Outcome(status=Status.SUCCESS, verification=Verification.HEALED, message="it is well"),
    "NotHealed": Outcome(status=Status.FAILED, verification=Verification.NOT_HEALED, message="it is sick"),
    "Unknown": Outcome(status=Status.FAILED, verification=Verification.UNKNOWN, message="nobody can tell"),
    "RolledBack": Outcome(status=Status.ROLLED_BACK, verification=Verification.NOT_HEALED, message="it was taken back"),
}


def test_every_end_has_a_state_of_its_own() -> None:
    """Each outcome and each refusal is a named final state with its reason; no two share a name."""
    ends = [Result(answer=ADMITTED, outcome=one) for one in ENDS.values()]
    refusals = [one for one in Decision if one is not Decision.ADMITTED]
    ends += [Result(answer=Answer(decision=one, reason=f"because of {one}")) for one in refusals]
    ends += [Result(answer=ADMITTED, note="left to reconcile: the database is away")]
    states = [final_state(one) for one in ends]
    names = [one.name for one in states]
    assert len(set(names)) == len(ends)
    assert set(ENDS) | {"AlreadyHealing", "CircuitOpen", "AwaitingApproval", "HandedOver", "BlastRadius"} <= set(names)
    assert all(one.message and one.is_final() for one in states)
    well = {one.name for one in states if one.is_completed()}
    assert {"Healed", "HandedOver", "AwaitingApproval", "AlreadyHealing"} <= well
    assert not {"NotHealed", "Unknown", "RolledBack", "NotAllowed", "NoAction"} & well


def test_success_rates_are_kept_when_they_change(
    prefect_server: Server, healing: bootstrap.Estate, broken: str
) -> None:
    """The table of reconcile has the rates by action with their intervals, and a new version only when they differ."""
    before = len(versions(prefect_server, "success-rates"))
    ask(broken)
    reconcile(return_state=True)
    after = versions(prefect_server, "success-rates")
    shown = {row["action"]: row for row in json.loads(after[-1]["data"])}
    assert len(after) == before + 1
    assert shown["RESTART_SERVICE"]["success"] == "100% (21% to 100%)"
    reconcile(return_state=True)
    assert len(versions(prefect_server, "success-rates")) == before + 1
