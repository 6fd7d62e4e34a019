"""Whose rows a person sees: their tenant's, in every order of who asks, on which connection, and how it ends."""

import contextvars
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from embedded_fixtures import Embedded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from person_fixtures import ACME, OTHER
from sqlalchemy import Engine, text
from sqlalchemy.engine import Connection

from deployments.embedded import roles
from selfheal.model.errors import NotAllowed, SelfhealError
from selfheal.model.identity import Identity, Role
from selfheal.model.page import Slice
from selfheal.store.engine import as_one, first_row, open_engine, rehearsing, seen_by, transaction
from selfheal.store.rates import RateReports
from selfheal.store.reading.attempts import Attempts

NOBODY = "nobody said who asks"
PEOPLE = {
    NOBODY: None,
    "infrastructure": Identity(name="ada", role=Role.OPERATOR),
    "acme": Identity(name="ben", role=Role.VIEWER, tenant=ACME),
    "acme's admin": Identity(name="cyd", role=Role.ADMIN, tenant=ACME),
    "other": Identity(name="dan", role=Role.APPROVER, tenant=OTHER),
    "admin": Identity(name="eve", role=Role.ADMIN),
}
INFRASTRUCTURES, ACMES, OTHERS = "", str(ACME), str(OTHER)
SEES = {
    NOBODY: {INFRASTRUCTURES},
    "infrastructure": {INFRASTRUCTURES},
    "acme": {ACMES},
    "acme's admin": {ACMES},
    "other": {OTHERS},
    "admin": {INFRASTRUCTURES, ACMES, OTHERS},
}
TABLES = ("healing_actions", "system_errors", "devops_alert_history")
ROWS = """
    WITH f AS (
        INSERT INTO faults (target_key, component, trigger_type) VALUES ('t' || :tenant, 'web', 'MANUAL') RETURNING id
    )
    INSERT INTO healing_actions (tenant_id, trigger_type, action_type, target_component, status, success, completed_at,
                                 verification, target_key, fault_id, trigger_id, action_name)
    SELECT nullif(:tenant, '')::uuid, 'MANUAL', 'A' || :tenant, 'web', 'SUCCESS', true, now(), 'HEALED', 't' || :tenant,
           id, gen_random_uuid(), 'a' FROM f
"""
ERRORS = "INSERT INTO system_errors (tenant_id, severity, message) VALUES (nullif(:tenant, '')::uuid, 'INFO', :tenant)"
ALERTS = """INSERT INTO devops_alert_history (tenant_id, severity, message, delivery_status)
            VALUES (nullif(:tenant, '')::uuid, 'INFO', :tenant, 'SENT')"""
READ = {
    one: text(f"SELECT array_agg(DISTINCT coalesce(tenant_id::text, '')) FROM {one}")  # noqa: S608 - written above
    for one in TABLES
}


@pytest.fixture
def pool(empty: Engine, embedded_postgres: Embedded) -> Iterator[Engine]:
    """The web server's pool, small, over rows of two tenants and the infrastructure."""
    with empty.begin() as connection:
        for tenant in (INFRASTRUCTURES, ACMES, OTHERS):
            for statement in (ROWS, ERRORS, ALERTS):
                connection.execute(text(statement), {"tenant": tenant})
    engine = open_engine(embedded_postgres.url(roles.API), pool_size=2)
    yield engine
    engine.dispose()


