"""What `deployments.apply` and `remove` do on a real Prefect server on which another team works."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prefect_fixtures import Server
from prefect_objects import another_team, dump, end_team

from deployments import apply as applying
from deployments.apply import apply
from deployments.begin import RECONCILE, begin
from deployments.objects import declared, kinds, register
from deployments.objects.kinds import POOL, Kind
from deployments.objects.plan import Change, Step
from deployments.objects.wanted import everything
from deployments.prefect_api import PrefectApi, Refused
from deployments.remove import remove
from selfheal.model.errors import NotAllowed, Transient

COMPONENTS = ("backend", "broker")
ESTATE = "estate"
MANY = len(declared.deployments())
OURS = {"work-pool": 1, "work-queue": 3, "flow": MANY, "deployment": MANY, "concurrency-limit": 2, "automation": 2}


@pytest.fixture(scope="module")
def api(prefect_server: Server) -> Iterator[PrefectApi]:
    """The server, without the flows that other tests ran there, and with another team's objects."""
    with PrefectApi(prefect_server.url.removesuffix("/api"), timeout_s=30) as api:
        for name in declared.flow_names():
            found = api.find(f"/flows/name/{name}")
            if found is not None:
                api.call("DELETE", f"/flows/{found['id']}")
        team = another_team(api)
        before = dump(api)
        yield api
        gone(api)
        assert dump(api) == before
        end_team(api, team)


@pytest.fixture
def untouched(api: PrefectApi) -> Iterator[dict[str, Any]]:
    """The server without our objects, as it is then; afterwards it is that again."""
    gone(api)
    before = dump(api)
    yield before
    gone(api)
    assert dump(api) == before


@pytest.fixture
def applied(api: PrefectApi) -> None:
    """The server with our objects, made where an earlier test has not left them."""
    bring(api)


def gone(api: PrefectApi) -> None:
    remove(api, estate=ESTATE, history=True, force=True)


def bring(api: PrefectApi, *components: str, **options: Any) -> list[Step]:
    return list(apply(api, components or COMPONENTS, estate=ESTATE, **options))


def changes(steps: Sequence[Step]) -> set[Change]:
    return {one.change for one in steps}


def count(steps: Sequence[Step]) -> dict[str, int]:
    kinds_of = [str(one.kind) for one in steps]
    return {kind: kinds_of.count(kind) for kind in kinds_of}


def test_everything_is_made_once_and_removed_again(api: PrefectApi, untouched: dict[str, Any]) -> None:
    """Applied twice the server is the same as once; removed, it is as it was before, but for our flows' runs."""
    assert changes(bring(api, dry_run=True)) == {Change.MAKE}
    assert dump(api) == untouched
    made = bring(api)
    assert (changes(made), count(made)) == ({Change.MAKE}, OURS)
    once = dump(api)
    assert {kind: {**once[kind], **untouched[kind]} for kind in untouched} == once
    assert changes(bring(api)) == {Change.KEEP}
    assert dump(api) == once
    told = remove(api, estate=ESTATE, dry_run=True)
    assert dump(api) == once
    assert remove(api, estate=ESTATE) == told
    left = dump(api)
    assert [one["name"] for key, one in left["flows"].items() if key not in untouched["flows"]] == declared.flow_names()
    assert {kind: left[kind] for kind in left if kind != "flows"} == {
        kind: untouched[kind] for kind in untouched if kind != "flows"
    }
    assert changes(bring(api)) == {Change.MAKE, Change.KEEP}  # the flows were kept, and are still known as ours


@pytest.mark.parametrize("kind", ["work-pool", "flow", "deployment", "concurrency-limit", "automation"])
def test_what_bears_our_name_is_never_taken(api: PrefectApi, untouched: dict[str, Any], kind: str) -> None:
    """Another team's object with one of our names refuses the whole application, and is as it was."""
    their = their_own(api, Kind(kind))
    before = dump(api)
    try:
        with pytest.raises(NotAllowed, match=their[1]):
            bring(api)
        assert dump(api) == before
        assert changes(remove(api, estate=ESTATE)) <= {Change.LEAVE}
        assert dump(api) == before
    finally:
        kinds.remove(api, Kind(kind), *their[1:])
        if kind == "deployment":
            api.call("DELETE", f"/flows/{their[0]}")


def their_own(api: PrefectApi, kind: Kind) -> tuple[str, str, str]:
    """Somebody else's object with our name: its flow's id, its name, its id."""
    flow = ""
    if kind is Kind.DEPLOYMENT:
        flow = kinds.make(api, Kind.FLOW, {"name": "reconcile", "tags": ["selfheal"]})
    never = {"type": "event", "posture": "Reactive", "threshold": 1, "within": 0, "expect": ["never"]}
    name, body = {
        Kind.POOL: (POOL, {"name": POOL, "type": "process", "description": "theirs"}),
        Kind.FLOW: ("reconcile", {"name": "reconcile", "tags": ["theirs"]}),
        Kind.DEPLOYMENT: ("reconcile/reconcile", {"name": "reconcile", "flow_id": flow}),
        Kind.LIMIT: ("heal-backend", {"name": "heal-backend", "limit": 7}),
        Kind.AUTOMATION: (
            "replace a crashed application-health",
            {"name": "replace a crashed application-health", "trigger": never, "actions": [{"type": "do-nothing"}]},
        ),
    }[kind]
    return flow, name, kinds.make(api, kind, body)


