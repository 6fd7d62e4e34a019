"""When a workflow is stuck, and what puts it back: what must hold for anything that the stores may say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.model.deliverable import Deliverable, Evidence, Presence, Result, StageEvidence
from selfheal.model.pipeline import Pipeline, Stage
from selfheal.model.recovery import Pace, Standing, Verdict
from selfheal.model.request import Entry, RequestStatus
from selfheal.model.workflow import RecoveryType, Workflow, WorkflowStatus
from selfheal.policy.stuck import FEWEST_DELIVERIES, early, judge, overdue_at, way_back

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
REQ = "REQ-ITEM-MASTER-001"


def pipeline(*optional: int, stages: int = 4) -> Pipeline:
    return Pipeline(
        stages=tuple(
            Stage(
                index=index, agent=f"a{index}", kind="k", stream="s", subject=f"d.{index}", optional=index in optional
            )
            for index in range(stages)
        )
    )


def stage(index: int, said: Result | str | None, *, ago: timedelta = 3 * HOUR) -> StageEvidence:
    """One that has delivered this, or (None) nothing, or of which (text) nobody can tell."""
    if isinstance(said, Result):
        one = Deliverable(
            req_number=REQ, stage=index, subject="d", sequence=1, published_at=NOW - ago, result=said, summary="so"
        )
        return StageEvidence(stage=index, presence=Presence.PRESENT, deliverable=one)
    presence = Presence.ABSENT if said is None else Presence.COULD_NOT_TELL
    return StageEvidence(stage=index, presence=presence, why=said or "")


def evidence(*said: Result | str | None, ago: timedelta = 3 * HOUR) -> Evidence:
    stages = tuple(stage(index, one, ago=ago) for index, one in enumerate(said))
    return Evidence(req_number=REQ, stages=stages, read_at=NOW)


ENTRY = Entry(id=REQ, title="t", status="IN_PROGRESS", priority="P1", owner="marcus", line=1, status_line=3)
WORKFLOW = Workflow(
    req_number=REQ,
    title="t",
    assigned_to="",
    priority="P1",
    current_stage=0,
    status=WorkflowStatus.RUNNING,
    file_status="IN_PROGRESS",
    started_at=NOW - 4 * HOUR,
    completed_at=None,
    stage_deliverables={},
    version=1,
    updated_at=NOW - 4 * HOUR,
)
DONE = Result.DONE


def verdict(
    found: Evidence, *, entry: Entry | None = ENTRY, workflow: Workflow | None = WORKFLOW, recoveries: int = 0
) -> Verdict:
    return judge(
        REQ,
        entry,
        workflow,
        found,
        recoveries=recoveries,
        allowed=3,
        now=NOW,
        pipeline=pipeline(stages=len(found.stages)),
    )


SAID = st.one_of(st.sampled_from(Result), st.none(), st.just("the broker is away"))
FOUND = st.lists(SAID, min_size=4, max_size=4).map(lambda said: evidence(*said))
STATUSES = st.one_of(st.sampled_from([one.value for one in RequestStatus]), st.sampled_from(["", "WIP"]))
ENTRIES = st.one_of(
    st.none(),
    st.builds(
        lambda status, priority, line: replace(ENTRY, status=status, priority=priority, status_line=line),
        STATUSES,
        st.sampled_from(["P0", "P1", "", "soon"]),
        st.sampled_from([3, None]),
    ),
)
WORKFLOWS = st.one_of(
    st.none(),
    st.builds(
        lambda status, at, started, updated, kept: replace(
            WORKFLOW,
            status=status,
            current_stage=at,
            started_at=None if started is None else NOW - timedelta(minutes=started),
            updated_at=NOW - timedelta(minutes=updated),
            stage_deliverables={str(one): {} for one in kept},
        ),
        st.sampled_from(WorkflowStatus),
        st.integers(0, 9),
        st.one_of(st.none(), st.integers(-5, 600)),
        st.integers(-5, 600),
        st.sets(st.integers(0, 5), max_size=2),
    ),
)
PIPELINES = st.sets(st.integers(0, 3), max_size=3).map(lambda optional: pipeline(*optional))


@given(ENTRIES, WORKFLOWS, FOUND, st.integers(0, 6), PIPELINES)
def test_nothing_is_moved_that_must_not_be(
    entry: Entry | None, workflow: Workflow | None, found: Evidence, recoveries: int, line: Pipeline
) -> None:
    """What cannot be told, or is not under way in file and state, or was heard of lately, has no plan."""
    said = judge(REQ, entry, workflow, found, recoveries=recoveries, allowed=3, now=NOW, pipeline=line)
    assert (said.plan is not None) == (said.standing is Standing.STUCK)
    if said.plan is None:
        return
    assert not found.could_not_tell
    assert entry is not None
    assert (entry.status, entry.status_line) == ("IN_PROGRESS", 3)
    assert workflow is not None
    assert workflow.status is WorkflowStatus.RUNNING
    heard = [one for one in (workflow.started_at, workflow.updated_at, found.newest) if one is not None]
    critical = "P0" in {entry.priority, workflow.priority}
    assert NOW - max(heard) > (HOUR / 2 if critical else HOUR)
    assert overdue_at(workflow, line) < NOW


@given(FOUND, st.integers(0, 6), PIPELINES)
def test_the_way_back_follows_the_evidence(found: Evidence, recoveries: int, line: Pipeline) -> None:
    """COMPLETE needs the last stage's deliverable; a stage is an index, never a count; three times, then blocked."""
    plan = way_back(found, recoveries=recoveries, allowed=3, pipeline=line)
    if recoveries >= 3:
        assert plan.type is RecoveryType.MARK_BLOCKED
    if plan.status is RequestStatus.COMPLETE:
        assert found.stages[line.last.index].done
        assert line.following(found.done) is None
    if plan.status is RequestStatus.PENDING:
        following = line.following(found.done)
        assert following is not None
        assert plan.stage == following.index
        assert plan.stage not in found.done
        assert all(one.index in found.done or one.optional for one in line.stages[: plan.stage])
        assert (plan.type is RecoveryType.MARK_PENDING) == (not found.done)
    refused = [
        one for one in found.stages if one.deliverable and one.deliverable.result in {"BLOCKED", "FAILED", "REJECTED"}
    ]
    if refused:
        assert plan.blocks
    assert plan.last_completed is None or plan.last_completed in found.done