class Actor:
    """Somebody whose request is under way beside others', in a context of its own, as in a server."""

    def __init__(self, pool: Engine, who: str) -> None:
        self.pool, self.who, self.context = pool, who, contextvars.copy_context()
        self.open: list[AbstractContextManager[Any]] = []
        self.connection: Connection | None = None
        person = PEOPLE[who]
        if person is not None:
            self.enter(seen_by(pool, person))

    def enter(self, manager: AbstractContextManager[Any]) -> Any:
        entered = self.context.run(manager.__enter__)
        self.open.append(manager)
        return entered

    def leave(self, error: Exception | None = None) -> None:
        """End what was entered last; with an error, as one that was raised inside."""
        manager = self.open.pop()
        try:
            self.context.run(manager.__exit__, type(error) if error else None, error, None)
        except Exception as raised:  # noqa: BLE001 - it is looked at
            assert error is not None, raised  # noqa: PT017 - the same

    def looks(self, found: list[str] | None) -> None:
        assert set(found or []) == SEES[self.who], f"{self.who} saw {found}"

    def do(self, step: str, table: str) -> None:
        """One step of the request."""
        if step == "first_row":
            row = self.context.run(first_row, self.pool, READ[table], {})
            self.looks(row and row[0])
        elif self.connection is None:
            whole = {"dry run": rehearsing, "as one": as_one}.get(step)
            if whole is not None:
                self.enter(whole(self.pool))
            self.connection = self.enter(transaction(self.pool))
        elif step == "commit":
            self.end(None)
        elif step == "rollback":
            self.end(SelfhealError("the request fails"))
        elif step == "break":
            try:
                self.connection.execute(text("SELECT 1 / 0"))
            except Exception as error:  # noqa: BLE001 - the request ends with it
                self.end(error)
        else:
            self.looks(self.connection.execute(READ[table]).scalar())

    def end(self, error: Exception | None) -> None:
        """The transaction is over, with all that it is part of."""
        self.connection = None
        keep = 0 if PEOPLE[self.who] is None else 1
        while len(self.open) > keep:
            self.leave(error)

    def go(self) -> None:
        self.end(None)
        while self.open:
            self.leave()


STEP = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["first_row", "begin", "read", "commit", "rollback", "break", "dry run", "as one"]),
    st.sampled_from(TABLES),
)
STEPS = 20


def test_no_row_of_another_tenant_is_seen_in_any_order(pool: Engine, request: pytest.FixtureRequest) -> None:
    """Three requests at once on a pool of four connections, 2,000 steps: each sees exactly what is its own.

    Requests begin, read, commit, fail, are rolled back, rehearse and use one statement by itself, in random order. With
    `--campaign` 10,000 steps.
    """
    counted, examples = 0, 500 if request.config.getoption("--campaign") else 100

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        whose=st.lists(st.sampled_from(list(PEOPLE)), min_size=3, max_size=3),
        steps=st.lists(STEP, min_size=STEPS, max_size=STEPS),
    )
    def interleave(whose: list[str], steps: list[tuple[int, str, str]]) -> None:
        nonlocal counted
        actors = [Actor(pool, who) for who in whose]
        try:
            for number, step, table in steps:
                actors[number].do(step, table)
                counted += 1
        finally:
            for one in actors:
                one.go()

    interleave()
    assert counted >= examples * STEPS


@pytest.mark.parametrize("who", PEOPLE)
def test_reports_and_rates_are_of_what_one_sees(pool: Engine, who: str) -> None:
    """History, the metrics of 24 h and the client's rates count the rows that the person sees and no others."""
    actor = Actor(pool, who)
    history = actor.context.run(Attempts(pool).page, Slice(limit=50))
    assert len(history.items) == len(SEES[who])
    rates = actor.context.run(RateReports(pool).rates, within=None)
    assert {one.action_type for one in rates if one.action_type} == {f"A{tenant}" for tenant in SEES[who]}
    seen = actor.context.run(first_row, pool, text("SELECT array_agg(action_type) FROM seen_success_rates"), {})
    assert seen is not None
    assert set(seen[0]) == {f"A{tenant}" for tenant in SEES[who]}
    actor.go()


def test_the_view_of_all_tenants_is_an_admins(pool: Engine, empty: Engine) -> None:
    """A tenant cannot learn from it what others' actions are; the refresh counts the rows of all, not none."""
    with empty.begin() as connection:
        connection.execute(text("SELECT refresh_success_rates()"))
    counts = text("SELECT count(*) FROM healing_action_success_rates")
    for who, person in PEOPLE.items():
        if person is None:
            continue
        with seen_by(pool, person):
            if who == "admin":
                assert first_row(pool, counts, {}) == (3,)
                continue
            with pytest.raises(NotAllowed):
                first_row(pool, counts, {})


