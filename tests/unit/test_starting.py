"""Which workflow starts next, whether it has a place, and how a start ended: for any workflows at all."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workflow_values import NOW, PIPELINE, a_start, a_workflow, an_entry, evidence_of, reading_of

from selfheal.model.deliverable import Presence, Result
from selfheal.model.ending import Ending
from selfheal.model.pipeline import Stage
from selfheal.model.start import Places
from selfheal.model.workflow import WorkflowStatus
from selfheal.policy.starting import begins_with, ending, in_turn, no_place, patience, unfit

MINUTE = timedelta(minutes=1)
ABSENT, UNTOLD = Presence.ABSENT, Presence.COULD_NOT_TELL
priorities = st.sampled_from(["P0", "P1", "P2", "P3", ""])


@given(st.lists(st.tuples(priorities, st.integers(0, 5)), max_size=30))
def test_the_more_urgent_one_is_first_then_the_older_one(ones: list[tuple[str, int]]) -> None:
    """Every workflow stands after all that are more urgent, and among its like after all that are older."""
    workflows = [
        a_workflow(f"REQ-{number}", priority=priority, created_at=NOW + age * MINUTE)
        for number, (priority, age) in enumerate(ones)
    ]
    order = in_turn(workflows)
    assert sorted(one.req_number for one in order) == sorted(one.req_number for one in workflows)
    keys = [(one.priority or "P9", one.created_at) for one in order]
    assert keys == sorted(keys)  # type: ignore[type-var] # created_at is set
    assert in_turn(reversed(workflows)) == order


@given(st.lists(st.tuples(st.booleans(), priorities)), st.integers(1, 8))
def test_the_places_are_never_exceeded_and_one_is_always_a_p0s(events: list[tuple[bool, str]], at_once: int) -> None:
    """Whatever starts and ends: at most so many run, one place is left by the others, and the first P0 finds one."""
    running: list[str] = []
    for starts, priority in events:
        if not starts and running:
            running.pop(0)
        places = Places(running=len(running), urgent=running.count("P0"))
        if starts and not no_place(priority, places, at_once):
            running.append(priority)
        assert len(running) <= at_once
        if at_once > 1:
            assert sum(one != "P0" for one in running) < at_once
        if "P0" not in running and at_once > 1:
            assert not no_place("P0", Places(running=len(running), urgent=0), at_once)


@given(st.integers(0, 99), st.integers(2, 8))
def test_a_p0_is_never_behind_those_that_others_have_started(running: int, at_once: int) -> None:
    """However many the estate itself runs, the first P0 has its place, and only that one."""
    assert not no_place("P0", Places(running=running, urgent=0), at_once)
    assert bool(no_place("P0", Places(running=running + 1, urgent=1), at_once)) == (running + 1 >= at_once)
    assert bool(no_place("P1", Places(running=running, urgent=0), at_once)) == (running >= at_once - 1)


def test_with_a_single_place_nothing_is_kept() -> None:
    """Else nothing but P0 would ever run."""
    assert not no_place("P3", Places(running=0, urgent=0), 1)
    assert no_place("P0", Places(running=1, urgent=0), 1)


def test_what_the_file_says_twice_does_not_start() -> None:
    """A conflict, a duplicate, no entry, no Status line, another word, one that the state does not know: it says so."""
    one = a_workflow(file_status="NEW")
    assert unfit(one, reading_of(an_entry(status="NEW"))) == ""
    twice = reading_of(an_entry(status="NEW"), an_entry(status="NEW", line=9))
    for reading, words in [
        (twice, "more than once: lines 1, 9"),
        (
            reading_of(an_entry(status="NEW"), an_entry(status="BLOCKED", line=9)),
            "different things of it: NEW, BLOCKED",
        ),
        (reading_of(an_entry("REQ-2", status="NEW")), "does not stand in the request file"),
        (reading_of(an_entry(status="NEW", status_line=None)), "no one Status line"),
        (reading_of(an_entry(status="BLOCKED")), "says BLOCKED"),
        (reading_of(an_entry(status="")), "says nothing"),
        (reading_of(an_entry(status="PENDING")), "does not know that yet"),
    ]:
        assert words in unfit(one, reading)


@given(st.lists(st.sampled_from([*Result, ABSENT, UNTOLD]), min_size=7, max_size=7), st.sets(st.integers(0, 6)))
def test_it_begins_with_the_first_stage_that_is_not_done(said: list[Any], recorded: set[int]) -> None:
    """Whether that is told now or was recorded once; where a stage is not told and was not recorded, nothing begins."""
    kept = {str(index): {"result": "DONE"} for index in recorded}
    found = begins_with(a_workflow(stage_deliverables=kept), evidence_of("REQ-1", *said), PIPELINE)
    if any(one is UNTOLD and index not in recorded for index, one in enumerate(said)):
        assert isinstance(found, str)
        assert "nobody can tell" in found
        return
    now = {str(index): one for index, one in enumerate(said) if isinstance(one, Result)}
    done = {
        index for index in range(7) if now.get(str(index), Result.DONE if index in recorded else None) is Result.DONE
    }
    first = next((index for index in range(7) if index not in done), None)
    assert (found.index if isinstance(found, Stage) else None) == first


@pytest.mark.parametrize(
    ("result", "how"),
    [
        (Result.DONE, Ending.COMPLETED),
        (Result.REJECTED, Ending.COMPLETED),
        (Result.FAILED, Ending.FAILED),
        (Result.BLOCKED, Ending.REFUSED),
        (Result.UNCLEAR, Ending.REFUSED),
    ],
)
def test_a_deliverable_ends_the_start_of_its_stage(result: Result, how: Ending) -> None:
    """By what it says; what was delivered before the start ends it only if the stage is done."""
    running, start = a_workflow(status=WorkflowStatus.RUNNING), a_start(stage=2)
    late = evidence_of("REQ-1", ABSENT, ABSENT, result, at=NOW + MINUTE)
    early = evidence_of("REQ-1", ABSENT, ABSENT, result, at=NOW - MINUTE)
    found = ending(start, running, late, PIPELINE.stages[2], NOW + 2 * MINUTE)
    assert found is not None
    assert found[0] is how
    before = ending(start, running, early, PIPELINE.stages[2], NOW + 2 * MINUTE)
    assert (before is not None) == (result is Result.DONE)


@given(priorities, st.sampled_from([ABSENT, UNTOLD]), st.integers(0, 200), st.integers(0, 6))
def test_a_start_times_out_when_it_is_known_that_nothing_came(
    priority: str, presence: Presence, minutes: int, index: int
) -> None:
    """After the stage's time, half of it for a P0; where nobody can tell, never."""
    stage, running = PIPELINE.stages[index], a_workflow(status=WorkflowStatus.RUNNING, priority=priority)
    told = evidence_of("REQ-1", *[presence] * 7)
    found = ending(a_start(stage=index), running, told, stage, NOW + minutes * MINUTE)
    late = minutes * MINUTE > patience(stage, priority) and presence is ABSENT
    assert found == ((Ending.TIMED_OUT, "agent has delivered nothing in its time") if late else None)
    assert ending(a_start(stage=index), running, None, stage, NOW + minutes * MINUTE) is None