@pytest.mark.parametrize(
    ("found", "type_", "at"),
    [
        (evidence(None, None, None, None), RecoveryType.MARK_PENDING, 0),
        (evidence(DONE, DONE, None, None), RecoveryType.AUTO_RESUME, 2),
        (evidence(DONE, None, DONE, None), RecoveryType.AUTO_RESUME, 1),
        (evidence(DONE, DONE, DONE, DONE), RecoveryType.MARK_COMPLETE, 3),
        (evidence(DONE, Result.REJECTED, None, None), RecoveryType.MARK_BLOCKED, 1),
        (evidence(DONE, DONE, Result.FAILED, None), RecoveryType.MARK_BLOCKED, 2),
        (evidence(DONE, Result.BLOCKED, DONE, Result.UNCLEAR), RecoveryType.MARK_BLOCKED, 1),
    ],
    ids=["nothing", "in between", "a stage was skipped", "everything", "rejected", "failed", "blocked"],
)
def test_each_evidence_has_its_way(found: Evidence, type_: RecoveryType, at: int) -> None:
    """Nothing done: from the beginning; in between: the next stage; all: complete; a no: a person's."""
    said = verdict(found)
    assert said.plan is not None
    assert (said.plan.type, said.plan.stage) == (type_, at)
    assert said.stuck_for == (4 * HOUR if found.newest is None else 3 * HOUR)


def test_a_p0_is_stuck_after_half_the_time() -> None:
    """Forty minutes of silence are fine for a P1 and too long for a P0, whichever store knows its priority."""
    quiet = replace(WORKFLOW, started_at=NOW - timedelta(minutes=40), updated_at=NOW - timedelta(minutes=40))
    nothing = evidence(None, None, None, None)
    assert verdict(nothing, workflow=quiet).standing is Standing.FINE
    assert verdict(nothing, workflow=quiet, entry=replace(ENTRY, priority="P0")).standing is Standing.STUCK
    assert verdict(nothing, workflow=replace(quiet, priority="P0")).critical


