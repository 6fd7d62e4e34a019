"""Where the stores of the workflows disagree, and what settles it: each rule by an example, all by any stores."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_values import (
    ALL,
    NOW,
    PIPELINE,
    REQ,
    STAGES,
    B,
    C,
    F,
    P,
    R,
    entry,
    evidence,
    kept_of,
    reading,
    workflow,
    wrote,
)

import selfheal
from selfheal.model.deliverable import Evidence, Orphans
from selfheal.model.disagreement import ClaimedRun, Compared, Disagreement, Kind, Move, Settler, Stores
from selfheal.model.request import RequestStatus, StatusChange
from selfheal.model.workflow import STATUS_OF, Workflow, WorkflowStatus
from selfheal.policy.disagreement_page import page
from selfheal.policy.disagreement_rules import RULES
from selfheal.policy.disagreements import compare, is_over


def compared(
    said: str | None,
    state: Workflow | None,
    known: Evidence | None = None,
    written: StatusChange | None = None,
    **more: Any,
) -> Compared:
    """The stores of one workflow, compared."""
    stores = Stores(
        pipeline=PIPELINE,
        reading=reading(*([] if said is None else [entry(said)])),
        workflows={} if state is None else {REQ: state},
        evidence={REQ: evidence() if known is None else known},
        written={} if written is None else {REQ: written},
        now=NOW,
        **more,
    )
    return compare(stores)


def the(found: Compared) -> Disagreement:
    """The only one."""
    assert len(found.disagreements) == 1, found
    return found.disagreements[0]


def move(found: Compared) -> tuple[WorkflowStatus, int, str, str]:
    """What the only one moves."""
    made = the(found).move
    assert isinstance(made, Move)
    assert made.version == 7
    return made.status, made.stage, made.file_before, made.file_after


def test_every_kind_has_one_rule() -> None:
    """The table says of each kind what settles it, and a person's rules name no mechanism's move."""
    assert set(RULES) == set(Kind)
    assert all(one.what and one.rule and one.advice for one in RULES.values())


def test_the_page_of_rules_is_made_of_the_table() -> None:
    """docs/disagreements.md is what the table says; `make reference` writes it anew."""
    docs = Path(selfheal.__file__).parents[1] / "docs" / "disagreements.md"
    assert docs.read_text(encoding="utf-8") == page(), "run `make reference`"


@pytest.mark.parametrize(
    ("said", "status", "done", "stage"),
    [
        ("NEW", P, (), 0),
        ("PENDING", P, (0,), 1),
        ("IN_PROGRESS", R, (0, 1), 2),
        ("BLOCKED", B, (0, 1), 2),
        ("ESCALATED", B, (), 0),
        ("DEFERRED", B, ALL, 6),
        ("COMPLETE", C, ALL, 6),
        ("FAILED", F, (), 0),
        ("REJECTED", F, ALL, 6),
    ],
)
def test_stores_that_agree_are_left_alone(said: str, status: WorkflowStatus, done: Collection[int], stage: int) -> None:
    """Where file, state and evidence say the same nothing is found."""
    assert compared(said, workflow(status, stage=stage), evidence(done)).disagreements == ()


def test_a_zombie_becomes_pending() -> None:
    """Running for longer than the stage may take, nothing on NATS, the file says NEW: pending, from the beginning."""
    found = compared("NEW", workflow(R, stage=3, said="NEW", hours=5))
    assert the(found).kind is Kind.ZOMBIE
    assert move(found) == (P, 0, "NEW", "NEW")
    assert the(found).evidence == "nothing delivered"
    assert the(found).state == "running at 3 jen"


def test_a_critical_one_is_a_zombie_in_half_the_time() -> None:
    """Stage 0 may take 45 minutes; of a P0 half of it."""
    assert the(compared("NEW", workflow(R, said="NEW", hours=0.5))).kind is Kind.FILE_BEHIND
    assert the(compared("NEW", workflow(R, said="NEW", hours=0.5, priority="P0"))).kind is Kind.ZOMBIE


@pytest.mark.parametrize("state", [None, workflow(R, stage=5), workflow(C, stage=6), workflow(B)])
def test_complete_without_the_last_stage_is_a_persons(state: Workflow | None) -> None:
    """The file's COMPLETE is not taken over, whatever the state says, and nothing is written."""
    found = the(compared("COMPLETE", state, evidence(ALL - {6})))
    assert found.kind is Kind.COMPLETE_WITHOUT_EVIDENCE
    assert found.move is None
    assert RULES[found.kind].settler is Settler.PERSON


