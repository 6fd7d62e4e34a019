"""healing-dispatch as a flow of a real Prefect server, on a real estate."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from estate_fixtures import until
from person_fixtures import Issue
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.flow_engine import run_flow
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)
from prefect.states import AwaitingRetry
from prefect_fixtures import Server
from sqlalchemy import Engine
from uuid6 import uuid7

from benchmarks.freezing import freeze, thaw
from deployments.demo.estate import Estate
from deployments.objects.kinds import TAG
from flows.healing_dispatch import dispatch, healing_dispatch
from selfheal import bootstrap
from selfheal.model.admission import Decision
from selfheal.model.attempt import Status
from selfheal.model.identity import Door, Role
from selfheal.model.mode import ActionMode
from selfheal.model.page import Slice
from selfheal.model.report import HistoryLine
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol import steps
from selfheal.protocol.deciding import refused_for_now
from selfheal.store.approvals import Approvals
from selfheal.store.reading.attempts import Attempts
from selfheal.store.reading.faults import Faults
from selfheal.store.reports import Reports
from tasks.heal import act, observe, record, roll_back

STEPS = {
    "observe backend",
    "admit backend",
    "claim attempt {attempt}",
    "prepare restart-service on backend",
    "act: restart-service on backend",
    "verify backend after restart-service",
    "record restart-service on backend: Healed",
    "report the heal of backend",
}


def ask(component: str, **parameters: object) -> State[None]:
    """Run the flow in this process, as a watcher does, and give its final state."""
    return healing_dispatch(component=component, return_state=True, **parameters)  # type: ignore[call-overload,no-any-return]


def history(healing: bootstrap.Estate) -> list[HistoryLine]:
    return list(Attempts(healing.engine).page(Slice(limit=10)).items)


def a_trigger(component: str, reason: str = "the test broke it") -> Trigger:
    return Trigger(
        id=uuid7(),
        type=TriggerType.SERVICE_DOWN,
        component=component,
        source=Source.WATCHER,
        priority=Priority.CRITICAL,
        reason=reason,
        detected_at=datetime.now(UTC),
    )


def task_runs(server: Server, flow_run_id: UUID) -> list[TaskRun]:
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    return list(server.client.read_task_runs(flow_run_filter=wanted))


def last_heal(server: Server) -> FlowRun:
    """The newest run of the flow that has ended."""
    wanted = FlowRunFilter.model_validate({"name": {"like_": "heal backend: "}, "end_time": {"is_null_": False}})
    (run,) = server.client.read_flow_runs(flow_run_filter=wanted, limit=1, sort="START_TIME_DESC")  # type: ignore[arg-type]
    return run


def test_a_heal_is_a_run_with_a_task_per_step(
    prefect_server: Server, healing: bootstrap.Estate, estate: Estate, broken: str
) -> None:
    """The run ends as Healed, each step is a task run that people can see, and the service was started once."""
    before = estate.spawns(broken)
    state = ask(broken)
    assert (state.name, state.is_completed()) == ("Healed", True)
    assert estate.spawns(broken) == before + 1
    assert [line.status for line in history(healing)] == ["SUCCESS"]
    run_id = state.state_details.flow_run_id
    assert prefect_server.client.read_flow_run(run_id).name == "heal backend: asked for by a person"
    until("the task runs are recorded", lambda: len(task_runs(prefect_server, run_id)) >= len(STEPS))
    (line,) = history(healing)
    assert {run.name for run in task_runs(prefect_server, run_id)} == {
        step.format(attempt=line.attempt_id) for step in STEPS
    }


def test_the_act_is_never_retried_and_the_others_are() -> None:
    """Observing and recording are repeated while the world is away; the act and the way back are not."""
    assert (act.retries, roll_back.retries) == (0, 0)
    assert observe.retries == record.retries == 3


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ("nobody", "NotAllowed"),
        ("", "NotAllowed"),
        ("../x", "NotAllowed"),
        ("*", "NotAllowed"),
        ("frontend", "NotAllowed"),
    ],
)
def test_what_is_not_allowed_is_refused_and_recorded(healing: bootstrap.Estate, component: str, name: str) -> None:
    """Unknown, empty, path-like, wildcard and not allow-listed names fail by that name and touch nothing."""
    state = ask(component)
    assert (state.name, state.is_failed()) == (name, True)
    assert [one.decision for one in Reports(healing.engine).refusals(limit=10)] == ["NOT_ALLOWED"]
    assert history(healing) == []


def test_a_healthy_component_is_left_alone(healing: bootstrap.Estate) -> None:
    """AlreadyHealthy is no failure, and nothing is restarted."""
    state = ask("backend")
    assert (state.name, state.is_completed()) == ("AlreadyHealthy", True)
    assert history(healing) == []


@pytest.mark.parametrize("action", ["no-such-action", "restore-nats-connection"])
def test_an_action_that_does_not_fit_is_refused(healing: bootstrap.Estate, broken: str, action: str) -> None:
    """A person's choice that does not exist or does not fit fails as NoAction."""
    state = ask(broken, action=action)
    assert (state.name, state.is_failed()) == ("NoAction", True)
    assert history(healing) == []