def test_what_differs_is_mended_and_what_the_operator_chose_stays(api: PrefectApi, untouched: dict[str, Any]) -> None:
    """Changed settings are brought up to date; a pause, a switched-off automation and a job template stay."""
    bring(api)
    ids = dict(register.read(api, estate=ESTATE).ids)
    deployment = ids[Kind.DEPLOYMENT, "reconcile/reconcile"]
    api.call("PATCH", f"/deployments/{deployment}", {"description": "edited", "paused": True})
    api.call(
        "PATCH", f"/automations/{ids[Kind.AUTOMATION, 'replace a crashed application-health']}", {"enabled": False}
    )
    api.call("PATCH", f"/work_pools/{POOL}", {"concurrency_limit": 5})
    kinds.remove(api, Kind.LIMIT, "heal-broker", ids[Kind.LIMIT, "heal-broker"])
    steps = bring(api, "broker", "frontend")
    done = {one.name: one.change for one in steps if one.change is not Change.KEEP}
    assert done == {
        "reconcile/reconcile": Change.CHANGE,
        "heal-broker": Change.MAKE,
        "heal-frontend": Change.MAKE,
        "heal-backend": Change.REMOVE,
    }
    again = api.call("GET", f"/deployments/{deployment}")
    assert (again["paused"], "ends runs whose process is gone" in again["description"]) == (True, True)
    assert api.call("GET", f"/work_pools/{POOL}")["concurrency_limit"] == 5
    assert changes(bring(api, "broker", "frontend")) == {Change.KEEP}


def test_a_pool_stays_of_its_type(api: PrefectApi, untouched: dict[str, Any]) -> None:
    """A pool made for the process worker is served by the prefork worker as well: it is kept, and that is told."""
    bring(api, worker="process")
    steps = bring(api)
    assert changes(steps) == {Change.KEEP}
    assert [one.detail for one in steps if one.detail] == ["type stays process"]
    assert api.call("GET", f"/work_pools/{POOL}")["type"] == "process"


