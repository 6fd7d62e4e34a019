"""reconcile as a flow: heals whose healer died are settled, and runs whose process is gone are ended."""

from estate_fixtures import until
from prefect import flow
from prefect.client.schemas.objects import FlowRun
from prefect.states import Running
from prefect_fixtures import Server
from test_healing_dispatch import a_trigger

from flows.reconcile import reconcile
from selfheal import bootstrap
from selfheal.model.attempt import Holder, Status
from selfheal.protocol import steps
from selfheal.protocol.holder import this_process

ELSEWHERE = Holder(host="elsewhere", pid=1, started=1)


@flow(name="some-run")
def some_run() -> None:
    """Never runs: only its runs' states are looked at."""


def running_run(server: Server, healing: bootstrap.Estate, holder: Holder | None) -> FlowRun:
    """A run in state Running, signed in by this process or by nobody."""
    run = server.client.create_flow_run(some_run, state=Running())
    if holder is not None:
        healing.runs.begin(run.id, "some-run", holder)
    return run


def state_name(server: Server, run: FlowRun) -> str | None:
    state = server.client.read_flow_run(run.id).state
    return None if state is None else state.name


def test_a_run_without_its_process_is_ended_and_no_other(
    prefect_server: Server, healing: bootstrap.Estate, dead: Holder
) -> None:
    """Crashed: the run of an ended process of this host; left alone: a living one's, another host's, nobody's."""
    lost = running_run(prefect_server, healing, dead)
    others = [running_run(prefect_server, healing, holder) for holder in (this_process(), ELSEWHERE, None)]
    state = reconcile(return_state=True)
    assert state.name == "Reconciled"
    assert state_name(prefect_server, lost) == "Crashed"
    assert [state_name(prefect_server, one) for one in others] == ["Running"] * 3
    for one in others:
        prefect_server.client.delete_flow_run(one.id)


def test_a_run_that_was_begun_again_belongs_to_its_new_process(
    prefect_server: Server, healing: bootstrap.Estate, dead: Holder
) -> None:
    """A run that is retried after its process died is carried out by another one: it is not ended."""
    run = running_run(prefect_server, healing, dead)
    healing.runs.begin(run.id, "some-run", this_process())
    reconcile(return_state=True)
    assert state_name(prefect_server, run) == "Running"
    prefect_server.client.delete_flow_run(run.id)


def test_a_heal_that_a_dead_process_left_is_settled(
    prefect_server: Server, healing: bootstrap.Estate, dead: Holder, broken: str
) -> None:
    """The flow takes an expired attempt over, heals it under its own tasks, and says so."""
    answer = steps.admit(healing.healer, a_trigger(broken), healing.observer(healing.healer.components[broken]))
    assert healing.healer.store.claim(answer.attempt_id, fence=0, holder=dead) is not None
    until("its lease is over", lambda: bool(healing.healer.store.expired()), seconds=10)
    state = reconcile(return_state=True)
    assert (state.name, state.message) == (
        "Reconciled",
        "1 of 1 attempts settled, 0 raised or approved, 0 lost runs ended",
    )
    assert healing.healer.store.attempt(answer.attempt_id).outcome.status is Status.SUCCESS


def test_a_dry_run_tells_what_would_be_settled(
    prefect_server: Server, healing: bootstrap.Estate, dead: Holder, broken: str
) -> None:
    """The attempt, what would become of it and why, and the lost run; neither is touched."""
    lost = running_run(prefect_server, healing, dead)
    answer = steps.admit(healing.healer, a_trigger(broken), healing.observer(healing.healer.components[broken]))
    assert healing.healer.store.claim(answer.attempt_id, fence=0, holder=dead) is not None
    until("its lease is over", lambda: bool(healing.healer.store.expired()), seconds=10)
    state = reconcile(dry_run=True, return_state=True)
    assert state.name == "DryRun"
    told = f"restart-service on {broken} ({answer.attempt_id}) would be carried out again: its healer died before it"
    assert told in state.message
    assert "1 runs are lost" in state.message
    attempt = healing.healer.store.attempt(answer.attempt_id)
    assert (attempt.fence, attempt.outcome) == (1, None)
    assert state_name(prefect_server, lost) == "Running"
    reconcile(return_state=True)
