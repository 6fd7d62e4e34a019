"""Workflows are started once, at most five at a time, with a place for a P0: on a real Postgres, broker and file."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from deliverable_fixtures import DeliverableBroker
from estate_fixtures import until
from nats.aio.client import Client
from sqlalchemy import Engine, text
from starting_worlds import AT_ONCE, PIPELINE, Ahead, World, children, turn
from workflow_values import a_workflow

from selfheal.model.breaker import BreakerDeed, Permit
from selfheal.model.ending import Ending
from selfheal.model.errors import Transient
from selfheal.model.maintenance import Scope
from selfheal.model.pipeline import Stage
from selfheal.model.start import Held, Hold, Start, StartState
from selfheal.model.workflow import Workflow, WorkflowStatus
from selfheal.protocol.admitting import outlook
from selfheal.protocol.failpoint import STARTING
from selfheal.protocol.keeping import Kept, keep
from selfheal.protocol.starting import Starting, conclude, finish_all
from selfheal.store.breakers import Breakers
from selfheal.store.maintenance import Maintenance
from selfheal.store.pauses import Pauses
from selfheal.store.workflow_starts import WorkflowStarts

RUNNING, PENDING = WorkflowStatus.RUNNING, WorkflowStatus.PENDING
WHO = {"who": "tests", "why": "they want it"}
FIRST = PIPELINE.stages[0]


@pytest.fixture
def world(empty: Engine, database_url: str, broker: DeliverableBroker, tmp_path: Path) -> World:
    found = World(database=database_url, broker=broker.url, login=broker.login, file=str(tmp_path / "REQUESTS.md"))
    found.write(replace=True)
    return found


@pytest.fixture
def works(world: World, empty: Engine) -> Starting:
    return world.starting(empty)


def asked(world: World, engine: Engine, *entries: str) -> None:
    """Requests, as people write them, and as they are taken in."""
    world.write(*entries)
    kept(world, engine)


def kept(world: World, engine: Engine) -> Kept:
    """One run of workflow-persistence."""
    return keep(world.keeping(engine))


def settled(engine: Engine) -> None:
    """As if the streams had been made long before the workflows began: what is not there was never there."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE workflow_state SET under_way_since = now() + interval '1 minute'"))


def events(broker: DeliverableBroker) -> list[tuple[str, str]]:
    """The request and the message id of every event in the stream, as the broker itself has them."""

    async def work(client: Client) -> list[tuple[str, str]]:
        stream, found = client.jetstream(), []
        state = (await stream.stream_info("agog_orchestration_events")).state
        for sequence in range(1, state.messages + 1):
            message = await stream.get_msg("agog_orchestration_events", sequence)
            found.append((str(message.subject).rpartition(".")[2], (message.headers or {})["Nats-Msg-Id"]))
        return found

    return broker.talk(work)


def row(engine: Engine, statement: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(statement)).scalar()


def one(works: Starting, name: str = "REQ-1") -> Workflow:
    found = works.states.get(name)
    assert found is not None
    return found


def a_claim(works: Starting, workflow: Workflow) -> Start | Held:
    permit = Permit(id=uuid4(), generation=0)
    return works.starts.claim(workflow, FIRST, breaker="agent:cynthia", permit=permit)


# -- one workflow


def test_a_new_request_is_started(world: World, works: Starting, empty: Engine, broker: DeliverableBroker) -> None:
    """Its event is in the stream under the start's id; file, state and history say that it runs, and why."""
    asked(world, empty, "REQ-1 NEW P1")
    assert turn(works).started == {"REQ-1": "stage 0 (cynthia)"}
    (start,) = works.starts.open()
    assert (start.state, start.breaker, start.file_before) == (StartState.RECORDED, "agent:cynthia", "NEW")
    assert events(broker) == [("REQ-1", str(start.id))]
    assert world.status("REQ-1") == "IN_PROGRESS"
    running = one(works)
    assert (running.status, running.file_status, running.started_at is not None) == (RUNNING, "IN_PROGRESS", True)
    assert running.under_way_since == running.started_at
    assert [line.why.partition(":")[0] for line in works.states.history("REQ-1", limit=9)] == [
        "the request file says IN_PROGRESS",
        "it is its turn",
        "line 3 of the request file says NEW",
    ]
    assert turn(works).started == {}
    assert len(events(broker)) == 1