def test_a_stage_that_is_absent_in_between_keeps_it_from_being_complete() -> None:
    """The last stage has delivered and the third has not: no count makes that complete."""
    assert the(compared("COMPLETE", workflow(R, stage=6), evidence(ALL - {2}))).kind is Kind.COMPLETE_WITHOUT_EVIDENCE


def test_what_was_completed_with_evidence_stays_complete_when_that_is_gone() -> None:
    """Evidence that was kept with the completion counts; a count without the last index does not."""
    kept = kept_of(STAGES)
    assert compared("COMPLETE", workflow(C, stage=6, stage_deliverables=kept)).disagreements == ()
    del kept["6"]
    found = compared("COMPLETE", workflow(C, stage=6, stage_deliverables=kept))
    assert the(found).kind is Kind.COMPLETE_WITHOUT_EVIDENCE


def test_a_complete_word_with_all_evidence_is_taken_over() -> None:
    """Word and evidence agree: the state becomes complete, and the file is not written."""
    found = compared("COMPLETE", workflow(R, stage=6), evidence(ALL))
    assert the(found).kind is Kind.COMPLETE_IN_FILE
    assert move(found) == (C, 6, "COMPLETE", "COMPLETE")


@pytest.mark.parametrize(("said", "status"), [("IN_PROGRESS", R), ("IN_PROGRESS", P), ("PENDING", P), ("NEW", R)])
def test_all_delivered_is_completed(said: str, status: WorkflowStatus) -> None:
    """Every stage has delivered and it is open: completed in the file and in the state."""
    found = compared(said, workflow(status, stage=4), evidence(ALL))
    assert the(found).kind is Kind.ALL_DELIVERED
    assert move(found) == (C, 6, said, "COMPLETE")


def test_in_progress_without_a_row_is_taken_in() -> None:
    """An open request of the file that the state does not know."""
    found = the(compared("IN_PROGRESS", None, evidence((0,))))
    assert (found.kind, found.state, found.file) == (Kind.NO_STATE, "no row", "IN_PROGRESS, line 3")


@pytest.mark.parametrize("said", ["FAILED", "REJECTED"])
def test_what_ended_before_us_is_not_taken_in(said: str) -> None:
    """A request that has failed and that the state does not know is history."""
    assert compared(said, None) == Compared(disagreements=(), could_not_tell={})


@pytest.mark.parametrize(
    ("said", "status", "kind", "after"),
    [
        ("BLOCKED", R, Kind.HELD, (B, 3)),
        ("ESCALATED", P, Kind.HELD, (B, 3)),
        ("DEFERRED", R, Kind.HELD, (B, 3)),
        ("PENDING", R, Kind.PUT_BACK, (P, 2)),
        ("NEW", R, Kind.PUT_BACK, (P, 2)),
        ("REJECTED", R, Kind.GIVEN_UP, (F, 3)),
        ("FAILED", P, Kind.GIVEN_UP, (F, 3)),
    ],
)
def test_the_word_of_another_hand_is_newer(
    said: str, status: WorkflowStatus, kind: Kind, after: tuple[WorkflowStatus, int]
) -> None:
    """What the file says otherwise than we wrote last is taken over, at the first stage that has not delivered."""
    found = compared(
        said, workflow(status, stage=3), evidence((0, 1)), wrote("NEW" if said != "NEW" else "PENDING", "IN_PROGRESS")
    )
    assert the(found).kind is kind
    assert move(found) == (*after, said, said)


def test_what_somebody_else_began_is_running() -> None:
    """The state says pending, another hand wrote IN_PROGRESS: running, at the first stage that has not delivered."""
    found = compared("IN_PROGRESS", workflow(P, said="PENDING"), evidence((0,)))
    assert the(found).kind is Kind.BEGUN_ELSEWHERE
    assert move(found) == (R, 1, "IN_PROGRESS", "IN_PROGRESS")


