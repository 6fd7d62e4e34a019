"""What a new entry of the request file becomes in `workflow_state`, and which moves begin its work anew.

Pure: `protocol.keeping` and `protocol.comparing` ask. Only open requests are taken in: what
had ended before is history that nobody can prove.
"""

from datetime import datetime

from selfheal.model.deliverable import Evidence
from selfheal.model.disagreement import Kind
from selfheal.model.pipeline import Pipeline
from selfheal.model.request import Entry, RequestStatus
from selfheal.model.workflow import STATUS_OF, Workflow, WorkflowStatus
from selfheal.policy.delivered import recorded

_PRIORITIES = frozenset({"P0", "P1", "P2", "P3"})
RESTARTS = frozenset({Kind.PUT_BACK, Kind.ZOMBIE})
"""What makes a workflow start again; many of them at once are rather a file that somebody wrote an old copy over."""
OPEN = frozenset({WorkflowStatus.PENDING, WorkflowStatus.RUNNING, WorkflowStatus.BLOCKED})


def status_of(word: str) -> WorkflowStatus | None:
    """What the file's word makes of a workflow; None: it is no word of ours."""
    found = next((one for one in RequestStatus if one == word), None)
    return None if found is None else STATUS_OF[found]


def priority_of(entry: Entry) -> str:
    """P0 to P3; empty where the entry says something else."""
    return entry.priority if entry.priority in _PRIORITIES else ""


def taken_in(entry: Entry, evidence: Evidence | None, pipeline: Pipeline, now: datetime) -> Workflow | None:
    """The workflow of an entry that is seen for the first time; None: it has ended, or its status is no word of ours.

    Its stage is the first that is not done, or the first of all where nobody can tell: nothing starts before that.
    """
    status = status_of(entry.status)
    if status not in OPEN:
        return None
    following, delivered = pipeline.following(frozenset()), {}
    if evidence is not None:
        delivered = recorded(evidence)
        if not evidence.could_not_tell:
            following = pipeline.following(evidence.done)
    at = following or pipeline.last
    return Workflow(
        req_number=entry.id,
        title=entry.title,
        assigned_to=at.agent,
        priority=priority_of(entry),
        current_stage=at.index,
        status=status,
        file_status=entry.status,
        started_at=None,
        completed_at=None,
        stage_deliverables=delivered,
        version=1,
        updated_at=now,
    )