def test_a_recovered_one_goes_on_with_its_next_stage(
    world: World, works: Starting, empty: Engine, broker: DeliverableBroker
) -> None:
    """PENDING, with two stages delivered since it is known: it starts at the third, whatever the state said."""
    asked(world, empty, "REQ-1 NEW P1")
    broker.deliver("REQ-1", 0, 1)
    assert turn(works).started == {"REQ-1": "stage 2 (roy)"}
    assert (one(works).current_stage, one(works).assigned_to) == (2, "roy")


def test_each_stage_of_a_workflow_that_we_started_is_started_once(
    world: World, works: Starting, empty: Engine, broker: DeliverableBroker
) -> None:
    """When a stage has delivered, its agent's breaker is told, and the next agent is."""
    asked(world, empty, "REQ-1 NEW P1")
    for stage in range(3):
        assert turn(works).started == {"REQ-1": f"stage {stage} ({PIPELINE.stages[stage].agent})"}
        settled(empty)
        broker.deliver("REQ-1", stage)
        kept(world, empty)
    assert [name for name, _ in events(broker)] == ["REQ-1"] * 3
    assert len({message for _, message in events(broker)}) == 3
    told = row(empty, "SELECT array_agg(component || ' ' || success ORDER BY at) FROM circuit_breaker_results")
    assert told == ["agent:cynthia true", "agent:sylvia true"]
    assert works.starts.places().running == 1


def test_one_that_somebody_else_runs_is_not_driven(
    world: World, works: Starting, empty: Engine, broker: DeliverableBroker
) -> None:
    """IN_PROGRESS in the file: it counts as running, its stage follows what is delivered, and nobody is told."""
    asked(world, empty, "REQ-1 IN_PROGRESS P1")
    assert works.starts.places().running == 1
    broker.deliver("REQ-1", 0)
    kept(world, empty)
    assert turn(works).started == {}
    assert events(broker) == []


def test_what_the_file_says_twice_is_not_started_and_told_once(world: World, works: Starting, empty: Engine) -> None:
    """The others are; a person is told of it, and not again with every turn."""
    asked(world, empty, "REQ-1 NEW P1", "REQ-2 NEW P1", "REQ-3 NEW P1")
    world.write("REQ-1 NEW P1", "REQ-2 BLOCKED P1")
    for expected in ({"REQ-3": "stage 0 (cynthia)"}, {}):
        found = turn(works)
        assert found.started == expected
        assert set(found.held) == {"REQ-1", "REQ-2"}
    assert "more than once" in found.held["REQ-1"]
    assert row(empty, "SELECT count(*) FROM alert_outbox") == 2
    assert "different things" in one(works, "REQ-2").held_why


@pytest.mark.parametrize("away", ["stopped", "a stream missing"])
def test_nothing_starts_while_nobody_can_tell(
    world: World, works: Starting, empty: Engine, broker: DeliverableBroker, away: str
) -> None:
    """With the broker down, or a stage's stream missing: it is held with the reason, and starts when that is over."""
    asked(world, empty, "REQ-1 NEW P1")
    if away == "stopped":
        broker.stop()
    else:
        broker.api("STREAM.DELETE.agog_features_qa")
    assert "nobody can tell what was delivered" in turn(works).held["REQ-1"]
    assert (one(works).status, works.starts.open()) == (PENDING, [])
    assert world.status("REQ-1") == "NEW"
    if away == "stopped":
        broker.start()
    else:
        broker.make_stream("agog_features_qa", ["agog.deliverables.billy.qa.>"])
    assert "REQ-1" in turn(works).started


def test_a_paused_estate_starts_nothing(world: World, works: Starting, empty: Engine) -> None:
    """The kill switch, and maintenance of the estate, of all workflows or of this one; another's does not matter."""
    asked(world, empty, "REQ-1 NEW P1")
    Pauses(empty).pause(who="ada", why="new disks")
    assert "paused by ada" in turn(works).stopped
    Pauses(empty).resume(who="ada", why="done")
    times: dict[str, Any] = {"begins_at": datetime.now(UTC), "ends_at": datetime.now(UTC) + timedelta(hours=1)}
    windows = Maintenance(empty)
    windows.plan(scope=Scope.COMPONENT, name="REQ-2", zone="UTC", **times, **WHO)
    for scope, name in [(Scope.ESTATE, ""), (Scope.GROUP, "workflows"), (Scope.COMPONENT, "REQ-1")]:
        window = windows.plan(scope=scope, name=name, zone="UTC", **times, **WHO)
        assert "maintenance of" in turn(works).stopped
        assert windows.end(window.id, **WHO)
    assert (one(works).status, world.status("REQ-1")) == (PENDING, "NEW")
    assert "REQ-1" in turn(works).started