@pytest.mark.parametrize(
    ("status", "said"),
    [(B, "PENDING"), (B, "IN_PROGRESS"), (F, "NEW"), (C, "IN_PROGRESS"), (B, "REJECTED"), (C, "BLOCKED")],
)
def test_what_was_stopped_stays_stopped(status: WorkflowStatus, said: str) -> None:
    """A blocked, failed or complete workflow is not moved by a word that anybody may have written into the file."""
    kept = kept_of(STAGES)
    found = the(compared(said, workflow(status, said="ESCALATED", stage_deliverables=kept if status is C else {})))
    assert (found.kind, found.move) == (Kind.OVERRULED, None)


def test_an_older_copy_that_was_written_back_is_a_persons() -> None:
    """The file says again what our last change replaced; nobody can know whether that is meant."""
    found = the(compared("IN_PROGRESS", workflow(P, said="PENDING"), written=wrote("IN_PROGRESS", "PENDING")))
    assert (found.kind, found.move) == (Kind.REVERTED, None)


def test_that_something_is_stopped_is_believed_in_any_case() -> None:
    """BLOCKED written back over our PENDING blocks again: the safe side needs no proof."""
    found = compared("BLOCKED", workflow(P, said="PENDING"), written=wrote("BLOCKED", "PENDING"))
    assert the(found).kind is Kind.HELD
    assert move(found)[0] is B


def test_our_own_word_in_the_file_is_followed() -> None:
    """We wrote PENDING and were killed before the state: the state follows."""
    found = compared("PENDING", workflow(R, stage=2), evidence((0,)), wrote("IN_PROGRESS", "PENDING"))
    assert the(found).kind is Kind.STATE_BEHIND
    assert move(found) == (P, 1, "PENDING", "PENDING")


def test_a_state_that_was_changed_alone_is_written_into_the_file() -> None:
    """The file still says what it said when the state was changed: it gets the state's word."""
    found = compared("IN_PROGRESS", workflow(B, stage=2), evidence((0, 1)))
    assert the(found).kind is Kind.FILE_BEHIND
    assert move(found) == (B, 2, "IN_PROGRESS", "BLOCKED")


def test_a_skipped_stage_waits_until_it_is_stuck() -> None:
    """The state stands at stage 4, stage 2 is absent: nothing is moved here, the health check does once it is stuck."""
    found = the(compared("IN_PROGRESS", workflow(R, stage=4), evidence((0, 1, 3))))
    assert (found.kind, found.move) == (Kind.STAGE_SKIPPED, None)
    assert found.evidence == "done: 0 cynthia, 1 sylvia, 3 jen"
    assert RULES[found.kind].settler is Settler.HEALTH_CHECK


def test_a_stage_that_has_delivered_is_left() -> None:
    """The state stands at a stage that is done: it goes to the first one that is not."""
    found = compared("IN_PROGRESS", workflow(R, stage=0), evidence((0, 1)))
    assert the(found).kind is Kind.STAGE_BEHIND
    assert move(found) == (R, 2, "IN_PROGRESS", "IN_PROGRESS")


def test_an_agents_no_is_a_persons() -> None:
    """The critique has rejected since the stage began; what it rejected before counts no more."""
    at_critique = workflow(R, stage=1, hours=0.5)
    found = the(compared("IN_PROGRESS", at_critique, evidence((0,), refused=(1,))))
    assert (found.kind, found.move) == (Kind.STAGE_REFUSED, None)
    assert found.evidence == "done: 0 cynthia; not done: 1 sylvia (rejected)"
    assert compared("IN_PROGRESS", at_critique, evidence((0,), refused=(1,), minutes=50)).disagreements == ()