def test_a_start_whose_stage_was_passed_over_is_a_missing_deliverable() -> None:
    """A later stage is done since, and this one has delivered nothing."""
    told = evidence_of("REQ-1", ABSENT, Result.DONE, at=NOW + MINUTE)
    found = ending(a_start(), a_workflow(status=WorkflowStatus.RUNNING), told, PIPELINE.stages[0], NOW + MINUTE)
    assert found is not None
    assert found[0] is Ending.DELIVERABLE_MISSING


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (WorkflowStatus.BLOCKED, Ending.CANCELLED),
        (WorkflowStatus.FAILED, Ending.CANCELLED),
        (WorkflowStatus.COMPLETE, Ending.COMPLETED),
        (WorkflowStatus.PENDING, Ending.CANCELLED),
    ],
)
def test_a_workflow_that_was_stopped_ends_its_start(status: WorkflowStatus, how: Ending) -> None:
    """That says nothing of the agent, but where it was put back after its time was over."""
    told = evidence_of("REQ-1", *[ABSENT] * 7)
    stopped = a_workflow(status=status)
    found = ending(a_start(), stopped, told, PIPELINE.stages[0], NOW + MINUTE)
    assert found is not None
    assert found[0] is how
    late = ending(a_start(), stopped, told, PIPELINE.stages[0], NOW + 99 * MINUTE)
    assert late is not None
    assert late[0] is (Ending.TIMED_OUT if status is WorkflowStatus.PENDING else how)


def test_a_start_is_its_own_permit() -> None:
    """Under one id."""
    start = a_start(id=uuid4(), generation=3)
    assert (start.permit.id, start.permit.generation) == (start.id, 3)