def test_the_agents_breaker_is_asked_first(
    world: World, works: Starting, empty: Engine, broker: DeliverableBroker
) -> None:
    """Forced open: nothing of that agent starts, one denial is counted for all that wait, and others' work starts."""
    breakers = Breakers(empty)
    breakers.decide("agent:cynthia", BreakerDeed.OPEN, **WHO)
    asked(world, empty, "REQ-1 NEW P1", "REQ-2 NEW P1", "REQ-3 NEW P2")
    broker.deliver("REQ-3", 0)
    found = turn(works)
    assert (found.started, set(found.held)) == ({"REQ-3": "stage 1 (sylvia)"}, {"REQ-1", "REQ-2"})
    assert row(empty, "SELECT prevented FROM circuit_breaker_state WHERE component = 'agent:cynthia'") == 1
    assert turn(works).held == {}  # not asked again at once
    assert row(empty, "SELECT prevented FROM circuit_breaker_state WHERE component = 'agent:cynthia'") == 1


def test_a_dry_run_tells_and_does_nothing(
    world: World, works: Starting, empty: Engine, broker: DeliverableBroker
) -> None:
    """Who would start, in their order, up to the places; nothing is written, asked or published."""
    asked(world, empty, *(f"REQ-{number} NEW P2" for number in range(1, 8)), "REQ-9 NEW P0")
    before = [one(works, f"REQ-{number}") for number in range(1, 8)]
    found = outlook(works)
    assert list(found.started) == ["REQ-9", "REQ-1", "REQ-2", "REQ-3", "REQ-4"]
    assert "which is the limit" in found.stopped
    assert (works.starts.open(), events(broker)) == ([], [])
    assert [one(works, f"REQ-{number}") for number in range(1, 8)] == before


# -- what goes wrong