def test_two_statuses_of_one_request_are_a_persons() -> None:
    """A conflict hides every other question about it; so does an id that stands there twice."""
    twice = {REQ: (3, 30)}
    stores = Stores(
        pipeline=PIPELINE,
        reading=reading(
            entry("NEW"), entry("COMPLETE", line=30), duplicates=twice, conflicts={REQ: ("NEW", "COMPLETE")}
        ),
        workflows={REQ: workflow(R)},
        evidence={REQ: evidence(ALL)},
        now=NOW,
    )
    found = the(compare(stores))
    assert (found.kind, found.file, found.move) == (Kind.CONFLICT, "NEW, COMPLETE, lines 3, 30", None)
    same = Stores(pipeline=PIPELINE, reading=reading(entry("NEW"), entry("NEW", line=30), duplicates=twice), now=NOW)
    assert the(compare(same)).kind is Kind.DUPLICATE


@pytest.mark.parametrize("said", ["", "DONE", "in progress"])
def test_a_word_that_nobody_knows_is_a_persons(said: str) -> None:
    """No status, or one of no meaning, moves nothing."""
    found = the(compared(said, workflow(R), evidence(ALL)))
    assert (found.kind, found.move) == (Kind.NO_STATUS, None)


def test_a_vanished_entry_moves_nothing() -> None:
    """One of ten entries has gone: a person is told; one that had ended may go."""
    assert the(compared(None, workflow(R))).kind is Kind.VANISHED
    assert compared(None, workflow(F)).disagreements == ()


def test_a_shrunken_file_is_compared_with_nothing() -> None:
    """Six of ten open workflows have vanished at once: one disagreement about the file, none about a workflow."""
    names = [f"REQ-{n}" for n in range(10)]
    stores = Stores(
        pipeline=PIPELINE,
        reading=reading(*(entry("COMPLETE", name=one) for one in names[:4])),
        workflows={one: workflow(R, req_number=one) for one in names},
        evidence={one: evidence() for one in names},
        now=NOW,
    )
    found = the(compare(stores))
    assert (found.kind, found.req_number) == (Kind.FILE_SHRANK, "")
    assert found.file == "6 of 10 open workflows have vanished from it"
    assert compare(stores).could_not_tell[""]


def test_a_workflow_in_the_middle_of_a_change_is_left_alone() -> None:
    """File and state are two writes; what was changed less than two minutes ago is not judged."""
    assert compared("NEW", workflow(R, said="PENDING", hours=0.02)).disagreements == ()


def test_orphans_are_a_persons() -> None:
    """Deliverables without a request, with how many there are."""
    found = the(compared(None, None, orphans=Orphans(scanned=9, by_request={"REQ-GONE": 4})))
    assert (found.kind, found.req_number, found.evidence) == (Kind.ORPHANS, "REQ-GONE", "4 deliverables")


def test_runs_that_claim_a_workflow() -> None:
    """One whose process is gone is ended by reconcile; one on a workflow that has ended is told; others are right."""
    gone, alive = (ClaimedRun(run=f"run {one}", req_number=REQ, gone=one) for one in (True, False))
    at_work = compared("IN_PROGRESS", workflow(R), runs=[gone, alive])
    assert (the(at_work).kind, the(at_work).run) == (Kind.LOST_RUN, "run True")
    assert the(compared("FAILED", workflow(F), runs=[alive])).kind is Kind.RUN_AFTER_END


def test_an_unread_file_is_told() -> None:
    """Without the file nothing is compared with it, and the reason is said."""
    found = compare(Stores(pipeline=PIPELINE, reading=None, workflows={REQ: workflow(R, hours=9)}, now=NOW))
    assert (found.disagreements, found.could_not_tell) == ((), {"": "the request file could not be read"})


WORDS = st.sampled_from([*RequestStatus, "", "DONE", None])
STATES = st.none() | st.builds(
    workflow,
    st.sampled_from(WorkflowStatus),
    stage=st.sampled_from(STAGES),
    said=st.sampled_from([*RequestStatus, ""]),
    hours=st.sampled_from([0.01, 0.5, 100.0]),
    priority=st.sampled_from(["P0", "P1", ""]),
    stage_deliverables=st.sampled_from([{}, kept_of(STAGES)]),
)
SOME = st.frozensets(st.sampled_from(STAGES))
KNOWN = st.builds(evidence, SOME, refused=SOME, minutes=st.sampled_from([1, 5000]))
UNTOLD = st.builds(evidence, SOME, refused=SOME, untold=SOME.filter(bool))
WRITTEN = st.none() | st.builds(wrote, st.sampled_from(RequestStatus), st.sampled_from(RequestStatus))