def test_a_target_that_is_being_healed_is_left_to_its_healer(healing: bootstrap.Estate, broken: str) -> None:
    """While an attempt is under way another trigger ends as AlreadyHealing, which is no failure."""
    answer = steps.admit(healing.healer, a_trigger(broken), healing.observer(healing.healer.components[broken]))
    assert answer.admitted
    state = ask(broken)
    assert (state.name, state.is_completed()) == ("AlreadyHealing", True)
    assert str(answer.attempt_id) in state.message


def test_a_dry_run_tells_and_changes_nothing(healing: bootstrap.Estate, estate: Estate, broken: str) -> None:
    """DryRun says what would be done; nothing is recorded and nothing is started."""
    before = estate.spawns(broken)
    state = ask(broken, dry_run=True)
    assert state.name == "DryRun"
    assert "start backend" in state.message
    assert (history(healing), Faults(healing.engine).still_open(), estate.spawns(broken)) == ([], [], before)


def test_a_retried_run_does_not_act_again(
    prefect_server: Server, healing: bootstrap.Estate, estate: Estate, broken: str
) -> None:
    """The same run once more, as the Retry button does it, gives the recorded outcome; the service starts once."""
    before = estate.spawns(broken)
    first = ask(broken)
    run_id = first.state_details.flow_run_id
    prefect_server.client.set_flow_run_state(run_id, AwaitingRetry(), force=True)
    again = run_flow(
        healing_dispatch,
        flow_run=prefect_server.client.read_flow_run(run_id),
        parameters={"component": broken},
        return_type="state",
    )
    assert (again.name, again.message) == (first.name, first.message)
    assert estate.spawns(broken) == before + 1
    assert [line.status for line in history(healing)] == ["SUCCESS"]


def test_an_action_that_is_taken_over_by_hand_is_followed(
    prefect_server: Server, healing: bootstrap.Estate, estate: Estate, broken: str
) -> None:
    """A run retried after its process died finds the intent, waits for its lease to end, and heals under it."""
    before = estate.spawns(broken)
    trigger = a_trigger(broken)
    answer = steps.admit(healing.healer, trigger, healing.observer(healing.healer.components[broken]))
    assert ask(broken, trigger_id=trigger.id).name == "Healed"
    assert estate.spawns(broken) == before + 1
    assert [line.attempt_id for line in history(healing)] == [answer.attempt_id]


def test_a_watchers_heal_is_a_run(prefect_server: Server, healing: bootstrap.Estate, broken: str) -> None:
    """With the server there, dispatch runs the flow, marked as ours, and gives the procedure's own result."""
    trigger = a_trigger(broken)
    result = dispatch(trigger)
    assert (result.answer.decision, result.outcome.status) == (Decision.ADMITTED, Status.SUCCESS)
    run = last_heal(prefect_server)
    assert (run.parameters["trigger_id"], run.tags) == (str(trigger.id), [TAG])


def test_a_reason_that_prefect_cannot_store_is_cleaned(
    prefect_server: Server, healing: bootstrap.Estate, broken: str
) -> None:
    """A NUL byte in what a probe said would make the server refuse the run again and again: it is replaced before."""
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        result = dispatch(a_trigger(broken, reason="got \x00 and \ud800"))
    assert result.outcome.status is Status.SUCCESS
    assert last_heal(prefect_server).parameters["reason"] == "got \N{REPLACEMENT CHARACTER} and ?"


