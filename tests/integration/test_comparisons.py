"""What a comparison has seen, written down and read again, on a real database."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from person_fixtures import ACME
from sqlalchemy import Engine, event, text
from store_values import ALL, NOW, PIPELINE, B, C, R, entry, evidence, reading, workflow
from uuid6 import uuid7
from workflow_values import note_recovery

from selfheal.model.deliverable import Orphans, Presence
from selfheal.model.disagreement import Kind, Settled, Settler, Stores
from selfheal.model.file_change import ChangeKind, ChangeState, FileChange
from selfheal.model.identity import Identity, Role
from selfheal.model.page import Slice
from selfheal.model.request import Entry
from selfheal.model.workflow import RecoveryType, Workflow
from selfheal.model.workflow_health import Level
from selfheal.model.workflow_report import WorkflowFilter
from selfheal.policy.disagreement_rules import RULES
from selfheal.policy.disagreements import compare
from selfheal.policy.workflow_report import events_of
from selfheal.store.disagreements import Disagreements
from selfheal.store.engine import seen_by
from selfheal.store.file_changes import FileChangeRows
from selfheal.store.reading.comparisons import Comparisons
from selfheal.store.workflows import WorkflowStates

STATE = text(
    "INSERT INTO workflow_state (req_number, title, assigned_to, current_stage, status, started_at, updated_at)"
    " VALUES (:name, 'Stock', 'cynthia', 0, :status, now() - interval '3 hours', now() - interval '3 hours')"
)
ALERTS = text("SELECT message FROM alert_outbox ORDER BY created_at, id")


def stores(*entries: Entry, workflows: Iterable[Workflow] = (), **more: Any) -> Stores:
    """These entries and workflows; nothing has been delivered for any of them."""
    known = {one.req_number: one for one in workflows}
    told = {name: evidence() for name in {*known, *(one.id for one in entries)}}
    values: dict[str, Any] = {"evidence": told, "workflows": known} | more
    return Stores(pipeline=PIPELINE, reading=reading(*entries), now=NOW, **values)


def record(engine: Engine, found: Stores, settled: Settled | None = None) -> list[tuple[str, str]]:
    """One comparison; gives what is new."""
    new = Disagreements(engine).record(found, compare(found), settled or Settled(), mechanism="workflow-persistence")
    return [(one.req_number, one.kind) for one in new]


@pytest.fixture
def read(empty: Engine) -> Comparisons:
    return Comparisons(empty, PIPELINE, many_orphans=10)


def open_kinds(read: Comparisons) -> list[tuple[str, Kind]]:
    return [(one.req_number, one.rule.kind) for one in read.disagreements(limit=50)]


def test_a_disagreement_is_known_since_it_was_seen_first(empty: Engine, read: Comparisons) -> None:
    """Found again it is the same row, seen later; not found any more it is settled; found anew it is another."""
    zombie = stores(entry("NEW", name="REQ-1"), workflows=[workflow(R, req_number="REQ-1", said="NEW", hours=9)])
    assert record(empty, zombie) == [("REQ-1", Kind.ZOMBIE)]
    first = read.disagreements(limit=5)[0]
    assert (first.file, first.state, first.evidence) == ("NEW, line 3", "running at 0 cynthia", "nothing delivered")
    assert record(empty, zombie) == []
    again = read.disagreements(limit=5)[0]
    assert (again.id, again.first_seen) == (first.id, first.first_seen)
    assert again.last_seen > first.last_seen
    well = stores(entry("IN_PROGRESS", name="REQ-1"), workflows=[workflow(R, req_number="REQ-1")])
    assert record(empty, well) == []
    assert read.disagreements(limit=5) == []
    settled = read.disagreements(limit=5, settled=True, req_number="REQ-1")
    assert [one.id for one in settled] == [first.id]
    assert settled[0].settled_at is not None
    assert record(empty, zombie) == [("REQ-1", Kind.ZOMBIE)]


def test_what_nobody_could_tell_stays_open(empty: Engine, read: Comparisons) -> None:
    """With the broker down, or the file away, nothing is settled, and the comparison says why."""
    well = workflow(R, req_number="REQ-1", hours=9)
    record(empty, stores(entry("NEW", name="REQ-1"), workflows=[replace(well, file_status="NEW")]))
    dark = {"REQ-1": evidence(untold=ALL)}
    record(empty, stores(entry("IN_PROGRESS", name="REQ-1"), workflows=[well], evidence=dark))
    assert open_kinds(read) == [("REQ-1", Kind.ZOMBIE)]
    told = read.standing().comparisons[0]
    assert (told.file_read, told.requests, told.untold, told.why) == (True, 1, 1, "REQ-1: the broker does not answer")
    record(empty, replace(stores(workflows=[well]), reading=None))
    assert open_kinds(read) == [("REQ-1", Kind.ZOMBIE)]
    assert read.standing().comparisons[0].file_read is False


def test_what_was_moved_is_settled_at_once(empty: Engine, read: Comparisons) -> None:
    """A move that was carried out ends its disagreement; one that was not says why."""
    two = stores(
        *(entry("NEW", name=name) for name in ("REQ-1", "REQ-2")),
        workflows=[workflow(R, req_number=name, said="NEW", hours=9) for name in ("REQ-1", "REQ-2")],
    )
    held = Settled(moved=frozenset({"REQ-1"}), held={"REQ-2": "it was changed meanwhile"})
    record(empty, two, held)
    assert [(one.req_number, one.note) for one in read.disagreements(limit=5)] == [
        ("REQ-2", "it was changed meanwhile")
    ]
    assert read.standing().comparisons[0].moved == 1


def test_people_are_told_once(empty: Engine) -> None:
    """What only a person settles, and a storm, is an alert when it is new, and none when it is found again."""
    found = stores(entry("COMPLETE", name="REQ-1"), workflows=[workflow(R, req_number="REQ-1")])
    storm = Settled(storm="9 workflows would be moved at once")
    record(empty, found, storm)
    record(empty, found, storm)
    with empty.begin() as connection:
        said = list(connection.scalars(ALERTS))
    assert sorted(said) == [
        "9 workflows would be moved at once",
        "the stores of workflows disagree, and only a person settles it: REQ-1 (COMPLETE_WITHOUT_EVIDENCE)",
    ]


def test_a_person_sees_first_what_only_a_person_settles(empty: Engine, read: Comparisons) -> None:
    """The open ones, a person's first; each with its rule."""
    record(
        empty,
        stores(
            entry("NEW", name="REQ-1"),
            entry("COMPLETE", name="REQ-2"),
            workflows=[workflow(R, req_number="REQ-1", said="NEW", hours=9)],
            orphans=Orphans(scanned=20, by_request={"REQ-GONE": 12}),
        ),
    )
    assert {one[1] for one in open_kinds(read)[:2]} == {Kind.COMPLETE_WITHOUT_EVIDENCE, Kind.ORPHANS}
    last = read.disagreements(limit=5)[-1]
    assert (last.rule.kind, last.rule.settler) == (Kind.ZOMBIE, Settler.PERSISTENCE)
    standing = read.standing()
    assert (standing.persons, standing.mechanisms) == (2, 1)
    assert standing.level is Level.DEGRADED
    assert standing.comparisons[0].orphans == 12