def test_who_is_seen_is_said_around_a_whole(pool: Engine) -> None:
    """One transaction is one person's: to become another inside of it is a mistake of ours, and said so."""
    person = PEOPLE["admin"]
    assert person is not None
    with (
        as_one(pool),
        pytest.raises(RuntimeError, match="one transaction is seen by one person"),
        seen_by(pool, person),
    ):
        pytest.fail("it was entered")


def test_a_pooled_connection_keeps_nothing(pool: Engine) -> None:
    """After an admin's transaction and a tenant's, the same connection has neither role nor tenant."""
    for person in (PEOPLE["admin"], PEOPLE["acme"]):
        assert person is not None
        with seen_by(pool, person), transaction(pool) as connection:
            connection.execute(text("SELECT 1"))
        with pool.connect() as connection:
            left = connection.exec_driver_sql(
                "SELECT current_user, current_setting('app.current_tenant_id', true)"
            ).one()
            assert left.current_user == roles.API
            assert not left.current_setting


ESTATES = """
    SELECT keep_health('{web}', '{DOWN}', '{1}', '{NULL}', ARRAY[now()], '{response_time_ms}', '{1}', '{NULL}', false);
    INSERT INTO watch_epoch (mechanism, run_id, holder) VALUES ('application-health', gen_random_uuid(), '{}');
    INSERT INTO mechanism_runs (run_id, mechanism, holder) VALUES (gen_random_uuid(), 'application-health', '{}');
    INSERT INTO pauses (paused_by, why) VALUES ('ada', 'tests');
    INSERT INTO maintenance_windows (scope, begins_at, ends_at, zone, who, why)
    VALUES ('estate', now(), now() + interval '1 h', 'UTC', 'ada', 'tests');
    INSERT INTO storms (estate_group, quiet_at, sick) VALUES ('', now(), 3);
    INSERT INTO alert_outbox (severity, dedup_key, message) VALUES ('INFO', 'k', 'm');
    INSERT INTO action_modes (action, mode, who, why) VALUES ('a', 'approve', 'ada', 'tests');
    INSERT INTO mode_changes (action, kind, from_mode, to_mode, who, why)
    VALUES ('a', 'SET', 'auto', 'approve', 'ada', 'tests');
    INSERT INTO trigger_answers (trigger_id) VALUES (gen_random_uuid());
    INSERT INTO healing_triggers (decision, reason, trigger_type, component, target_key, action_type, source, priority)
    VALUES ('PAUSED', 'tests', 'MANUAL', 'web', 't', 'A', 'watcher', 'HIGH');
    INSERT INTO shadow_plans (fault_id, action, action_type, component, target_key, trigger_id, plan, within)
    SELECT id, 'a', 'A', 'web', 't', gen_random_uuid(), '{}', '1 min' FROM faults WHERE target_key = 't';
    INSERT INTO approvals (action, action_type, component, target_key, fingerprint, parameters, fault_id, trigger_id,
                           trigger_type, source, priority, asked_by, why, preview, blast_radius, expires_at)
    SELECT 'a', 'A', 'web', 't', 'f', '{}', id, gen_random_uuid(), 'MANUAL', 'person', 'HIGH', 'ada', 'tests', '[]',
           'web', now() + interval '1 h' FROM faults WHERE target_key = 't';
    INSERT INTO workflow_state (req_number) VALUES ('REQ-1');
    INSERT INTO workflow_recovery_history (req_number, recovery_type, recovery_action, success)
    VALUES ('REQ-1', 'AUTO_RESUME', 'none', true);
    INSERT INTO file_changes (path, kind, who, why) VALUES ('/srv/OWNER_REQUESTS.md', 'STATUS', 'ada', 'tests');
    INSERT INTO workflow_starts (id, req_number, stage, agent, breaker, generation, file_before)
    VALUES (gen_random_uuid(), 'REQ-1', 0, 'roy', 'agent:roy', 0, 'NEW');
    INSERT INTO workflow_comparisons (mechanism, compared_at, requests, untold) VALUES ('a', now(), 1, 0);
    INSERT INTO workflow_sightings (req_number, status) VALUES ('REQ-1', 'NEW');
    INSERT INTO workflow_disagreements (req_number, kind, person) VALUES ('REQ-1', 'ZOMBIE', false);
    INSERT INTO deliverables (stream, stream_created, sequence, req_number, stage, subject, published_at, result,
                              status, summary, size) VALUES ('s', now(), 1, 'REQ-1', 0, 'a', now(), 'DONE', '', '', 0);
    INSERT INTO pruned_deliverables (stream, stream_created, sequence, subject, published_at, data)
    VALUES ('s', now(), 1, 'a', now(), '');
    SELECT take_alerts('w', 'tests', '[{"component": "web", "refusal": "tests", "priority": "LOW"}]',
                       ROW(interval '1 h', interval '1 h', 10)::intake_limits);
    INSERT INTO alert_episodes (id, alert_group, severity, window_began, told, held, total, is_open, last_told_at)
    VALUES ('01920000-0000-7000-8000-0000000000e1', 'fault', 'INFO', now(), 1, 0, 1, true, now());
    INSERT INTO alerts (id, dedup_key, alert_group, severity, message, held, occurrences, raised_at)
    VALUES (gen_random_uuid(), 'k', 'fault', 'INFO', 'm', false, 1, now());
    INSERT INTO alert_messages (id, kind, severity, alert_group, dedup_key, episode_id, message, created_at)
    VALUES ('01920000-0000-7000-8000-0000000000e2', 'ALERT', 'INFO', 'fault', 'k', gen_random_uuid(), 'm', now());
    INSERT INTO alert_deliveries (message_id, episode_id, channel, state)
    VALUES ('01920000-0000-7000-8000-0000000000e2', gen_random_uuid(), 'chat', 'SENT');
    INSERT INTO alert_silences (pattern, until, who, why) VALUES ('k', now() + interval '1 h', 'ada', 'tests');
    INSERT INTO mechanisms (name) VALUES ('reconcile');
    INSERT INTO predictions (rule, component, metric, value, threshold, why)
    VALUES ('BREACH_FORETOLD', 'web', 'memory_percent', 80, 95, 'tests');
"""
ESTATE_TABLES = (
    "health_history", "health_rollup", "watch_epoch", "mechanism_runs", "pauses", "maintenance_windows", "storms",
    "alert_outbox", "action_modes", "mode_changes", "trigger_answers", "healing_triggers", "shadow_plans", "approvals",
    "approval_states", "workflow_state", "workflow_recovery_history", "raised_triggers",
    "workflow_state_history", "workflow_starts", "file_changes",
    "workflow_comparisons", "workflow_sightings", "workflow_disagreements", "seen_workflows",
    "alerts", "alert_episodes", "alert_messages", "alert_deliveries", "alert_silences",
    "deliverables", "pruned_deliverables", "intake_alerts", "mechanisms", "predictions", "prediction_results",
)  # fmt: skip
BREAKERS = {"heal:a": INFRASTRUCTURES, "agent:b": INFRASTRUCTURES, f"agent:{ACME}/b": ACMES, f"agent:{OTHER}/b": OTHERS}