@pytest.fixture(params=["dead", "frozen"])
def without_server(
    request: pytest.FixtureRequest, prefect_server: Server, healing: bootstrap.Estate, free_port: int
) -> Iterator[None]:
    """Nobody listens, or somebody does and never answers."""
    if request.param == "dead":
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port}/api"}):
            yield
    else:
        with prefect_server.frozen():
            yield


@pytest.mark.usefixtures("without_server")
def test_without_prefect_the_heal_is_the_same(healing: bootstrap.Estate, estate: Estate, broken: str) -> None:
    """With the server dead or frozen the service is healed once, directly, and recorded all the same."""
    before = estate.spawns(broken)
    result = dispatch(a_trigger(broken))
    assert (result.answer.decision, result.outcome.status) == (Decision.ADMITTED, Status.SUCCESS)
    assert estate.spawns(broken) == before + 1
    assert [line.status for line in history(healing)] == ["SUCCESS"]


def test_a_server_that_goes_away_in_the_middle_does_not_double_the_heal(
    prefect_server: Server, healing: bootstrap.Estate, estate: Estate, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen between admission and act: the procedure goes on with the same trigger, and starts the service once."""
    before = estate.spawns(broken)
    action = healing.healer.actions.get("restart-service")
    prepare = action.prepare

    def freezing(component: object) -> object:
        freeze(prefect_server.process.pid)
        return prepare(component)  # type: ignore[arg-type]

    monkeypatch.setattr(action, "prepare", freezing)
    impatient = temporary_settings({PREFECT_API_REQUEST_TIMEOUT: 1, PREFECT_CLIENT_MAX_RETRIES: 0})
    try:
        with impatient:
            result = dispatch(a_trigger(broken))
    finally:
        thaw(prefect_server.process.pid)
    assert (result.answer.decision, result.outcome.status) == (Decision.ADMITTED, Status.SUCCESS)
    assert estate.spawns(broken) == before + 1
    assert [line.status for line in history(healing)] == ["SUCCESS"]


def test_a_run_that_asks_ends_as_awaiting_approval(
    prefect_server: Server, healing: bootstrap.Estate, estate: Estate, broken: str
) -> None:
    """It is no failure, holds no key and starts nothing; a watcher's later trigger is refused without another run."""
    before = estate.spawns(broken)
    healing.modes.set("restart-service", ActionMode.APPROVE, who="ada", why="it lost data")
    state = ask(broken, who="bob")
    assert (state.name, state.is_completed()) == ("AwaitingApproval", True)
    assert "waits for a person's word" in state.message
    assert refused_for_now(healing.healer, a_trigger(broken))
    assert dispatch(a_trigger(broken)).name == "AwaitingApproval"
    assert (history(healing), estate.spawns(broken)) == ([], before)


def test_an_approved_run_is_a_run_that_anybody_can_see_and_nobody_can_make_up(  # noqa: PLR0917 - fixtures
    prefect_server: Server, healing: bootstrap.Estate, estate: Estate, broken: str, api_engine: Engine, issued: Issue
) -> None:
    """The form can ask again and cannot approve; once approved, it heals as a flow run, once."""
    before = estate.spawns(broken)
    healing.modes.set("restart-service", ActionMode.APPROVE, who="ada", why="it lost data")
    assert ask(broken, who="bob").name == "AwaitingApproval"
    approvals = Approvals(api_engine)
    (asked,) = approvals.newest(limit=5, ended=False)
    assert ask(broken, action=asked.action, trigger_id=asked.id).name == "AwaitingApproval"
    assert estate.spawns(broken) == before
    _, grace = issued("grace", Role.APPROVER)
    approvals.answer(asked.id, approve=True, identity=grace, door=Door.API, why="seen", fingerprint=asked.fingerprint)
    (trigger,) = healing.due()
    assert dispatch(trigger).name == "Healed"
    run = last_heal(prefect_server)
    assert (run.parameters["trigger_id"], run.tags) == (str(trigger.id), [TAG])
    assert ask(broken, action=asked.action, trigger_id=trigger.id).name == "Healed"
    assert (estate.spawns(broken), len(history(healing))) == (before + 1, 1)
