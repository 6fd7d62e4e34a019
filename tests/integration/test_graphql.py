"""The API on the real process and database: the contract, what is read, who may do what, in how many statements."""

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from admission_desk import FAILED, HEALED, Desk
from dashboard_fixtures import has_logs
from embedded_fixtures import Embedded
from graphql import GraphQLObjectType, build_schema, get_named_type, print_type
from person_fixtures import ACME, OTHER
from sqlalchemy import Engine, Table, event, text
from web_fixtures import Web

from console.graphql.context import Context
from console.graphql.schema import answered, schema
from console.web.services import Services, Surroundings, connected
from console.web.visit import Visit, Way
from deployments.embedded import roles
from selfheal.model.identity import Identity, Role
from selfheal.settings.file import parse
from selfheal.store.mechanisms import Mechanisms
from selfheal.store.tables import metadata

CONTRACT = """
scalar DateTime
type HealingAction { id: ID!  triggerType: String!  actionType: String!  targetComponent: String!  status: String!
  success: Boolean  executionTimeMs: Int  errorMessage: String  createdAt: DateTime!  completedAt: DateTime }
type WorkflowRecoveryEvent { id: ID!  reqNumber: String!  recoveryType: String!  stuckDurationMinutes: Int
  lastCompletedStage: Int  recoveryAction: String!  success: Boolean!  recoveredAt: DateTime! }
type HealingSuccessRate { actionType: String!  totalAttempts: Int!  successful: Int!  failed: Int!
  successRatePct: Float!  avgExecutionTimeMs: Float  lastAttempted: DateTime! }
type Query {
  healingActions(status: String, actionType: String, limit: Int = 50): [HealingAction!]!
  workflowRecoveries(reqNumber: String, limit: Int = 50): [WorkflowRecoveryEvent!]!
  healingSuccessRates: [HealingSuccessRate!]!
}
"""
"""The client's, to the letter."""
OF_TABLES = {"HealingAction": "healing_actions", "WorkflowRecoveryEvent": "workflow_recovery_history"}
Desks = Callable[..., Desk]
VIEWER = Identity(name="looks", role=Role.VIEWER)


def test_the_schema_keeps_the_contract() -> None:
    """The client's types are exactly these; its queries have these arguments, defaults and results, among others."""
    wanted = build_schema(CONTRACT)
    for name in ("HealingAction", "WorkflowRecoveryEvent", "HealingSuccessRate"):
        kind = schema._schema.type_map[name]
        assert isinstance(kind, GraphQLObjectType)
        assert fields_of(kind) == fields_of(wanted.type_map[name])
    ours, theirs = fields_of(schema._schema.type_map["Query"]), fields_of(wanted.type_map["Query"])
    assert {name: ours[name] for name in theirs} == theirs


def fields_of(kind: Any) -> dict[str, str]:
    """Each field as it is printed, without its description."""
    lines = re.sub(r'""".*?"""', "", print_type(kind), flags=re.DOTALL).splitlines()
    return {re.split(r"[:(]", line.strip())[0]: line.strip() for line in lines[1:-1] if line.strip()}


@pytest.mark.parametrize(("kind", "table"), OF_TABLES.items())
def test_types_tables_and_the_database_agree(kind: str, table: str, engine: Engine) -> None:
    """A field of the client's is a column of the same name, and what it promises to be there is."""
    ours: Table = metadata.tables[table]
    shape = schema._schema.type_map[kind]
    assert isinstance(shape, GraphQLObjectType)
    with engine.connect() as connection:
        columns = text("SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = :table")
        migrated = {row.column_name: row.is_nullable for row in connection.execute(columns, {"table": table})}
        checks = connection.scalars(
            text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = CAST(:table AS regclass)"),
            {"table": table},
        ).all()
    for name, field in shape.fields.items():
        column = re.sub(r"([A-Z])", lambda one: f"_{one[1].lower()}", name)
        assert column in {one.name for one in ours.columns}
        promised = str(field.type).endswith("!")
        kept = migrated[column] == "NO" or any(f"{column} IS NOT NULL" in check for check in checks)
        assert kept or not promised, column
        assert str(get_named_type(field.type)) in {"ID", "String", "Boolean", "Int", "DateTime", "Float"}