def test_a_workflow_is_read_with_its_stages(empty: Engine, read: Comparisons) -> None:
    """File, state, deliverables and whether it is stuck, of one workflow; None where nobody knows it."""
    with empty.begin() as connection:
        connection.execute(STATE, {"name": "REQ-1", "status": "running"})
    record(
        empty,
        stores(entry("IN_PROGRESS", name="REQ-1"), workflows=[workflow(R, req_number="REQ-1")], evidence={}),
    )
    assert read.page(Slice()).items[0].stages == ()
    record(
        empty,
        stores(
            entry("IN_PROGRESS", name="REQ-1"),
            workflows=[workflow(R, req_number="REQ-1")],
            evidence={"REQ-1": evidence((0,), untold=(6,))},
        ),
    )
    story = read.story("REQ-1")
    assert story is not None
    seen = story.workflow
    assert (seen.file_status, seen.status, seen.priority, seen.line, seen.agent) == (
        "IN_PROGRESS",
        "running",
        "P1",
        3,
        "cynthia",
    )
    presence = [one.presence for one in seen.stages]
    assert presence == [Presence.PRESENT, *[Presence.ABSENT] * 5, Presence.COULD_NOT_TELL]
    assert (seen.stages[0].agent, seen.stages[0].kind, seen.stages[0].result) == ("cynthia", "research", "DONE")
    assert seen.untold == "the broker does not answer"
    assert not seen.stuck
    record(empty, stores(entry("IN_PROGRESS", name="REQ-1"), workflows=[workflow(R, req_number="REQ-1")]))
    found = read.story("REQ-1")
    assert found is not None
    assert found.workflow.stuck
    assert read.story("REQ-2") is None