@pytest.fixture
def estate(pool: Engine, empty: Engine) -> Engine:
    """The web server's pool over rows of the estate and breakers of everybody."""
    with empty.begin() as connection:
        for statement in filter(str.strip, ESTATES.split(";")):
            connection.exec_driver_sql(statement)
        for name in BREAKERS:
            connection.execute(text("INSERT INTO circuit_breaker_state (component) VALUES (:name)"), {"name": name})
            connection.execute(
                text(
                    "INSERT INTO circuit_breaker_results (component, at, kind, success, event, limits, state,"
                    " generation) VALUES (:name, now(), 'Result', false, '{}', '{}', 'CLOSED', 0)"
                ),
                {"name": name},
            )
        connection.exec_driver_sql(
            "INSERT INTO raised_triggers (id, breaker, generation, component, reason)"
            " VALUES (gen_random_uuid(), 'heal:a', 1, 'web', 'tests')"
        )
    return pool


@pytest.mark.parametrize("who", PEOPLE)
def test_the_estates_rows_are_no_tenants(estate: Engine, who: str) -> None:
    """Refusals, questions, alerts, pauses, plans, health: whoever has a tenant sees none of them, others all."""
    actor = Actor(estate, who)
    expected = 0 if SEES[who] in ({ACMES}, {OTHERS}) else 1
    for table in ESTATE_TABLES:
        counted = actor.context.run(first_row, estate, text(f"SELECT count(*) FROM {table}"), {})  # noqa: S608 - above
        assert (table, counted) == (table, (expected,))
    actor.go()


