"""The dashboard over a real database in which something has happened; the clients of persons with each role.

`tests/conftest.py` imports the fixtures `dashboard` and `happened`.
"""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from admission_desk import FAILED, HEALED, RESTART, Desk, target
from embedded_fixtures import Embedded, until
from fastapi import FastAPI
from person_fixtures import Issue
from store_values import ALL, NOW, PIPELINE, B, R, entry, evidence, reading, workflow
from uuid6 import uuid7

from console.web.application import application
from console.web.services import Services, Surroundings, connected
from deployments.embedded import roles
from selfheal.model.admission import Place, Rung
from selfheal.model.approval import Proposal
from selfheal.model.attempt import Holder, Plan
from selfheal.model.breaker import Permit
from selfheal.model.deliverable import Orphans
from selfheal.model.disagreement import Settled, Stores
from selfheal.model.health import ComponentHealth, HealthStatus
from selfheal.model.identity import Role
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.policy.disagreements import compare
from selfheal.settings.file import parse
from selfheal.store.breakers import Breakers
from selfheal.store.disagreements import Disagreements
from selfheal.store.health import HealthHistory
from selfheal.store.reading.faults import Faults

PORT = 4280
PREFECT = "http://127.0.0.1:1"  # where no server is, for a test must not begin a run on one that happens to be there
ESTATE = ("agents", "backend", "broker", "frontend", "storage", "warehouse")
CSRF = re.compile(r'name="csrf" value="([^"]*)"')


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """The application, served, and who may look at it."""

    services: Services
    issue: Issue = field(repr=False)
    url: str
    stack: ExitStack = field(repr=False)

    def client(self, role: Role | None, tenant: UUID | None = None) -> httpx.Client:
        """The browser of somebody who has logged in; None: of nobody."""
        client = self.stack.enter_context(httpx.Client(base_url=self.url, trust_env=False, timeout=30))
        client.headers["accept"] = "text/html"
        if role is not None:
            assert client.post("/login", data={"token": self.secret(role, tenant)}).status_code == 303
        return client

    def secret(self, role: Role, tenant: UUID | None = None) -> str:
        """The token of somebody new."""
        return self.issue(f"{role.value}-{uuid4().hex[:8]}", role, tenant)[0]


def send(client: httpx.Client, page: str, path: str, /, **fields: str) -> httpx.Response:
    """Fill a form of a page in and send it, with the csrf that it carries."""
    found = CSRF.search(client.get(page).text)
    assert found is not None, f"{page} has no form"
    return client.post(path, data={"csrf": found.group(1), **fields})