def test_orphans_that_another_mechanism_counts(empty: Engine, read: Comparisons) -> None:
    """They are told beside what was compared, and touch nothing of it; a stream that nobody could read settles none."""
    record(empty, stores(entry("COMPLETE", name="REQ-1")))
    book = Disagreements(empty)

    def count(**by_request: int) -> list[str]:
        found = Orphans(scanned=9, by_request=by_request)
        return [one.req_number for one in book.record_orphans(found, now=NOW, pipeline=PIPELINE)]

    assert count(GONE=12) == ["GONE"]
    assert count(GONE=13) == []
    assert {one.req_number: one.evidence for one in read.disagreements(limit=5)}["GONE"] == "13 deliverables"
    assert read.standing().comparisons[0].orphans == 13
    dark = Orphans(scanned=0, could_not_tell={"agog_features_qa": "the broker does not answer"})
    book.record_orphans(dark, now=NOW, pipeline=PIPELINE)
    assert {one[0] for one in open_kinds(read)} == {"REQ-1", "GONE"}
    assert read.standing().comparisons[0].orphans == 13
    assert count() == []
    assert {one[0] for one in open_kinds(read)} == {"REQ-1"}


def test_a_story_tells_who_did_what(empty: Engine, read: Comparisons) -> None:
    """Changes of the state, our writes of the file, recoveries, deliverables and disagreements, the newest first."""
    states, files = WorkflowStates(empty, PIPELINE), FileChangeRows(empty)
    new = workflow(R, req_number="REQ-1", said="NEW", hours=9)
    assert states.create(new, who="workflow-persistence", why="line 3 says NEW")
    change = FileChange(
        id=uuid7(),
        path="/srv/requests.md",
        kind=ChangeKind.STATUS,
        who="recovery-health-check",
        why="it was stuck",
        req_number="REQ-1",
        before="IN_PROGRESS",
        after="PENDING",
    )
    files.begin(change)
    files.settle(change.id, ChangeState.DONE)
    note_recovery(empty, RecoveryType.MARK_PENDING)
    record(empty, stores(entry("NEW", name="REQ-1"), workflows=[new]))
    story = read.story("REQ-1")
    assert story is not None
    told = {one.kind.value: (one.who, one.words) for one in events_of(story)}
    assert told == {
        "disagreed": ("", f"ZOMBIE: {RULES[Kind.ZOMBIE].what}"),
        "recovered": ("", "MARK_PENDING, after 95 min: retry"),
        "written": ("recovery-health-check", "IN_PROGRESS became PENDING in the file: it was stuck"),
        "changed": ("workflow-persistence", "running at stage 0: line 3 says NEW"),
    }
    times = [one.at for one in events_of(story)]
    assert times == sorted(times, reverse=True)