@pytest.mark.parametrize("who", PEOPLE)
def test_breakers_and_faults_are_of_whom_they_concern(estate: Engine, who: str) -> None:
    """`agent:TENANT/NAME` is that tenant's; a fault is the estate's, and a tenant's if there is an attempt for it."""
    actor = Actor(estate, who)
    theirs = {name for name, owner in BREAKERS.items() if owner in SEES[who]}
    for table in ("circuit_breaker_state", "circuit_breaker_results"):
        names = actor.context.run(first_row, estate, text(f"SELECT array_agg(component) FROM {table}"), {})  # noqa: S608
        assert names is not None
        assert set(names[0] or ()) == theirs
    targets = actor.context.run(first_row, estate, text("SELECT array_agg(target_key) FROM faults"), {})
    assert targets is not None
    everything = {f"t{one}" for one in (INFRASTRUCTURES, ACMES, OTHERS)}
    assert set(targets[0]) == ({f"t{one}" for one in SEES[who]} if INFRASTRUCTURES not in SEES[who] else everything)
    actor.go()


def test_no_table_is_left_out(empty: Engine) -> None:
    """Whatever the web server may read is under row security: the next table is not forgotten."""
    with empty.begin() as connection:
        open_to_all = connection.exec_driver_sql(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            " AND NOT relrowsecurity AND has_table_privilege('selfheal_api', oid, 'SELECT')"
        ).scalars()
        assert set(open_to_all) == {"alembic_version"}


def test_the_planner_expects_that_rows_are_seen(estate: Engine, owner_engine: Engine) -> None:
    """Who has no tenant is asked for once in a statement, and is not taken for somebody who sees next to nothing."""
    with owner_engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO alert_outbox (severity, dedup_key, message)"
            " SELECT 'INFO', n::text, 'm' FROM generate_series(1, 999) n"
        )
        connection.exec_driver_sql("ANALYZE alert_outbox")
    with transaction(estate) as connection:
        plan = list(connection.exec_driver_sql("EXPLAIN SELECT * FROM alert_outbox").scalars())
    assert int(re.findall(r"rows=(\d+)", plan[0])[0]) >= 100, plan
    assert "InitPlan" in "".join(plan)


def test_the_dispatcher_pays_nothing(empty: Engine) -> None:
    """Its plans are those without policies: nothing is filtered, nothing asked besides."""
    with transaction(empty) as connection:
        for table in (*ESTATE_TABLES, *TABLES, "faults", "circuit_breaker_state", "circuit_breaker_results"):
            if table in {"approval_states", "seen_workflows", "prediction_results"}:
                continue  # views, with conditions of their own
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN SELECT * FROM {table}").scalars())  # noqa: S608
            assert not {"Filter:", "InitPlan"} & set(plan.split()), plan