@pytest.fixture
def dashboard(embedded_postgres: Embedded, issued: Issue) -> Iterator[Dashboard]:
    """The application as its own database role, over empty tables."""
    component = {"probe": "http", "url": "http://127.0.0.1:1/", "supervisor": "main", "ladder": ["restart-service"]}
    values: dict[str, Any] = {
        "healing": {"allow": [name for name in ESTATE if name != "storage"]},
        "supervisors": {"main": {"url": "http://127.0.0.1:2"}},
        "components": {name: component | {"program": name} for name in ESTATE},
    }
    around = Surroundings(database_url=embedded_postgres.url(roles.API), port=PORT, prefect_ui=PREFECT)
    services = connected(parse(values, source="the test"), around)
    with ExitStack() as stack:
        stack.callback(services.estate.close)
        url = stack.enter_context(served(application(services)))
        yield Dashboard(services=services, issue=issued, url=url, stack=stack)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application by a real server, in a thread; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        server = uvicorn.Server(uvicorn.Config(app, ws="none", log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        try:
            until(lambda: server.started)
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@dataclass(frozen=True, kw_only=True)
class Happened:
    """What the pages tell of."""

    desk: Desk
    healed: UUID
    open: UUID
    person: UUID
    approval: UUID
    flow_run: UUID


@pytest.fixture
def happened(desk: Callable[..., Desk]) -> Happened:
    """A night: heals that helped, one that did not, a refusal, a question, a breaker's window, health."""
    one = desk(per_action=99)
    for hours in (30, 20, 9, 5):
        one.past(f"agents-{hours}", timedelta(hours=hours), HEALED)
    one.past("backend", timedelta(hours=3), FAILED)
    healed = _told(one, "frontend")
    one.ask("broker")
    one.sick("warehouse", timedelta(minutes=2))
    one.do("UPDATE faults SET needs_person = 'five attempts did not help' WHERE component = 'backend'")
    run = uuid4()
    one.do(f'UPDATE healing_actions SET metadata = metadata || \'{{"flow_run": "{run}"}}\'::jsonb')  # noqa: S608 - a uuid
    faults = {row.component: row.id for row in Faults(one.engine).still_open()}
    _breakers(one)
    _health(one)
    workflows(one)
    return Happened(
        desk=one,
        healed=healed,
        open=faults["warehouse"],
        person=faults["backend"],
        approval=question(one, "storage"),
        flow_run=run,
    )


def _told(one: Desk, component: str) -> UUID:
    """A heal with a plan, evidence, and a look before it."""
    answer = one.ask(component)
    assert answer.attempt_id is not None
    assert answer.fault_id is not None
    heals = one.heals
    attempt = heals.claim(answer.attempt_id, fence=0, holder=Holder(host="here", pid=1, started=1))
    assert attempt is not None
    plan = Plan(
        steps=(f"stop {component}", f"start {component}"),
        evidence={"log": ["out of memory", "bye"], "state": "EXITED"},
        rollback={"restore": "running"},
    )
    assert heals.record_plan(attempt.id, fence=1, plan=plan)
    assert heals.announce_act(attempt.id, fence=1, timeout=timedelta(minutes=1))
    assert heals.settle(attempt.id, fence=1, outcome=HEALED, execution_ms=1234)
    return answer.fault_id


def question(one: Desk, component: str, **changes: Any) -> UUID:
    """Somebody asks for a person's word."""
    now = datetime.now(UTC)
    trigger = Trigger(
        id=uuid7(),
        type=TriggerType.SERVICE_DOWN,
        component=component,
        source=Source.WATCHER,
        priority=Priority.HIGH,
        reason=changes.pop("reason", "its disk is gone"),
        detected_at=now,
    )
    seen = Observation(component=component, health=Health.SICK, detail="gone", observed_at=now)
    asks = Rung(action=RESTART.action, action_type=RESTART.action_type, mode="approve")
    plan = Proposal(
        action=asks.action,
        fingerprint="f" * 64,
        parameters={"program": component},
        steps=(f"stop {component}", f"start {component}"),
        blast_radius="agents and backend depend on it",
    )
    place = Place(target=target(component))
    one.heals.admit(trigger, place=place, rungs=(asks,), observation=seen, refusal=None, plans=(plan,))
    found: UUID = one.one("SELECT id FROM approvals ORDER BY asked_at DESC LIMIT 1")
    return found


def _breakers(one: Desk) -> None:
    breakers = Breakers(one.engine)
    for name, results in {"agent:planner": "++-+++-+++", "agent:writer": "+-+--"}.items():
        for good in results:
            permit = breakers.ask(name, uuid7())
            if isinstance(permit, Permit):
                breakers.tell(name, permit, success=good == "+", note="REQ-STOCK-42 stopped in stage 3")


ZOMBIE, CLAIMED, GONE = "REQ-ITEM-001", "REQ-I18N-CHINESE-1766892755203", "REQ-GONE-7"


_COLUMNS = "req_number, title, current_stage, status, started_at, updated_at"


def workflows(one: Desk, title: str = "库存 levels", *, untold: bool = False) -> None:
    """A comparison: a zombie, one that is said to be complete and is not, one that is well, and orphans."""
    for name, status, stage in ((ZOMBIE, "running", 0), ("REQ-WELL", "running", 1), ("REQ-HELD", "blocked", 2)):
        values = f"'{name}', 'Stock', {stage}, '{status}', now() - interval '3 h', now() - interval '3 h'"
        one.do(f"INSERT INTO workflow_state ({_COLUMNS}) VALUES ({values})")  # noqa: S608 - of the test
    entries = [
        replace(entry("NEW", name=ZOMBIE), title=title),
        entry("COMPLETE", name=CLAIMED, line=40),
        entry("IN_PROGRESS", name="REQ-WELL", line=60),
        entry("BLOCKED", name="REQ-HELD", line=80),
    ]
    known = [
        workflow(R, req_number=ZOMBIE, said="NEW", hours=3),
        workflow(R, req_number="REQ-WELL", stage=1),
        workflow(B, req_number="REQ-HELD", stage=2),
    ]
    found = Stores(
        pipeline=PIPELINE,
        reading=reading(*entries),
        workflows={each.req_number: each for each in known},
        evidence={
            ZOMBIE: evidence(untold=ALL) if untold else evidence(),
            CLAIMED: evidence(ALL - {6}, refused=(4,)),
            "REQ-WELL": evidence((0,), minutes=5),
            "REQ-HELD": evidence((0, 1), untold=(6,)),
        },
        orphans=Orphans(scanned=300, by_request={GONE: 12}),
        now=NOW,
    )
    Disagreements(one.engine).record(found, compare(found), Settled(), mechanism="workflow-persistence")


def _health(one: Desk) -> None:
    now = datetime.now(UTC)
    status = {"backend": HealthStatus.DOWN, "warehouse": HealthStatus.DOWN, "broker": HealthStatus.DEGRADED}
    rows = [
        ComponentHealth(
            component=name,
            status=status.get(name, HealthStatus.OPERATIONAL),
            response_ms=None if name == "backend" else 12,
            detail="connection refused" if name in status else "",
            checked_at=now - timedelta(seconds=2),
        )
        for name in ESTATE
    ]
    health = HealthHistory(one.engine)
    health.record(rows)
    health.begin_watch("application-health", uuid4(), Holder(host="here", pid=1, started=1))


LOGS = """
    WITH position AS (
        INSERT INTO log_positions (source, component, place, position, lines, cut, behind, trouble)
        VALUES ('app', 'backend', '/app.log', '{}', 123456, 2, 4100000, 'we may not read /app.log')
    ), counts AS (
        INSERT INTO log_counts (source, pattern, at, hits)
        VALUES ('app', 'uncaught', now(), 17), ('app', 'gone', now(), 1)
    ), gap AS (
        INSERT INTO log_gaps (source, kind, detail) VALUES ('app', 'TRUNCATED', '/app.log was emptied')
    ), error AS (
        INSERT INTO system_errors (severity, message, component, signature, occurrence_count, metadata)
        VALUES ('ERROR', '<b>uncaughtException 17 in worker', 'backend', '0123abcd', 17,
                '{"source": "app", "pattern": "uncaught"}'), ('INFO', 'of another program', NULL, NULL, 1, NULL)
    ), raised AS (
        INSERT INTO log_triggers (id, source, pattern, component, priority, reason, next_try_at)
        SELECT gen_random_uuid(), 'app', 'uncaught', 'backend', 'MEDIUM', r.n || ' lines of uncaught', now()
        FROM generate_series(1, 3) r (n) RETURNING id, reason
    ), decided AS (
        INSERT INTO healing_triggers (decision, reason, trigger_type, component, target_key, action_type, source,
                                      priority, fault_id)
        SELECT d.word, d.reason, 'LOG_ERROR', 'backend', 't', '', 'log-monitor', 'MEDIUM', d.fault
        FROM (VALUES ('ADMITTED', '1 lines of uncaught', CAST('FAULT' AS uuid)),
                     ('ALREADY_HEALTHY', '2 lines of uncaught', NULL)) d (word, reason, fault)
        RETURNING id, reason
    )
    INSERT INTO trigger_answers (trigger_id, decision_id)
    SELECT r.id, d.id FROM raised r JOIN decided d ON d.reason = r.reason"""


def has_logs(desk: Desk, *, fault: UUID) -> None:
    """A log that cannot be read any more, what was found and lost, and three suspicions: healed, refused and due."""
    desk.do(LOGS.replace("FAULT", str(fault)))
