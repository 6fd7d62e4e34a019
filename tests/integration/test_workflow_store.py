"""`workflow_state` on a real Postgres: every change is in its history, versions decide races, evidence completes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from embedded_fixtures import Embedded
from sqlalchemy import Engine, text
from workflow_values import PIPELINE, a_workflow, delivered, note_recovery

from deployments.embedded import roles
from selfheal.model.errors import NotAllowed, Permanent
from selfheal.model.workflow import RecoveryType, Workflow, WorkflowStatus
from selfheal.store.engine import rehearsing, transaction
from selfheal.store.workflows import WorkflowStates

COMPLETE, RUNNING, PENDING = WorkflowStatus.COMPLETE, WorkflowStatus.RUNNING, WorkflowStatus.PENDING
WHO: dict[str, Any] = {"who": "tests", "why": "they want it"}
LAST = PIPELINE.last.index


@pytest.fixture
def states(empty: Engine) -> WorkflowStates:
    return WorkflowStates(empty, PIPELINE)


def created(states: WorkflowStates, name: str = "REQ-1", **values: Any) -> Workflow:
    assert states.create(a_workflow(name, **values), **WHO)
    found = states.get(name)
    assert found is not None
    return found


def moved(states: WorkflowStates, one: Workflow, **to: Any) -> bool:
    wanted = {"status": one.status, "stage": one.current_stage, "file_status": one.file_status, **WHO}
    return states.change(one.req_number, **{"version": one.version, **wanted, **to})


def test_what_was_written_is_read(states: WorkflowStates) -> None:
    """All fields, by name, and by status; a second one of the same name changes nothing."""
    one = created(states, title="Sell more", priority="P1", file_status="NEW")
    assert (one.title, one.priority, one.status, one.current_stage) == ("Sell more", "P1", PENDING, 0)
    assert (one.assigned_to, one.version, one.file_status) == ("cynthia", 1, "NEW")
    assert one.created_at == one.updated_at == one.under_way_since
    assert not states.create(a_workflow(title="Another"), **WHO)
    assert states.get("REQ-1") == one
    created(states, "REQ-0", status=RUNNING, file_status="IN_PROGRESS", current_stage=2)
    assert [found.req_number for found in states.all()] == ["REQ-0", "REQ-1"]
    (running,) = states.all(status=RUNNING)
    assert (running.req_number, running.assigned_to, running.under_way_since) == ("REQ-0", "roy", None)
    assert running.started_at is not None
    assert states.get("REQ-9") is None


def test_every_change_is_in_the_history(states: WorkflowStates) -> None:
    """From and to, the file's word, who, why, when, and whether a person did it; the newest first."""
    one = created(states)
    assert moved(states, one, status=RUNNING, file_status="IN_PROGRESS", why="its turn")
    assert moved(states, one, version=2, status=WorkflowStatus.BLOCKED, file_status="BLOCKED", who="ada", person=True)
    blocked, begun, new = states.history("REQ-1", limit=9)
    assert (new.from_status, new.to_status, new.to_stage, new.version) == (None, PENDING, 0, 1)
    assert (begun.from_status, begun.to_status, begun.file_status, begun.why) == (
        PENDING,
        RUNNING,
        "IN_PROGRESS",
        "its turn",
    )
    assert (begun.who, begun.by_person) == ("tests", False)
    assert (blocked.who, blocked.by_person, blocked.from_stage) == ("ada", True, 0)
    assert new.at <= begun.at <= blocked.at
    assert states.history("REQ-1", limit=1) == [blocked]


def test_a_change_by_hand_is_in_the_history_too(states: WorkflowStates, empty: Engine) -> None:
    """Whoever writes with psql is named by their login, and the version rises, so that nobody overwrites it unseen."""
    one = created(states)
    with empty.begin() as connection:
        connection.execute(text("UPDATE workflow_state SET status = 'blocked'"))
    (by_hand, _) = states.history("REQ-1", limit=9)
    assert (by_hand.who, by_hand.why, by_hand.by_person) == ("healing_user", "changed by hand", True)
    assert not moved(states, one, status=RUNNING)


def test_an_older_version_changes_nothing(states: WorkflowStates) -> None:
    """Neither the workflow nor its history; the same for one that does not exist."""
    one = created(states)
    assert moved(states, one, stage=1)
    assert not moved(states, one, stage=2)
    assert not states.change("REQ-9", version=1, status=RUNNING, stage=0, file_status="", **WHO)
    found = states.get("REQ-1")
    assert found is not None
    assert (found.current_stage, found.version, len(states.history("REQ-1", limit=9))) == (1, 2, 2)