def test_a_shrunken_file_leaves_what_was_seen(empty: Engine, read: Comparisons) -> None:
    """The file was wiped: the list still tells what it said before, and the wipe is one disagreement."""
    names = [f"REQ-{n}" for n in range(8)]
    workflows = [workflow(B, req_number=name) for name in names]
    record(empty, stores(*(entry("BLOCKED", name=name) for name in names), workflows=workflows))
    record(empty, stores(workflows=workflows))
    assert open_kinds(read) == [("", Kind.FILE_SHRANK)]
    assert {one.file_status for one in read.page(Slice()).items} == {"BLOCKED"}


def test_an_entry_that_is_gone_is_told_as_gone(empty: Engine, read: Comparisons) -> None:
    """Neither in the file nor in the state: not in the list; forgotten when it is old enough."""
    record(empty, stores(entry("NEW", name="REQ-1"), entry("NEW", name="REQ-2")))
    record(empty, stores(entry("NEW", name="REQ-2")))
    assert [one.req_number for one in read.page(Slice()).items] == ["REQ-2"]
    with empty.begin() as connection:
        connection.execute(text("UPDATE workflow_sightings SET changed_at = now() - interval '9 days'"))
        connection.execute(text("UPDATE workflow_disagreements SET settled_at = now() - interval '9 days'"))
        forget = text("SELECT forget_disagreements(interval '2 days')")
        assert connection.scalar(forget) == 3
        kept = list(connection.scalars(text("SELECT req_number FROM workflow_sightings")))
    assert kept == ["REQ-2"]


def test_a_thousand_workflows_are_read_by_pages(empty: Engine, read: Comparisons) -> None:
    """Each comes once over the pages, filters find theirs, and a comparison that changes nothing writes no sighting."""
    names = [f"REQ-{n:04}" for n in range(1000)]
    many = stores(*(entry("COMPLETE" if n % 2 else "NEW", name=name) for n, name in enumerate(names)))
    record(empty, many)
    written: list[int] = []

    def count(_one: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "INTO workflow_sightings" in statement:
            written.append(cursor.rowcount)

    event.listen(empty, "after_cursor_execute", count)
    record(empty, many)
    event.remove(empty, "after_cursor_execute", count)
    assert written == [0]
    page, found = read.page(Slice(limit=300)), []
    while True:
        found += [one.req_number for one in page.items]
        if page.older is None:
            break
        page = read.page(Slice(limit=300, older_than=page.older))
    assert sorted(found) == names
    assert len(read.page(Slice(limit=600), WorkflowFilter(word="COMPLETE")).items) == 500
    assert [one.req_number for one in read.page(Slice(), WorkflowFilter(text="req-0042")).items] == ["REQ-0042"]
    assert read.page(Slice(), WorkflowFilter(text="%")).items == []
    assert len(read.page(Slice(limit=1000), WorkflowFilter(disagreeing=True)).items) == 1000
    assert read.page(Slice(), WorkflowFilter(status="running")).items == []
    assert read.standing().by_word == {"COMPLETE": 500, "NEW": 500}


def test_a_tenants_person_sees_no_workflow(empty: Engine, api_engine: Engine) -> None:
    """Workflows are the estate's: a tenant's token sees none of them, one without a tenant all."""
    record(empty, stores(entry("COMPLETE", name="REQ-1"), workflows=[workflow(C, req_number="REQ-1")]))
    read = Comparisons(api_engine, PIPELINE, many_orphans=10)
    with seen_by(api_engine, Identity(name="ben", role=Role.ADMIN, tenant=ACME)):
        assert (read.page(Slice()).items, read.disagreements(limit=9), read.standing().comparisons) == ([], [], [])
    with seen_by(api_engine, Identity(name="ada", role=Role.VIEWER)):
        assert len(read.page(Slice()).items) == len(read.disagreements(limit=9)) == 1
