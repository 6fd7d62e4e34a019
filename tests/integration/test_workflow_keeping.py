"""`workflow_state` follows the request file and the deliverables, and nothing else: real Postgres, broker and file."""

from pathlib import Path
from typing import Any

import pytest
from deliverable_fixtures import DeliverableBroker
from sqlalchemy import Engine, text
from starting_worlds import PIPELINE, World

from selfheal.model.errors import Transient
from selfheal.model.request import Reading, RequestStatus, StatusChange
from selfheal.model.workflow import Workflow, WorkflowStatus
from selfheal.protocol.keeping import Keeping, Kept, keep, would_keep
from selfheal.store.delivered import DeliveredHistory

RUNNING, PENDING, COMPLETE = WorkflowStatus.RUNNING, WorkflowStatus.PENDING, WorkflowStatus.COMPLETE
LAST = PIPELINE.last.index
ALL = range(LAST + 1)


@pytest.fixture
def world(empty: Engine, database_url: str, broker: DeliverableBroker, tmp_path: Path) -> World:
    found = World(database=database_url, broker=broker.url, login=broker.login, file=str(tmp_path / "REQUESTS.md"))
    found.write(replace=True)
    return found


@pytest.fixture
def works(world: World, empty: Engine) -> Keeping:
    return world.keeping(empty)


def one(works: Keeping, name: str = "REQ-1") -> Workflow:
    found = works.sources.states.get(name)
    assert found is not None
    return found