def test_the_clients_queries(web: Web, desk: Desks, owner_engine: Engine) -> None:
    """Attempts, recoveries and success rates come as the client asked for them, filtered and the newest first."""
    ours = desk()
    ours.past("backend", timedelta(minutes=9), FAILED)
    ours.past("agents", timedelta(minutes=5), HEALED)
    with owner_engine.begin() as connection:
        connection.execute(
            text(
                """INSERT INTO workflow_recovery_history (req_number, recovery_type, recovery_action, success)
                   VALUES ('REQ-1', 'AUTO_RESUME', 'resumed', true), ('REQ-2', 'MARK_BLOCKED', 'blocked', false)"""
            )
        )
    found = web.ask(
        """{ healingActions { id targetComponent status success createdAt completedAt triggerType actionType
                              errorMessage executionTimeMs }
             failed: healingActions(status: "FAILED", limit: 1) { targetComponent }
             none: healingActions(actionType: "OTHER") { id }
             workflowRecoveries(reqNumber: "REQ-1") { id reqNumber recoveryType success recoveredAt lastCompletedStage }
             healingSuccessRates { actionType totalAttempts successful failed successRatePct avgExecutionTimeMs
                                   lastAttempted }
        }"""
    )["data"]
    assert [one["targetComponent"] for one in found["healingActions"]] == ["agents", "backend"]
    assert [one["targetComponent"] for one in found["failed"]] == ["backend"]
    assert found["none"] == []
    assert [one["reqNumber"] for one in found["workflowRecoveries"]] == ["REQ-1"]
    rate = found["healingSuccessRates"][0]
    assert (rate["totalAttempts"], rate["successful"], rate["failed"], rate["successRatePct"]) == (2, 1, 1, 50.0)
    assert datetime.fromisoformat(found["healingActions"][0]["createdAt"]) < datetime.now(UTC)