class Broken:
    """A way to tell the estate that does not work."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def publish(self, workflow: Workflow, *, message_id: object) -> None:
        assert workflow
        assert message_id
        raise self.error


def test_what_cannot_be_published_is_undone(
    world: World, works: Starting, empty: Engine, broker: DeliverableBroker
) -> None:
    """No stream covers the subject: pending again with the reason, told once, a failure for the breaker."""
    asked(world, empty, "REQ-1 NEW P1")
    broker.api("STREAM.DELETE.agog_orchestration_events")
    assert turn(works).started == {"REQ-1": "stage 0 (cynthia), not finished yet"}
    back = one(works)
    assert (back.status, world.status("REQ-1"), works.starts.open()) == (PENDING, "NEW", [])
    assert "no stream" in back.held_why
    assert turn(works).started == {}  # not before its time
    assert row(empty, "SELECT array_agg(success) FROM circuit_breaker_results") == [False]
    assert "could not be started" in row(empty, "SELECT string_agg(message, ' ') FROM alert_outbox")
    with empty.begin() as connection:
        connection.execute(text("UPDATE workflow_state SET held_until = now()"))
    turn(works)
    assert row(empty, "SELECT count(*) FROM alert_outbox") == 1


def test_what_may_go_through_later_is_tried_with_the_same_id(
    world: World, works: Starting, empty: Engine, broker: DeliverableBroker
) -> None:
    """It holds its place meanwhile; a person is told when that goes on; then it is one message."""
    asked(world, empty, "REQ-1 NEW P1")
    down = replace(works, events=Broken(Transient("the broker is away")))
    for _ in range(6):
        turn(down)
    (start,) = works.starts.open()
    assert (start.state, start.tries, works.starts.places().running) == (StartState.CLAIMED, 6, 1)
    assert row(empty, "SELECT count(*) FROM alert_outbox WHERE message LIKE '%not finished after 5 tries%'") == 1
    assert world.status("REQ-1") == "NEW"
    turn(works)
    assert events(broker) == [("REQ-1", str(start.id))]
    assert world.status("REQ-1") == "IN_PROGRESS"


def test_a_workflow_that_is_stopped_in_between_is_not_published(
    world: World, works: Starting, empty: Engine, broker: DeliverableBroker
) -> None:
    """Claimed, then blocked by a person before anybody was told: nobody is, and the start ends as cancelled."""
    asked(world, empty, "REQ-1 NEW P1")
    assert isinstance(a_claim(works, one(works)), Start)
    running = one(works)
    stopped: dict[str, Any] = {"status": WorkflowStatus.BLOCKED, "stage": 0, "file_status": "NEW"}
    assert works.states.change("REQ-1", version=running.version, **stopped, **WHO)
    assert list(finish_all(works)) == []
    assert conclude(works) == ["REQ-1 CANCELLED: the workflow is blocked"]
    assert events(broker) == []
    assert row(empty, "SELECT count(*) FROM circuit_breaker_results") == 0


@dataclass
class Overtaken(WorkflowStarts):
    """A store of starts: right after a claim somebody else writes into the file."""

    world: World
    word: str

    def claim(self, workflow: Workflow, stage: Stage, **asked: Any) -> Start | Held:
        found = super().claim(workflow, stage, **asked)
        self.world.set(workflow.req_number, self.word)
        return found


@pytest.mark.parametrize("word", ["IN_PROGRESS", "BLOCKED"])
def test_what_somebody_else_begins_or_stops_just_then_is_theirs(
    world: World, works: Starting, empty: Engine, broker: DeliverableBroker, word: str
) -> None:
    """Between our claim and our event the orchestrator starts it, or a person stops it: nobody is told twice."""
    asked(world, empty, "REQ-1 NEW P1")
    starts = Overtaken(world=world, word=word)
    WorkflowStarts.__init__(starts, empty, at_once=AT_ONCE)
    found = turn(replace(works, starts=starts))
    assert (found.started, word in found.held["REQ-1"]) == ({}, True)
    assert (events(broker), works.starts.open()) == ([], [])
    with empty.begin() as connection:
        connection.execute(text("UPDATE workflow_state SET under_way_since = now() + interval '1 minute'"))
    kept(world, empty)
    assert one(works).status is (RUNNING if word == "IN_PROGRESS" else WorkflowStatus.BLOCKED)
    assert turn(works).started == {}
    assert row(empty, "SELECT count(*) FROM circuit_breaker_results WHERE kind = 'Result'") == 0


def test_a_result_is_counted_once(world: World, works: Starting, empty: Engine, broker: DeliverableBroker) -> None:
    """However often it is told: one that dies before it has noted that it told only repeats."""
    asked(world, empty, "REQ-1 NEW P1")
    turn(works)
    broker.deliver("REQ-1", 0, status="FAILED")
    assert conclude(works) == ["REQ-1 FAILED: cynthia says that it failed"]
    with empty.begin() as connection:
        connection.execute(text("UPDATE workflow_starts SET told_at = NULL"))
    assert conclude(works) == []
    assert row(empty, "SELECT array_agg(success) FROM circuit_breaker_results WHERE kind = 'Result'") == [False]
    assert row(empty, "SELECT count(*) FROM workflow_starts WHERE told_at IS NULL") == 0


def test_a_stuck_one_counts_as_a_failure(world: World, works: Starting, empty: Engine) -> None:
    """After the stage's time without a deliverable, in time for the next turn."""
    asked(world, empty, "REQ-1 NEW P1")
    turn(works)
    settled(empty)
    assert conclude(replace(works, clock=Ahead(46))) == ["REQ-1 TIMED_OUT: cynthia has delivered nothing in its time"]
    assert row(empty, "SELECT array_agg(success) FROM circuit_breaker_results") == [False]


# -- many at once


def running(works: Starting, priority: str = "") -> Sequence[Workflow]:
    return [one for one in works.states.all(status=RUNNING) if one.priority.startswith(priority)]