def test_of_many_who_change_the_same_version_one_does(states: WorkflowStates) -> None:
    """Sixteen at once, ten times: each time one."""
    one = created(states)
    with ThreadPoolExecutor(16) as pool:
        for version in range(1, 11):
            tries = [pool.submit(moved, states, one, version=version, stage=(version + n) % 7) for n in range(16)]
            assert sum(done.result() for done in tries) == 1
    assert [line.version for line in states.history("REQ-1", limit=20)] == list(range(11, 0, -1))


def test_a_dry_run_leaves_nothing(states: WorkflowStates, empty: Engine) -> None:
    """Neither the change nor the history."""
    one = created(states)
    with rehearsing(empty):
        assert moved(states, one, stage=1)
        assert states.get("REQ-1") != one
    assert (states.get("REQ-1"), len(states.history("REQ-1", limit=9))) == (one, 1)


@pytest.mark.parametrize(
    "deliverables", [{}, {str(LAST): {**delivered(LAST), "result": "FAILED"}}, {str(LAST - 1): delivered(LAST - 1)}]
)
def test_nothing_is_complete_without_the_last_stages_evidence(
    states: WorkflowStates, empty: Engine, deliverables: dict[str, Any]
) -> None:
    """Without it, with one that says no, with another stage's: not by the store, not as a new one, not by SQL."""
    one = created(states, status=RUNNING, current_stage=LAST)
    done: dict[str, Any] = {"status": COMPLETE, "file_status": "COMPLETE"}
    with pytest.raises(Permanent, match=r"stage 6 \(berry\) has no deliverable"):
        moved(states, one, **done, deliverables=deliverables)
    with pytest.raises(Permanent, match="is not complete"):
        states.create(a_workflow("REQ-2", **done, stage_deliverables=deliverables), **WHO)
    with pytest.raises(Permanent, match="workflow_state_complete_by_evidence"), transaction(empty) as connection:
        connection.execute(text("UPDATE workflow_state SET status = 'complete', last_stage = 6, completed_at = now()"))
    assert states.get("REQ-1") == one


def test_the_last_stages_evidence_completes(states: WorkflowStates) -> None:
    """Brought with the change, or recorded before; what was recorded stays beside it."""
    for name, before, now in [
        ("REQ-1", {}, {str(LAST): delivered(LAST)}),
        ("REQ-2", {str(LAST): delivered(LAST)}, None),
    ]:
        one = created(states, name, status=RUNNING, stage_deliverables={"0": delivered(0), **before})
        assert moved(states, one, status=COMPLETE, stage=LAST, file_status="COMPLETE", deliverables=now)
        found = states.get(name)
        assert found is not None
        assert (found.status, found.completed_at is not None) == (COMPLETE, True)
        assert set(found.stage_deliverables) == {"0", str(LAST)}


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"x": delivered(0)}, "'x' does not match"),
        ({"0": 1}, r"\$\['0'\]"),
        ({"00": delivered(0)}, "'00' does not match"),
        ({"0": {"result": "DONE"}}, "'sequence' is a required|'subject' is a required"),
        ({"0": {**delivered(0), "result": "FINE"}}, "'FINE' is not one of"),
        ({"0": {**delivered(0), "sequence": -1}}, "-1 is less than"),
        ({"0": {**delivered(0), "published_at": "yesterday"}}, "is not a 'date-time'"),
        ({"0": {**delivered(0), "published_at": "2026-01-01T00:00:00"}}, "is not a 'date-time'"),
        ({"0": {**delivered(0), "more": 1}}, "'more' was unexpected"),
    ],
)
def test_deliverables_are_as_their_schema_has_them(states: WorkflowStates, wrong: dict[str, Any], where: str) -> None:
    """Anything else is refused with the place, whether it is new or changed, and nothing is written."""
    one = created(states)
    with pytest.raises(Permanent, match=where):
        moved(states, one, deliverables=wrong)
    with pytest.raises(Permanent, match=where):
        states.create(a_workflow("REQ-2", stage_deliverables=wrong), **WHO)
    assert states.all() == [one]


def test_a_stage_that_there_is_not_is_refused(states: WorkflowStates) -> None:
    """The pipeline has seven."""
    one = created(states)
    for stage in (-1, 7):
        with pytest.raises(Permanent, match=f"no stage {stage}"):
            moved(states, one, stage=stage)


def test_text_that_postgres_cannot_keep_is_kept_without(states: WorkflowStates) -> None:
    """NUL bytes, lone surrogates, and more than fits."""
    one = created(states, title="a\x00b\ud800" + "x" * 900, priority="URGENT", file_status="S" * 99)
    assert one.title.startswith("a\ufffdb?xxx")
    assert (one.priority, len(one.title), len(one.file_status)) == ("", 500, 20)
    assert moved(states, one, why="w\x00" * 900, deliverables={"0": {**delivered(0), "summary": "\x00"}})


