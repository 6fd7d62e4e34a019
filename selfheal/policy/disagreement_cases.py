"""What the stores disagree about in one workflow: nothing, or one thing, and how that is settled."""

from collections.abc import Iterator

from selfheal.model.disagreement import Disagreement, Kind, Move
from selfheal.model.request import RequestStatus
from selfheal.model.workflow import STATUS_OF, Workflow, WorkflowStatus
from selfheal.policy.disagreement_case import Case

_WORD_OF = {
    WorkflowStatus.PENDING: RequestStatus.PENDING,
    WorkflowStatus.RUNNING: RequestStatus.IN_PROGRESS,
    WorkflowStatus.BLOCKED: RequestStatus.BLOCKED,
    WorkflowStatus.COMPLETE: RequestStatus.COMPLETE,
    WorkflowStatus.FAILED: RequestStatus.FAILED,
}
"""The word that we write for a state."""
_GOES_ON = frozenset({WorkflowStatus.PENDING, WorkflowStatus.RUNNING})
_OF_ANOTHER_HAND = {
    WorkflowStatus.PENDING: Kind.PUT_BACK,
    WorkflowStatus.RUNNING: Kind.BEGUN_ELSEWHERE,
    WorkflowStatus.BLOCKED: Kind.HELD,
    WorkflowStatus.FAILED: Kind.GIVEN_UP,
}
"""By what the newer word of the file makes of the state."""


def of_case(case: Case) -> Iterator[Disagreement]:
    """The one disagreement of a workflow, if there is any."""
    kind = _in_the_file(case) or _of_the_stores(case)
    if kind is not None:
        yield Disagreement(
            kind=kind,
            req_number=case.req_number,
            file=case.told_file,
            state=case.told_state,
            evidence=case.told_evidence,
            move=None if case.could_not_tell else _move(case, kind),
        )


def _in_the_file(case: Case) -> Kind | None:
    """What is wrong whatever the others say."""
    if case.conflict:
        return Kind.CONFLICT
    if case.lines:
        return Kind.DUPLICATE
    if case.entry is None:
        ended = case.workflow is None or case.workflow.status in {WorkflowStatus.COMPLETE, WorkflowStatus.FAILED}
        return None if ended else Kind.VANISHED
    if case.word is None or case.entry.status_line is None:
        return Kind.NO_STATUS
    ended = STATUS_OF[case.word] in {WorkflowStatus.COMPLETE, WorkflowStatus.FAILED}
    return Kind.NO_STATE if case.workflow is None and not ended else None


def _of_the_stores(case: Case) -> Kind | None:
    """What they say differently of a workflow whose entry is sound; nothing where the evidence could not be told."""
    if case.word is None or case.could_not_tell:
        return None
    said, workflow = STATUS_OF[case.word], case.workflow
    claimed = WorkflowStatus.COMPLETE in {said, None if workflow is None else workflow.status}
    if claimed and case.next is not None:
        return Kind.COMPLETE_WITHOUT_EVIDENCE
    if workflow is None or case.entry is None:
        return None
    return _of_the_evidence(case, workflow) if said is workflow.status else _of_the_words(case, workflow, said)


def _of_the_evidence(case: Case, workflow: Workflow) -> Kind | None:
    """File and state agree that it is open, and perhaps the deliverables do not."""
    if workflow.status not in _GOES_ON:
        return None
    if case.next is None:
        return Kind.ALL_DELIVERED
    if case.refused:
        return Kind.STAGE_REFUSED
    if case.next.index < workflow.current_stage:
        return Kind.STAGE_SKIPPED
    return Kind.STAGE_BEHIND if workflow.current_stage in case.done else None


def _of_the_words(case: Case, workflow: Workflow, said: WorkflowStatus) -> Kind:
    """File and state differ: the evidence decides, else the newer word, if it is known which one that is."""
    if case.next is None and workflow.status in _GOES_ON and said in {*_GOES_ON, WorkflowStatus.COMPLETE}:
        return Kind.COMPLETE_IN_FILE if said is WorkflowStatus.COMPLETE else Kind.ALL_DELIVERED
    if said is WorkflowStatus.PENDING and case.overdue and case.nothing_delivered:
        return Kind.ZOMBIE
    if case.word == workflow.file_status:
        return Kind.FILE_BEHIND
    if case.written is not None and case.word == case.written.after:
        return Kind.STATE_BEHIND
    return _of_another_hand(case, workflow, said)


def _of_another_hand(case: Case, workflow: Workflow, said: WorkflowStatus) -> Kind:
    """Another hand than ours has written into the file. That something is stopped is believed in any case."""
    stops = said is WorkflowStatus.BLOCKED and workflow.status in _GOES_ON
    if case.written is not None and case.word == case.written.before and not stops:
        return Kind.REVERTED
    return _OF_ANOTHER_HAND[said] if workflow.status in _GOES_ON else Kind.OVERRULED


def _move(case: Case, kind: Kind) -> Move | None:
    """What is written where; None: nothing that is found here settles it."""
    workflow, word = case.workflow, case.word
    if workflow is None or word is None:
        return None
    stays = workflow.current_stage
    goes_on = stays if case.next is None or STATUS_OF[word] not in _GOES_ON else case.next.index
    if kind in {Kind.COMPLETE_IN_FILE, Kind.ALL_DELIVERED}:
        last = case.pipeline.last.index
        return _to(workflow, word, WorkflowStatus.COMPLETE, stage=last, after=RequestStatus.COMPLETE)
    if kind is Kind.FILE_BEHIND:
        return _to(workflow, word, workflow.status, stage=stays, after=_WORD_OF[workflow.status])
    if kind in {Kind.STAGE_BEHIND, Kind.ZOMBIE, Kind.STATE_BEHIND, *_OF_ANOTHER_HAND.values()}:
        return _to(workflow, word, STATUS_OF[word], stage=goes_on, after=word)
    return None


def _to(workflow: Workflow, word: RequestStatus, status: WorkflowStatus, *, stage: int, after: RequestStatus) -> Move:
    return Move(version=workflow.version, status=status, stage=stage, file_before=word, file_after=after)