def test_faults_by_pages_give_each_once(web: Web, desk: Desks) -> None:
    """Going on from each page's last cursor gives every fault once, the latest first; a wrong cursor is refused."""
    ours = desk()
    for number in range(7):
        ours.past(f"c{number}", timedelta(minutes=number + 1), HEALED)
    seen: list[str] = []
    after = None
    while True:
        query = """query($after: String) { faults(first: 3, after: $after) {
            nodes { component } edges { cursor } pageInfo { hasNextPage endCursor } } }"""
        page = web.ask(query, {"after": after})["data"]["faults"]
        seen += [one["component"] for one in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [f"c{number}" for number in range(7)]
    assert web.code('{ faults(after: "nonsense") { nodes { id } } }') == "WRONG_INPUT"


def test_one_fault_tells_its_story(web: Web, desk: Desks) -> None:
    """A fault has its attempts and its events in order of time; an attempt has its fault; what is unknown is null."""
    desk().past("backend", timedelta(minutes=3), HEALED)
    fault = web.ask("{ faults { nodes { id attempts { id fault { component } } } } }")["data"]["faults"]["nodes"][0]
    story = web.ask(
        """query($id: ID!) { fault(id: $id) {
            fault { state attempts { status } } timeline { kind words at } refusals { decision } } }""",
        {"id": fault["id"]},
    )["data"]["fault"]
    kinds = [one["kind"] for one in story["timeline"]]
    assert kinds[0] == "detected"
    assert "recorded" in kinds
    assert story["fault"]["attempts"] == [{"status": "SUCCESS"}]
    attempt = web.ask(
        "query($id: ID!) { attempt(id: $id) { fault { component } } }", {"id": fault["attempts"][0]["id"]}
    )
    assert attempt["data"]["attempt"]["fault"]["component"] == "backend"
    nothing = web.ask(
        "query($id: ID!) { fault(id: $id) { fault { id } } attempt(id: $id) { id } }", {"id": str(uuid4())}
    )
    assert nothing["data"] == {"fault": None, "attempt": None}


def test_nested_lists_cost_a_constant_number_of_statements(desk: Desks, api: Services) -> None:
    """Twenty faults with their attempts, those with their faults and so on, take as many statements as two do."""
    ours = desk()
    query = "{ faults(first: 50) { nodes { attempts { id fault { id attempts { id } } } } } }"
    costs = []
    for known in (2, 20):
        for number in range(known):
            ours.past(f"c{known}-{number}", timedelta(minutes=3), HEALED)
        told: list[str] = []
        listener = lambda *call: told.append(call[2])  # noqa: B023, E731 - taken away again below
        event.listen(api.engine, "before_cursor_execute", listener)
        answer = inside(api, query)
        event.remove(api.engine, "before_cursor_execute", listener)
        assert all(one["attempts"][0]["fault"]["attempts"] for one in answer["data"]["faults"]["nodes"])
        costs.append(len([one for one in told if "set_config" not in one]))
    assert costs == [2, 2]  # the faults, and their attempts; the faults of those are known by then


@pytest.fixture
def api(embedded_postgres: Embedded, database_url: str) -> Iterator[Services]:
    """The services of a web server in this process."""
    around = Surroundings(database_url=embedded_postgres.url(roles.API), port=1, prefect_ui="http://127.0.0.1:9")
    services = connected(parse({}, source="the test"), around)
    yield services
    services.estate.close()


def inside(services: Services, query: str, identity: Identity = VIEWER) -> dict[str, Any]:
    """The answer of the schema, without a server around it."""
    visit = Visit(way=Way.TOKEN, identity=identity, address="-", request_id="from-the-test")

    async def asked() -> dict[str, Any]:
        _, answer = await answered(query, {}, context=Context(services, visit, identity), introspection=False)
        return answer

    return asyncio.run(asked())


def test_a_tenant_sees_its_own_rows_only(web: Web, desk: Desks, owner_engine: Engine) -> None:
    """Through the whole stack: a tenant's viewer their tenant's attempts, ours none of a tenant's, an admin all."""
    ours = desk()
    for name, tenant in (("acme", ACME), ("other", OTHER), ("ours", None)):
        ours.past(name, timedelta(minutes=3), HEALED)
        with owner_engine.begin() as connection:
            connection.execute(
                text("UPDATE healing_actions SET tenant_id = :tenant WHERE target_component = :name"),
                {"tenant": tenant, "name": name},
            )
    query = """{ healingActions { targetComponent } healingSuccessRates { totalAttempts }
                 faults { nodes { attempts { component } } } }"""
    for role, tenant, names in (
        (Role.VIEWER, ACME, {"acme"}),
        (Role.OPERATOR, OTHER, {"other"}),
        (Role.ADMIN, ACME, {"acme"}),
        (Role.VIEWER, None, {"ours"}),
        (Role.ADMIN, None, {"acme", "other", "ours"}),
    ):
        found = web.ask(query, role=role, tenant=tenant)["data"]
        assert {one["targetComponent"] for one in found["healingActions"]} == names, (role, tenant)
        assert sum(one["totalAttempts"] for one in found["healingSuccessRates"]) == len(names)
        below = {one["component"] for node in found["faults"]["nodes"] for one in node["attempts"]}
        assert below == names


def test_logs_and_what_came_of_their_lines(web: Web, desk: Desks) -> None:
    """How far each is read, what was found within the window, by pages what was ever found, and what was lost."""
    ours = desk()
    ours.past("backend", timedelta(minutes=3), HEALED)
    fault = web.ask("{ faults { nodes { id } } }")["data"]["faults"]["nodes"][0]["id"]
    has_logs(ours, fault=UUID(fault))
    query = """query($after: String) {
        logs { name component place followed trouble lines cutLines behindBytes hits gaps lastGap readAt
               patterns { pattern hits threshold lastAt } }
        logErrors(first: 1, after: $after) { nodes { message count severity status log pattern signature }
                                             pageInfo { hasNextPage endCursor } }
        logSuspicions { component reason decision why faultId }
        logGaps(limit: 5) { log kind detail foundAt } }"""
    found = web.ask(query)["data"]
    (log,), (gap,) = found["logs"], found["logGaps"]
    assert (log["name"], log["followed"], log["behindBytes"], log["hits"], log["gaps"]) == ("app", False, 4.1e6, 18, 1)
    counts = {(one["pattern"], one["hits"], one["threshold"]) for one in log["patterns"]}
    assert counts == {("uncaught", 17, 10), ("gone", 1, None)}
    assert (gap["log"], gap["kind"]) == ("app", "TRUNCATED")
    told = {(one["reason"], one["decision"], one["faultId"]) for one in found["logSuspicions"]}
    assert told == {
        ("1 lines of uncaught", "ADMITTED", fault),
        ("2 lines of uncaught", "ALREADY_HEALTHY", None),
        ("3 lines of uncaught", None, None),
    }
    rest = web.ask(query, {"after": found["logErrors"]["pageInfo"]["endCursor"]})["data"]["logErrors"]
    both = [*found["logErrors"]["nodes"], *rest["nodes"]]
    assert {(one["log"], one["count"], one["severity"]) for one in both} == {("app", 17, "ERROR"), ("", 1, "INFO")}
    assert not rest["pageInfo"]["hasNextPage"]
    one = web.ask('{ logErrors(component: "backend", status: OPEN, signature: "0123") { nodes { pattern } } }')
    assert one["data"]["logErrors"]["nodes"] == [{"pattern": "uncaught"}]


def test_what_is_the_estates_is_empty_for_a_tenant(web: Web, desk: Desks) -> None:
    """Every list of the API answers a tenant's person, with nothing of the estate in it and no error."""
    ours = desk()
    ours.past("ours", timedelta(minutes=3), HEALED)
    fault = web.ask("{ faults { nodes { id } } }")["data"]["faults"]["nodes"][0]["id"]
    has_logs(ours, fault=UUID(fault))
    query = """{ healingActions { id } healingSuccessRates { actionType } workflowRecoveries { id }
                 workflows { reqNumber } faults { nodes { id } } breakers { name } approvals(ended: true) { id }
                 health { component } metrics(hours: null) { attempts } alerts { nodes { id } }
                 alertDeliveries { nodes { id } } alertSilences { id } logs { name } logErrors { nodes { id } }
                 logSuspicions { id } logGaps { kind } }"""
    found = web.ask(query, tenant=ACME)
    assert "errors" not in found
    assert {name: value for name, value in found["data"].items() if value not in ([], {"nodes": []})} == {}


def test_a_tenants_breaker_is_an_admins_to_decide(web: Web) -> None:
    """An operator without a tenant neither sees it nor decides about it, and is told so; an admin may."""
    name = f"agent:{ACME}/writer"
    force = f'mutation {{ overrideBreaker(name: "{name}", do: OPEN, why: "x", minutes: 5) {{ name }} }}'
    refused = web.ask(force, role=Role.OPERATOR)["errors"][0]
    assert (refused["extensions"]["code"], refused["message"]) == ("NOT_ALLOWED", f"{name} is a tenant's breaker")
    assert web.ask(force, role=Role.ADMIN)["data"]["overrideBreaker"]["name"] == name
    for role, tenant, names in ((Role.OPERATOR, None, []), (Role.VIEWER, ACME, [name]), (Role.VIEWER, OTHER, [])):
        assert [
            one["name"] for one in web.ask("{ breakers { name } }", role=role, tenant=tenant)["data"]["breakers"]
        ] == names


WINDOW = "0197f000-0000-7000-8000-000000000001"
MUTATIONS = {
    Role.OPERATOR: {
        'heal(component: "backend", why: "x") { flowRun }': "AWAY",  # Prefect is: the role was enough
        'pause(why: "x", minutes: 5) { who }': "",
        'resume(why: "x") { who }': "",
        'planMaintenance(scope: ESTATE, minutes: 5, why: "x") { id }': "",
        f'endMaintenance(id: "{WINDOW}", why: "x")': "WRONG_INPUT",
        'goAhead(why: "x")': "",
        'overrideBreaker(name: "restart-service", do: OPEN, why: "x", minutes: 5) { state override { who } }': "",
        'acknowledgeAlerts(match: "fault/*", why: "x")': "WRONG_INPUT",  # none is open
        'silenceAlerts(match: "fault/*", minutes: 5, why: "x") { id }': "",
        f'endSilence(id: "{WINDOW}", why: "x")': "WRONG_INPUT",
    },
    Role.APPROVER: {
        f'approve(id: "{WINDOW}", fingerprint: "f", why: "x") {{ state }}': "UNKNOWN",
        f'deny(id: "{WINDOW}", fingerprint: "f", why: "x") {{ state }}': "UNKNOWN",
    },
    Role.ADMIN: {'setMode(action: "restart-service", mode: SHADOW, why: "x") { mode }': ""},
}


@pytest.mark.parametrize("role", list(Role))
def test_who_may_do_what(web: Web, role: Role) -> None:
    """Each mutation with each role: what is below the role it needs is refused, by name, and changes nothing."""
    order = list(Role)
    for needed, mutations in MUTATIONS.items():
        for mutation, otherwise in mutations.items():
            expected = otherwise if order.index(role) >= order.index(needed) else "NOT_ALLOWED"
            assert web.code(f"mutation {{ {mutation} }}", role=role) == expected, mutation


def test_every_mutation_is_in_the_matrix() -> None:
    """A new one must say which role it needs."""
    known = {re.split(r"[({]", one)[0] for group in MUTATIONS.values() for one in group}
    kind = schema._schema.mutation_type
    assert kind is not None
    assert known == set(kind.fields)


def test_a_tenants_person_changes_nothing(web: Web) -> None:
    """Every deed reaches beyond a tenant: whoever has one only looks."""
    for mutations in MUTATIONS.values():
        for mutation in mutations:
            answer = web.ask(f"mutation {{ {mutation} }}", role=Role.ADMIN, tenant=ACME)
            assert answer["errors"][0]["extensions"]["code"] in {"NOT_ALLOWED", "WRONG_ROLE"}, mutation


def test_what_is_done_is_seen(web: Web) -> None:
    """A pause is in force, a window is planned and called off, a breaker follows; each says who."""
    paused = web.ask('mutation { pause(why: "storage moves") { who why until } }', role=Role.OPERATOR)["data"]["pause"]
    assert (paused["who"], paused["why"], paused["until"]) == ("operator-ours", "storage moves", None)
    ended = web.ask('mutation { resume(why: "moved") { why } }', role=Role.OPERATOR)["data"]["resume"]
    assert ended["why"] == "storage moves"
    assert web.ask('mutation { resume(why: "again") { why } }', role=Role.OPERATOR)["data"] == {"resume": None}
    plan = """mutation { planMaintenance(
        scope: GROUP, name: "shop", minutes: 30, beginsAt: "2099-01-01T00:00:00Z", why: "x") { id } }"""
    assert web.code(plan, role=Role.OPERATOR) == "WRONG_INPUT"  # too far away
    near = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    window = web.ask(plan.replace("2099-01-01T00:00:00Z", near), role=Role.OPERATOR)["data"]["planMaintenance"]["id"]
    end = f'mutation {{ endMaintenance(id: "{window}", why: "called off") }}'
    assert web.ask(end, role=Role.OPERATOR)["data"] == {"endMaintenance": window}
    forced = """mutation { overrideBreaker(name: "restart-service", do: CLOSE, why: "known", minutes: 5) {
        mode override { who } } }"""
    assert web.ask(forced, role=Role.OPERATOR)["data"]["overrideBreaker"] == {
        "mode": "FORCED_CLOSED",
        "override": {"who": "operator-ours"},
    }
    assert web.ask("{ breakers { name mode } }")["data"]["breakers"] == [
        {"name": "heal:restart-service", "mode": "FORCED_CLOSED"}
    ]


@pytest.mark.parametrize(
    "mutation",
    [
        'pause(why: " ") { who }',
        'pause(why: "x", minutes: 0) { who }',
        'pause(why: "x", minutes: 999999) { who }',
        'heal(component: "nobody", why: "x") { link }',
        'heal(component: "backend", action: "no-action", why: "x") { link }',
        'planMaintenance(scope: COMPONENT, name: "nobody", minutes: 5, why: "x") { id }',
        'planMaintenance(scope: ESTATE, minutes: -5, why: "x") { id }',
        'overrideBreaker(name: "no-action", do: OPEN, why: "x") { name }',
        'overrideBreaker(name: "restart-service", do: RESET, minutes: 5, why: "x") { name }',
        'setMode(action: "no-action", mode: AUTO, why: "x") { mode }',
        'endMaintenance(id: "nonsense", why: "x")',
    ],
)
def test_what_cannot_be_meant_is_told(web: Web, mutation: str) -> None:
    """Wrong input is refused with words that help, and is no error of ours."""
    answer = web.ask(f"mutation {{ {mutation} }}", role=Role.ADMIN)
    assert answer["errors"][0]["extensions"]["code"] == "WRONG_INPUT", answer
    assert len(answer["errors"][0]["message"]) > 10


def test_me(web: Web) -> None:
    """Whoever asks learns who they are, and what they may do."""
    found = web.ask("{ me { name role tenant may expiresAt } }", role=Role.OPERATOR)["data"]["me"]
    assert (found["name"], found["role"], found["tenant"]) == ("operator-ours", "OPERATOR", None)
    assert "PAUSE" in found["may"]
    assert "SET_MODE" not in found["may"]


def test_the_rest_can_be_read(web: Web, owner_engine: Engine) -> None:
    """Health, workflows, metrics and questions; what is not there is an empty list."""
    with owner_engine.begin() as connection:
        connection.execute(text("SELECT ensure_health_partition(current_date)"))
        connection.execute(
            text("INSERT INTO health_history (component, status, metadata) VALUES ('backend', 'DOWN', '{}')")
        )
        connection.execute(
            text(
                """INSERT INTO workflow_state (req_number, status, stage_deliverables)
                   VALUES ('REQ-1', 'running', '{"0": 1}')"""
            )
        )
    found = web.ask(
        """{ health { component status } workflows(status: "running") { reqNumber stageDeliverables }
             metrics { attempts success { value low high } } approvals(ended: true) { id } breakers { name } }"""
    )["data"]
    assert found["health"] == [{"component": "backend", "status": "DOWN"}]
    assert found["workflows"] == [{"reqNumber": "REQ-1", "stageDeliverables": {"0": 1}}]
    assert (found["metrics"], found["approvals"], found["breakers"]) == ([], [], [])


def test_our_own_mechanisms_can_be_read(web: Web, empty: Engine) -> None:
    """What schedules begin, and how far behind it is."""
    every = {"reconcile": timedelta(minutes=5)}
    Mechanisms(empty).schedule(every, since=datetime.now(UTC) - timedelta(hours=1))
    (found,) = web.ask("{ mechanisms { name state everySeconds beganAt error behindSeconds } }")["data"]["mechanisms"]
    assert found.pop("behindSeconds") >= 3300
    assert found == {"name": "reconcile", "state": "LATE", "everySeconds": 300.0, "beganAt": None, "error": ""}