def test_a_run_begins_when_it_becomes_running(states: WorkflowStates) -> None:
    """Not when it goes to its next stage; and what is resumed begins anew, with no end."""
    one = created(states, status=RUNNING)
    assert moved(states, one, stage=1)
    second = states.get("REQ-1")
    assert second is not None
    assert (second.started_at, second.assigned_to) == (one.started_at, "sylvia")
    assert moved(states, second, status=PENDING)
    assert moved(states, second, version=3, status=RUNNING)
    again = states.get("REQ-1")
    assert again is not None
    assert again.started_at > one.started_at


def test_another_title_is_no_sign_of_life(states: WorkflowStates) -> None:
    """It is a change with its history, but nothing was heard of the workflow: `updated_at` stays."""
    one = created(states, status=RUNNING)
    assert states.describe(one, title="Better", priority="P0", **WHO)
    assert not states.describe(one, title="Worse", priority="P0", **WHO)
    found = states.get("REQ-1")
    assert found is not None
    assert (found.title, found.priority, found.version, found.updated_at) == ("Better", "P0", 2, one.updated_at)


def test_why_it_waits_is_told_once(states: WorkflowStates, empty: Engine) -> None:
    """It is no change; people are told when the reason is a new one; a change ends it."""
    one, later = created(states), datetime.now(UTC) + timedelta(minutes=5)
    assert [states.hold("REQ-1", why, until=later) for why in ("a", "a", "b", "b")] == [True, False, True, False]
    assert not states.hold("REQ-9", "a", until=later)
    held = states.get("REQ-1")
    assert held is not None
    assert (held.held_why, held.version) == ("b", 1)
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alert_outbox")) == 2
    assert moved(states, one, status=RUNNING)
    assert states.get("REQ-1").held_why == ""  # type: ignore[union-attr]


def test_recoveries_count_from_a_persons_word_on(states: WorkflowStates, empty: Engine) -> None:
    """Those that put it back and succeeded, since a person has changed it last."""
    one = created(states)
    created(states, "REQ-2")
    note = partial(note_recovery, empty)
    note(RecoveryType.AUTO_RESUME)
    note(RecoveryType.MARK_PENDING)
    note(RecoveryType.MARK_PENDING, success=False)
    note(RecoveryType.MARK_BLOCKED)
    assert states.recoveries(["REQ-1", "REQ-2"]) == {"REQ-1": 2, "REQ-2": 0}
    assert moved(states, one, who="nobody")
    assert states.recoveries(["REQ-1"]) == {"REQ-1": 2}
    assert moved(states, one, version=2, who="ada", person=True)
    assert states.recoveries(["REQ-1"]) == {"REQ-1": 0}
    note(RecoveryType.AUTO_RESUME)
    assert states.recoveries(["REQ-1"]) == {"REQ-1": 1}


def test_complete_ones_are_kept_for_their_time(
    states: WorkflowStates, empty: Engine, superuser: psycopg.Connection[Any]
) -> None:
    """After it they go with their history; those that are not complete stay for ever; never less than a day."""
    for name, age in [("REQ-old", 91), ("REQ-new", 89)]:
        done = created(states, name, status=RUNNING)
        assert moved(states, done, status=COMPLETE, stage=LAST, deliverables={str(LAST): delivered(LAST)})
        with empty.begin() as connection:
            connection.execute(
                text("UPDATE workflow_state SET completed_at = :then WHERE req_number = :name"),
                {"then": datetime.now(UTC) - timedelta(days=age), "name": name},
            )
    failed = created(states, "REQ-failed", status=WorkflowStatus.FAILED, completed_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert states.forget(older=timedelta(days=90)) == 1
    assert states.get("REQ-failed") == failed
    assert [one.req_number for one in states.all()] == ["REQ-failed", "REQ-new"]
    assert states.history("REQ-old", limit=9) == []
    assert states.forget(older=timedelta(0)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workflow_state_history SET why = 'another'",
        "DELETE FROM workflow_state_history",
        "INSERT INTO workflow_state_history (req_number, file_status) VALUES ('REQ-1', '')",
        "DELETE FROM workflow_state",
        "UPDATE workflow_state SET version = 1",
    ],
)
def test_nobody_alters_the_history(states: WorkflowStates, empty: Engine, statement: str) -> None:
    """Not the role that writes workflows."""
    created(states)
    with pytest.raises(NotAllowed), transaction(empty) as connection:
        connection.exec_driver_sql(statement)


def test_not_even_the_owner_rewrites_the_history(states: WorkflowStates, embedded_postgres: Embedded) -> None:
    """A trigger stands before it."""
    created(states)
    dsn = embedded_postgres.servers.postgres.superuser_dsn()
    with (
        psycopg.connect(dsn, dbname=roles.SELFHEAL_DATABASE) as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        owner.execute("UPDATE workflow_state_history SET why = 'another'")