def test_newer_evidence_is_a_sign_of_life() -> None:
    """A deliverable of ten minutes ago counts, however long ago the run began."""
    assert verdict(evidence(DONE, None, None, None, ago=timedelta(minutes=10))).standing is Standing.FINE


@pytest.mark.parametrize(
    ("entry", "workflow", "standing"),
    [
        (None, WORKFLOW, Standing.PERSON),
        (ENTRY, None, Standing.COULD_NOT_TELL),
        (ENTRY, replace(WORKFLOW, status=WorkflowStatus.PENDING), Standing.COULD_NOT_TELL),
        (ENTRY, replace(WORKFLOW, status=WorkflowStatus.BLOCKED), Standing.PERSON),
        (replace(ENTRY, status="NEW"), WORKFLOW, Standing.COULD_NOT_TELL),
        (replace(ENTRY, status="BLOCKED"), replace(WORKFLOW, status=WorkflowStatus.BLOCKED), Standing.FINE),
        (replace(ENTRY, status="ESCALATED"), WORKFLOW, Standing.ESCALATED),
        (replace(ENTRY, status_line=None), WORKFLOW, Standing.PERSON),
    ],
    ids=["twice", "no row", "pending", "stopped, then rewritten", "zombie", "blocked", "escalated", "broken line"],
)
def test_stores_that_disagree_move_nothing(entry: Entry | None, workflow: Workflow | None, standing: Standing) -> None:
    """Only what both the file and the state have under way can be stuck; what was stopped stays stopped."""
    said = verdict(evidence(None, None, None, None), entry=entry, workflow=workflow)
    assert (said.standing, said.plan) == (standing, None)


def test_what_was_delivered_once_and_is_gone_has_expired() -> None:
    """A stage that the state remembers, and the stream does not, cannot be told: it is not worked on once more."""
    kept = replace(WORKFLOW, stage_deliverables={"1": {"status": "COMPLETE"}})
    said = verdict(evidence(DONE, None, None, None), workflow=kept)
    assert said.standing is Standing.COULD_NOT_TELL
    assert said.why == "stage 1 has delivered once, and its stream holds that no more"


def test_words_that_nobody_understands_are_a_persons() -> None:
    """An unclear deliverable neither completes a stage nor has it worked on again."""
    said = verdict(evidence(DONE, Result.UNCLEAR, None, None))
    assert said.standing is Standing.PERSON
    assert said.why == "what stage 1 (a1) has delivered is not clear"


PACES = st.one_of(
    st.none(),
    st.builds(
        lambda took, known, slowest: Pace(since=NOW - took, known=known, slowest=slowest),
        st.timedeltas(min_value=timedelta(0), max_value=3 * HOUR),
        st.integers(min_value=0, max_value=100),
        st.timedeltas(min_value=timedelta(0), max_value=3 * HOUR),
    ),
)


@given(PACES, FOUND, st.integers(min_value=0, max_value=5))
def test_only_what_is_slower_than_all_before_goes_on_early(pace: Pace | None, found: Evidence, recoveries: int) -> None:
    """By the very way that it would go once it is stuck, and never to a person before the time."""
    line = pipeline(stages=len(found.stages))
    way = early(pace, found, recoveries=recoveries, allowed=3, now=NOW, pipeline=line)
    slower = pace is not None and pace.known >= FEWEST_DELIVERIES and NOW - pace.since > pace.slowest
    plan = way_back(found, recoveries=recoveries, allowed=3, pipeline=line)
    assert (way is not None) is (slower and not plan.blocks)
    if way is not None and pace is not None:
        assert (way.plan.type, way.plan.stage, way.plan.status) == (plan.type, plan.stage, plan.status)
        assert way.plan.why.endswith(plan.why)
        assert way.took - way.past == pace.slowest