@pytest.mark.usefixtures("campaign")
@pytest.mark.parametrize("after", range(0, 13, 2))
def test_an_interrupted_application_goes_on(
    api: PrefectApi, untouched: dict[str, Any], monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Dying after any of its objects was made, it leaves nothing that the next application takes for a stranger's."""
    make = kinds.make
    made: list[str] = []

    def dying(*words: Any) -> str:
        made.append(make(*words))
        if len(made) > after:
            raise Transient("the power went out")
        return made[-1]

    monkeypatch.setattr(applying.kinds, "make", dying)
    if after < sum(OURS.values()):
        with pytest.raises(Transient):
            bring(api)
    monkeypatch.undo()
    bring(api)
    assert changes(bring(api)) == {Change.KEEP}


@pytest.mark.usefixtures("campaign")
def test_two_applications_at_once_end_as_one(api: PrefectApi, untouched: dict[str, Any]) -> None:
    """One is told by the server that it came second; nothing is there twice, and all of it can be removed."""

    def one(_: int) -> str:
        try:
            return str(changes(bring(api)))
        except Refused as error:
            return str(error.code)

    everything(COMPONENTS)  # the flows are imported by one thread only
    with ThreadPoolExecutor(2) as pool:
        done = sorted(pool.map(one, range(2)))
    assert done[0] == "409" or done == [str({Change.KEEP}), str({Change.MAKE})]
    assert changes(bring(api)) == {Change.KEEP}
    named = [one["name"] for one in dump(api)["automations"].values()]
    assert len(named) == len(set(named))


def test_without_workflows_nothing_looks_after_them(api: PrefectApi, untouched: dict[str, Any]) -> None:
    """No schedule of ours begins those mechanisms, a form still does; which are begun follows the settings."""
    bring(api, workflows=False)
    admission = "/deployments/name/workflow-admission/workflow-admission"
    assert api.call("GET", admission)["schedules"] == []
    assert len(api.call("GET", "/deployments/name/reconcile/reconcile")["schedules"]) == 1
    assert changes(bring(api, workflows=False)) == {Change.KEEP}
    own = [{"schedule": {"interval": 7200}}]
    api.call("POST", f"/deployments/{api.call('GET', admission)['id']}/schedules", own)
    for workflows, slugs in ((True, {None, "every-minute"}), (False, {None})):
        assert Change.CHANGE in changes(bring(api, workflows=workflows))
        assert {one["slug"] for one in api.call("GET", admission)["schedules"]} == slugs
        assert changes(bring(api, workflows=workflows)) == {Change.KEEP}


@pytest.mark.usefixtures("campaign")
def test_unfinished_runs_are_ended_and_their_history_kept(api: PrefectApi, untouched: dict[str, Any]) -> None:
    """A run that nobody carries out any more ends as Removed; it stays readable until the history is removed too."""
    bring(api)
    deployment = api.call("GET", "/deployments/name/reconcile/reconcile")
    run = api.call("POST", f"/deployments/{deployment['id']}/create_flow_run", {"state": {"type": "RUNNING"}})
    steps = remove(api, estate=ESTATE)
    assert Change.END in changes(steps)
    assert api.call("GET", f"/flow_runs/{run['id']}")["state"]["name"] == "Removed"


def test_a_run_that_the_scheduler_writes_during_the_removal_goes_too(
    api: PrefectApi, untouched: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had read the deployment before that was removed; the flow does not stay for such a run's sake."""
    bring(api)
    flow = api.call("GET", "/flows/name/reconcile")["id"]
    one = {"flow_id": flow, "tags": [kinds.TAG], "state": {"type": "SCHEDULED"}}
    api.call("POST", "/flow_runs/", one)
    call, late = api.call, [one]

    def calling(method: str, path: str, body: Any = None) -> Any:
        answer = call(method, path, body)
        if path == "/flow_runs/bulk_delete" and late:
            call("POST", "/flow_runs/", late.pop())
        return answer

    monkeypatch.setattr(api, "call", calling)
    remove(api, estate=ESTATE, history=True)
    assert not late
    assert api.find("/flows/name/reconcile") is None


def test_a_run_of_our_flow_that_somebody_else_began_stays(api: PrefectApi, untouched: dict[str, Any]) -> None:
    """It does not bear our mark, be it part of another run or not; and so its flow stays."""
    bring(api)
    flow = api.call("GET", "/flows/name/reconcile")["id"]
    theirs = api.call("POST", "/flow_runs/", {"flow_id": flow, "tags": ["theirs"], "state": {"type": "RUNNING"}})["id"]
    try:
        remove(api, estate=ESTATE, history=True)
        assert api.call("GET", f"/flow_runs/{theirs}")["state"]["type"] == "RUNNING"
        assert api.find("/flows/name/reconcile") is not None
    finally:
        api.call("DELETE", f"/flow_runs/{theirs}")


def test_their_deployment_in_our_pool_refuses_the_removal(api: PrefectApi, applied: None) -> None:
    """Who has moved into our pool is named, and nothing is removed before they have left."""
    flow = kinds.make(api, Kind.FLOW, {"name": "their-guest"})
    guest = kinds.make(api, Kind.DEPLOYMENT, {"name": "guest", "flow_id": flow, "work_pool_name": POOL})
    before = dump(api)
    try:
        with pytest.raises(NotAllowed, match="guest"):
            remove(api, estate=ESTATE, force=True)
        assert dump(api) == before
    finally:
        api.call("DELETE", f"/deployments/{guest}")
        api.call("DELETE", f"/flows/{flow}")


def test_another_estate_is_refused(api: PrefectApi, applied: None) -> None:
    """A server that carries one estate's Selfheal takes no second one, and gives nothing to another's removal."""
    before = dump(api)
    with pytest.raises(NotAllowed, match="'estate'"):
        apply(api, COMPONENTS, estate="second")
    with pytest.raises(NotAllowed, match="'estate'"):
        remove(api, estate="second", force=True)
    assert dump(api) == before


def test_a_start_begins_once_and_forgets_what_came_too_late(api: PrefectApi, applied: None) -> None:
    """The same start asked twice is one run; a night of late runs is gone; another start is another run."""
    deployment = api.call("GET", f"/deployments/name/{RECONCILE}")["id"]
    late = {"state": {"type": "SCHEDULED", "name": "Late"}}
    for _ in range(3):
        api.call("POST", f"/deployments/{deployment}/create_flow_run", late)
    for key in ("first", "first", "second"):
        begin(api, [RECONCILE], key=key)
    runs = api.all_of("/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})
    begun = [one for one in runs if not one["auto_scheduled"]]
    assert [one["state"]["name"] for one in begun] == ["Scheduled", "Scheduled"]


def test_a_persons_form_explains_itself(api: PrefectApi, applied: None) -> None:
    """Only the component is required, each field has its title and description, and what is too long is refused."""
    deployment = api.call("GET", "/deployments/name/healing-dispatch/healing-dispatch")
    schema = deployment["parameter_openapi_schema"]
    titles = {name: field["title"] for name, field in schema["properties"].items() if field["description"]}
    assert titles == {
        "component": "Component",
        "reason": "Reason",
        "action": "Action",
        "who": "Your name",
        "dry_run": "Dry run",
        "trigger_id": "Trigger id (leave empty)",
    }
    assert schema["required"] == ["component"]
    with pytest.raises(Refused, match=r"409.*field 'component'"):
        api.start("healing-dispatch/healing-dispatch", {"component": "x" * 101}, key="too-long")


def test_a_frozen_server_is_told_in_time(prefect_server: Server) -> None:
    """A server that answers nothing ends in words, not in waiting."""
    with (
        prefect_server.frozen(),
        PrefectApi(prefect_server.url.removesuffix("/api"), timeout_s=1) as api,
        pytest.raises(Transient, match="no answer in time"),
    ):
        apply(api, COMPONENTS, estate=ESTATE)