@given(WORDS, STATES, KNOWN | UNTOLD, WRITTEN)
def test_any_stores_of_one_workflow_have_one_disagreement(
    said: str | None, state: Workflow | None, known: Evidence, written: StatusChange | None
) -> None:
    """At most one is found, a person's never moves anything, and a move leaves file and state agreeing."""
    found = compared(said, state, known, written).disagreements
    assert len(found) <= 1
    for one in found:
        if RULES[one.kind].settler is not Settler.PERSISTENCE:
            assert one.move is None
        if one.move is not None:
            assert STATUS_OF[one.move.file_after] is one.move.status
            assert one.move.file_before == said


@given(WORDS, STATES, UNTOLD, WRITTEN)
def test_what_nobody_could_tell_moves_nothing(
    said: str | None, state: Workflow | None, known: Evidence, written: StatusChange | None
) -> None:
    """One stage of which nobody can tell keeps the whole workflow where it is."""
    assert all(one.move is None for one in compared(said, state, known, written).disagreements)


@given(WORDS, STATES, KNOWN, WRITTEN)
def test_nothing_is_complete_without_the_last_stages_evidence(
    said: str | None, state: Workflow | None, known: Evidence, written: StatusChange | None
) -> None:
    """No move makes a workflow complete, in the file or in the state, unless every stage has delivered."""
    for one in compared(said, state, known, written).disagreements:
        if one.move is not None and C in {one.move.status, STATUS_OF[one.move.file_after]}:
            kept = state is not None and state.status is C and bool(state.stage_deliverables)
            assert known.done == ALL or kept


@given(WORDS, STATES, KNOWN, WRITTEN)
def test_what_is_settled_stays_settled(
    said: str | None, state: Workflow | None, known: Evidence, written: StatusChange | None
) -> None:
    """After each move the stores are compared anew: within four of them nothing moves any more."""
    for _ in range(4):
        moves = [one.move for one in compared(said, state, known, written).disagreements if one.move is not None]
        if not moves or state is None or said is None:
            return
        made = moves[0]
        if made.file_after != made.file_before:
            written = wrote(made.file_before, made.file_after)
        said = made.file_after.value
        kept = kept_of(known.done) if made.status is C else {}
        state = workflow(made.status, stage=made.stage, said=said, hours=0.5, stage_deliverables=kept)
    raise AssertionError(f"it still moves: {moves}")


def test_what_was_not_looked_for_is_not_settled() -> None:
    """A known disagreement stays open while its stores cannot be told, its workflow changes, or nothing was counted."""
    known = compared("IN_PROGRESS", workflow(R))
    here = Stores(pipeline=PIPELINE, reading=reading(), now=NOW)
    assert is_over(Kind.ZOMBIE, REQ, here, known)
    assert not is_over(Kind.ORPHANS, "REQ-GONE", here, known)
    assert not is_over(Kind.LOST_RUN, REQ, here, known)
    untold = compared("IN_PROGRESS", workflow(R), evidence(untold=(0,)))
    assert not is_over(Kind.ZOMBIE, REQ, here, untold)
    assert is_over(Kind.VANISHED, REQ, here, untold)
    assert not is_over(Kind.ZOMBIE, REQ, here, compared("NEW", workflow(R, hours=0.01)))
    assert not is_over(Kind.VANISHED, REQ, here, Compared(disagreements=(), could_not_tell={"": "unread"}))


def test_what_has_expired_says_nothing() -> None:
    """A stage that was recorded and whose deliverable is gone is not absent: nobody can tell, and nothing moves."""
    found = compared("NEW", workflow(R, stage=1, said="NEW", hours=50, stage_deliverables=kept_of([0])))
    assert found.disagreements == ()
    assert found.could_not_tell == {REQ: "stage 0 has delivered once, and its stream holds that no more"}