def test_sixteen_processes_never_start_more_than_five(
    world: World, works: Starting, empty: Engine, broker: DeliverableBroker
) -> None:
    """At the same moment: four of those that are no P0, each once; then there is a place for a P0, and for one."""
    asked(world, empty, *(f"REQ-{number} NEW P1" for number in range(1, 11)))
    with children(world) as processes:
        processes.turns(16)
        assert len(running(works)) == AT_ONCE - 1
    asked(world, empty, "REQ-URGENT-1 NEW P0", "REQ-URGENT-2 NEW P0")
    turn(works)
    assert len(running(works)) == AT_ONCE
    assert [one.req_number for one in running(works, "P0")] == ["REQ-URGENT-1"]
    assert max(Counter(name for name, _ in events(broker)).values()) == 1
    assert len(events(broker)) == AT_ONCE


def test_a_p0_starts_beside_thirty_six_that_somebody_else_runs(world: World, works: Starting, empty: Engine) -> None:
    """One P0, and no other: the estate is full, and a P0 is never behind it."""
    asked(world, empty, *(f"REQ-{number} IN_PROGRESS P1" for number in range(36)))
    asked(world, empty, "REQ-NEXT NEW P1", "REQ-URGENT-1 NEW P0", "REQ-URGENT-2 NEW P0")
    assert list(turn(works).started) == ["REQ-URGENT-1"]
    assert list(turn(works).started) == []


def test_sixteen_claims_of_one_workflow_are_one_start(works: Starting) -> None:
    """The others are told that it has moved."""
    assert works.states.create(a_workflow(file_status="NEW"), **WHO)
    first = one(works)
    answers = [a_claim(works, first) for _ in range(16)]
    assert sum(isinstance(answer, Start) for answer in answers) == 1
    assert {answer.hold for answer in answers if isinstance(answer, Held)} == {Hold.MOVED}


def test_the_store_refuses_what_makes_no_sense(works: Starting, empty: Engine) -> None:
    """A state of a start that there is not, an end without a reason, two open starts of one workflow."""
    assert works.states.create(a_workflow(file_status="NEW"), **WHO)
    start = a_claim(works, one(works))
    assert isinstance(start, Start)
    for values in ("state = 'DONE'", "state = 'PUBLISHED'", "ended_at = now()", "told_at = now()"):
        with pytest.raises(Exception, match="check constraint"), empty.begin() as connection:
            connection.exec_driver_sql(f"UPDATE workflow_starts SET {values}")  # noqa: S608 - written above
    assert works.starts.end(start, Ending.CANCELLED, "tests")
    assert not works.starts.end(start, Ending.COMPLETED, "again")


# -- kill -9


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    return 200 if request.config.getoption("--campaign") else 4


@pytest.mark.timeout(1800)
def test_a_killed_admission_starts_every_workflow_once(
    world: World, works: Starting, empty: Engine, broker: DeliverableBroker, kills: int
) -> None:
    """Killed between claim, publish and record while others end and P0s come: once each, five at most, P0 first."""
    dice, done, asked_for = random.Random(4711), 0, list[str]()  # noqa: S311 - no secret
    until("requests are younger than their streams", lambda: datetime.now(UTC) > broker.tells_from)

    def free_places() -> None:
        """Whatever is under way is stopped, so that others may start."""
        for workflow in running(works):
            if world.status(workflow.req_number) == "IN_PROGRESS":
                world.set(workflow.req_number, "BLOCKED")
        kept(world, empty)

    with children(world) as processes:
        while done < kills:
            if len(works.starts.waiting()) < 3:
                new = [f"REQ-{len(asked_for) + more} NEW P{dice.choice((0, 1, 2, 3))}" for more in range(6)]
                asked_for += [one.split()[0] for one in new]
                asked(world, empty, *new)
            done += processes.killed(dice.choice(STARTING))
            assert_places(works)
            if dice.random() < 0.3:
                processes.turns()
                assert_places(works)
                assert running(works, "P0") or all(one.priority != "P0" for one in works.starts.waiting())
            free_places()
        while works.starts.waiting() or [one for one in works.starts.open() if one.state is not StartState.RECORDED]:
            processes.turns()
            free_places()
    found = events(broker)
    assert Counter(name for name, _ in found) == dict.fromkeys(asked_for, 1)
    assert row(empty, "SELECT count(*) FROM workflow_starts") == len(asked_for) == len({one for _, one in found})


def assert_places(works: Starting) -> None:
    """Five at most, and four that are no P0."""
    all_of_them, urgent = len(running(works)), len(running(works, "P0"))
    assert all_of_them <= AT_ONCE
    assert all_of_them - urgent < AT_ONCE