def aged(engine: Engine) -> None:
    """As if the workflows had been taken in after the streams were made, and long ago."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE workflow_state SET under_way_since = now() + interval '1 minute',"
                " updated_at = now() - interval '9 hours', started_at = now() - interval '9 hours'"
            )
        )


# -- taken in


def test_open_requests_are_taken_in(world: World, works: Keeping, broker: DeliverableBroker) -> None:
    """Each word as the mapping has it, at its next stage; what has ended, and what the file says twice, is not."""
    words = list(RequestStatus)
    world.write(*(f"REQ-{word} {word} P1" for word in words), "REQ-TWICE NEW P1", "REQ-TWICE BLOCKED P1")
    broker.deliver("REQ-NEW", 0, 1)
    kept = keep(works)
    found = {each.req_number.removeprefix("REQ-"): each.status for each in works.sources.states.all()}
    assert found == {
        "NEW": PENDING,
        "PENDING": PENDING,
        "IN_PROGRESS": RUNNING,
        "BLOCKED": WorkflowStatus.BLOCKED,
        "ESCALATED": WorkflowStatus.BLOCKED,
        "DEFERRED": WorkflowStatus.BLOCKED,
    }
    assert len(kept.taken_in) == len(found)
    new = one(works, "REQ-NEW")
    assert (new.title, new.priority, new.current_stage, new.assigned_to) == ("Do it", "P1", 2, "roy")
    assert set(new.stage_deliverables) == {"0", "1"}
    assert keep(works).taken_in == []


def test_another_title_and_priority_are_taken_over(world: World, works: Keeping) -> None:
    """Of those that are open."""
    world.write("REQ-1 NEW P2")
    keep(works)
    file = Path(world.file)
    file.write_text(file.read_text().replace("Do it", "Do it well").replace("P2", "CATASTROPHIC (P0)"))
    assert keep(works).described == 1
    assert (one(works).title, one(works).priority) == ("Do it well", "P0")
    assert keep(works).described == 0


def test_a_file_that_has_shrunk_is_not_believed(world: World, works: Keeping) -> None:
    """Wiped to one entry: nothing is taken in, moved or written, and the run says so."""
    world.write(*(f"REQ-{number} NEW P1" for number in range(20)))
    keep(works)
    world.write("REQ-OTHER NEW P1", replace=True)
    kept = keep(works)
    assert kept.unbelieved
    assert (kept.taken_in, kept.settled.moved) == ([], frozenset())
    assert len(works.sources.states.all(status=PENDING)) == 20


def test_a_file_that_cannot_be_read_stops_nothing_else(world: World, works: Keeping, empty: Engine) -> None:
    """It says so; what is long complete is forgotten all the same."""
    Path(world.file).unlink()
    assert "could not be read" in keep(works).unbelieved


# -- followed


def test_the_stage_follows_what_is_delivered(
    world: World, works: Keeping, empty: Engine, broker: DeliverableBroker
) -> None:
    """Somebody runs it: stage after stage, by index, with what was delivered; a gap is not skipped."""
    world.write("REQ-1 IN_PROGRESS P1")
    keep(works)
    aged(empty)
    broker.deliver("REQ-1", 0, 2)
    assert keep(works).settled.moved == {"REQ-1"}
    assert (one(works).current_stage, set(one(works).stage_deliverables)) == (1, {"0", "2"})
    aged(empty)
    broker.deliver("REQ-1", 1)
    keep(works)
    assert (one(works).status, one(works).current_stage) == (RUNNING, 3)


@pytest.mark.parametrize("said", ["IN_PROGRESS", "COMPLETE"])
def test_the_last_stages_evidence_completes(
    world: World, works: Keeping, empty: Engine, broker: DeliverableBroker, said: str
) -> None:
    """In the file and in the state, whoever has said so first; with the evidence in the state."""
    world.write("REQ-1 IN_PROGRESS P1")
    keep(works)
    aged(empty)
    broker.deliver("REQ-1", *ALL)
    world.set("REQ-1", said)
    keep(works)
    done = one(works)
    assert (done.status, done.file_status, world.status("REQ-1")) == (COMPLETE, "COMPLETE", "COMPLETE")
    assert set(done.stage_deliverables) == {str(stage) for stage in ALL}
    assert done.completed_at is not None


def test_without_it_nothing_becomes_complete(
    world: World, works: Keeping, empty: Engine, broker: DeliverableBroker
) -> None:
    """Somebody writes COMPLETE without the QA deliverable: the state goes on, and people see the disagreement."""
    world.write("REQ-1 IN_PROGRESS P1", "REQ-2 COMPLETE P1")
    keep(works)
    aged(empty)
    broker.deliver("REQ-1", *(stage for stage in ALL if stage != 4))
    world.set("REQ-1", "COMPLETE")
    kept = keep(works)
    assert [str(each.kind) for each in kept.left if each.req_number == "REQ-1"] == ["COMPLETE_WITHOUT_EVIDENCE"]
    assert (one(works).status, kept.settled.moved) == (RUNNING, frozenset())
    assert works.sources.states.get("REQ-2") is None


def test_what_was_recorded_once_is_known_after_it_has_expired(
    world: World, works: Keeping, empty: Engine, broker: DeliverableBroker
) -> None:
    """The streams have lost the first stages: they are done all the same, and the workflow is completed."""
    world.write("REQ-1 IN_PROGRESS P1")
    keep(works)
    aged(empty)
    broker.deliver("REQ-1", 0, 1, 2)
    keep(works)
    aged(empty)
    for stage in PIPELINE.stages[:3]:
        broker.api(f"STREAM.PURGE.{stage.stream}")
    broker.deliver("REQ-1", *range(3, LAST + 1))
    keep(works)
    assert one(works).status is COMPLETE


@pytest.mark.parametrize("away", ["stopped", "a stream missing"])
def test_nothing_moves_while_nobody_can_tell(
    world: World, works: Keeping, empty: Engine, broker: DeliverableBroker, away: str
) -> None:
    """With the broker down, or a stream missing: 20 workflows stay as they are, whatever the file says of some."""
    names = [f"REQ-{number}" for number in range(20)]
    world.write(*(f"{name} IN_PROGRESS P1" for name in names))
    keep(works)
    aged(empty)
    if away == "stopped":
        broker.stop()
    else:
        broker.api("STREAM.DELETE.agog_features_research")
    for name in names[:3]:
        world.set(name, "PENDING")
    before = works.sources.states.all()
    assert keep(works).settled.moved == frozenset()
    assert works.sources.states.all() == before
    if away == "stopped":
        broker.start()


# -- whose word counts


@pytest.mark.parametrize(
    ("word", "status"),
    [("BLOCKED", WorkflowStatus.BLOCKED), ("REJECTED", WorkflowStatus.FAILED), ("PENDING", PENDING)],
)
def test_what_people_and_agents_write_is_followed(
    world: World, works: Keeping, empty: Engine, word: str, status: WorkflowStatus
) -> None:
    """Of one that runs: it is blocked, has failed, or is to be resumed."""
    world.write("REQ-1 IN_PROGRESS P1")
    keep(works)
    aged(empty)
    world.set("REQ-1", word)
    keep(works)
    assert (one(works).status, one(works).file_status) == (status, word)
    line = works.sources.states.history("REQ-1", limit=1)[0]
    assert (line.who, line.from_status) == ("workflow-persistence", RUNNING)


def test_an_old_copy_of_the_file_restarts_nothing(world: World, works: Keeping, empty: Engine) -> None:
    """Ten that run are PENDING at once: none is moved, a person is told, and does it with one word."""
    names = [f"REQ-{number}" for number in range(10)]
    world.write(*(f"{name} IN_PROGRESS P1" for name in names))
    keep(works)
    aged(empty)
    for name in names:
        world.set(name, "PENDING")
    kept = keep(works)
    assert "10 workflows would start again at once" in kept.settled.storm
    assert len(works.sources.states.all(status=RUNNING)) == 10
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alert_outbox WHERE message LIKE '%start again%'")) == 1
    assert len(keep(works, although_many=True).settled.moved) == 10
    assert len(works.sources.states.all(status=PENDING)) == 10


def test_the_file_is_not_written_unless_workflows_are_allowed(
    world: World, works: Keeping, empty: Engine, broker: DeliverableBroker
) -> None:
    """All is delivered: it says what to set, and changes neither file nor state."""
    forbidden = world.keeping(empty, allowed=False)
    world.write("REQ-1 IN_PROGRESS P1")
    keep(forbidden)
    aged(empty)
    broker.deliver("REQ-1", *ALL)
    assert "add workflows to healing.allow" in keep(forbidden).words
    assert (one(works).status, world.status("REQ-1")) == (RUNNING, "IN_PROGRESS")


class Broken:
    """A request file of which one entry cannot be written."""

    def __init__(self, file: Any, name: str) -> None:
        self.file, self.name = file, name

    def read(self) -> Reading:
        found: Reading = self.file.read()
        return found

    def write_status(self, req_number: str, **said: Any) -> StatusChange:
        if req_number == self.name:
            raise Transient("the disk is full")
        found: StatusChange = self.file.write_status(req_number, **said)
        return found


def test_one_that_fails_stops_no_other(world: World, empty: Engine, broker: DeliverableBroker) -> None:
    """One entry cannot be written: it is held with the reason, the next one is completed."""
    works = world.keeping(empty)
    names = ["REQ-1", "REQ-2"]
    world.write(*(f"{name} IN_PROGRESS P1" for name in names))
    keep(works)
    aged(empty)
    for name in names:
        broker.deliver(name, *ALL)
    sources = works.sources
    broken = Keeping(
        **{**vars(works), "sources": type(sources)(**{**vars(sources), "file": Broken(sources.file, "REQ-1")})}
    )
    kept = keep(broken)
    assert kept.settled.held == {"REQ-1": "the disk is full"}
    assert (one(works, "REQ-1").status, one(works, "REQ-2").status) == (RUNNING, COMPLETE)
    assert keep(works).settled.moved == {"REQ-1"}


def test_a_dry_run_tells_and_writes_nothing(
    world: World, works: Keeping, empty: Engine, broker: DeliverableBroker
) -> None:
    """What would be taken in, what would be settled and how."""
    world.write("REQ-1 IN_PROGRESS P1")
    keep(works)
    aged(empty)
    broker.deliver("REQ-1", 0)
    world.write("REQ-2 NEW P1")
    before = works.sources.states.all()
    told = would_keep(works)
    assert "REQ-2 would be taken in" in told
    assert "REQ-1: STAGE_BEHIND, would be running at stage 1" in told
    assert works.sources.states.all() == before


def test_healthy_ones_are_left_alone(
    request: pytest.FixtureRequest, world: World, works: Keeping, broker: DeliverableBroker
) -> None:
    """Each at a stage of its own: nothing is changed, told or left; 1,000 of them in 50 runs in the campaign."""
    many, runs = (1000, 50) if request.config.getoption("--campaign") else (100, 3)
    world.write(*(f"REQ-{number} IN_PROGRESS P1" for number in range(many)))
    for number in range(many):
        broker.deliver(f"REQ-{number}", *range(number % LAST))
    assert len(keep(works).taken_in) == many
    before = works.sources.states.all()
    assert {one.current_stage for one in before} == {0}  # the file does not say since when: nobody can tell
    keep(works)
    before = works.sources.states.all()
    for _ in range(runs):
        assert keep(works) == Kept()
    assert works.sources.states.all() == before


def test_what_was_delivered_stands_in_the_history(
    world: World, works: Keeping, empty: Engine, broker: DeliverableBroker
) -> None:
    """Each message once, however often it is taken in."""
    world.write("REQ-1 IN_PROGRESS P1")
    broker.deliver("REQ-1", 0, 1)
    history = DeliveredHistory(empty)
    assert (works.project().taken, works.project().taken) == (2, 0)
    assert [one.deliverable.stage for one in history.of("REQ-1", limit=10)] == [1, 0]
