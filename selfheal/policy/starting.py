"""Which workflow starts next, whether there is a place for it, and how a start has ended. Pure.

At most so many run at once, and one of the places is a P0's: the others never take it, and whoever else fills the
estate does not take it either, so that a P0 is never behind workflows that somebody else has started.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from selfheal.model.deliverable import Evidence, Presence, Result
from selfheal.model.ending import Ending
from selfheal.model.pipeline import Pipeline, Stage
from selfheal.model.request import Entry, Reading, RequestStatus
from selfheal.model.start import Places, Start
from selfheal.model.workflow import Workflow, WorkflowStatus
from selfheal.policy.delivered import done, known

URGENT = "P0"
STARTABLE = frozenset({RequestStatus.NEW, RequestStatus.PENDING})
_RANKS = {"P0": 0, "P1": 1, "P2": 2, "P3": 3}
_LAST = len(_RANKS)
_SKEW = timedelta(seconds=2)
"""What the broker's clock and the database's may differ by."""
_ENDINGS = {
    Result.DONE: (Ending.COMPLETED, "has delivered"),
    Result.REJECTED: (Ending.COMPLETED, "has delivered its no"),  # the agent did its work
    Result.FAILED: (Ending.FAILED, "says that it failed"),
    Result.BLOCKED: (Ending.REFUSED, "is blocked"),
    Result.UNCLEAR: (Ending.REFUSED, "has delivered what nobody understands"),
}
_BY_STATUS = {
    WorkflowStatus.COMPLETE: Ending.COMPLETED,
    WorkflowStatus.FAILED: Ending.CANCELLED,
    WorkflowStatus.BLOCKED: Ending.CANCELLED,
    WorkflowStatus.PENDING: Ending.CANCELLED,
}


def in_turn(workflows: Iterable[Workflow]) -> Sequence[Workflow]:
    """The order in which they start: by priority, an unknown one last, then the oldest first."""
    new = datetime.max.replace(tzinfo=UTC)
    return sorted(workflows, key=lambda one: (_RANKS.get(one.priority, _LAST), one.created_at or new, one.req_number))


def no_place(priority: str, places: Places, at_once: int) -> str:
    """Why there is no place for one of this priority; empty: there is one.

    A P0 has the place that is kept for it as long as no other P0 holds it, however many run by somebody else's doing.
    With a single place nothing is kept: else nothing but P0 would ever run.
    """
    kept = 1 if at_once > 1 else 0
    if priority == URGENT:
        if places.running < at_once or (kept and places.urgent < kept):
            return ""
        return f"{places.running} run, which is the limit, {places.urgent} of them {URGENT}"
    if places.running >= at_once:
        return f"{places.running} run, which is the limit"
    if places.running - places.urgent >= at_once - kept:
        return f"{places.running} run, and the last place is kept for a {URGENT}"
    return ""


def unfit(workflow: Workflow, reading: Reading) -> str:
    """Why the request file does not let it start; empty: it does. What the file says twice is never guessed."""
    name = workflow.req_number
    if name in reading.conflicts:
        return f"the request file says different things of it: {', '.join(reading.conflicts[name])}"
    if name in reading.duplicates:
        lines = ", ".join(str(one) for one in reading.duplicates[name])
        return f"it stands in the request file more than once: lines {lines}"
    entry = reading.entry(name)
    return "it does not stand in the request file once" if entry is None else _unready(workflow, entry)


def _unready(workflow: Workflow, entry: Entry) -> str:
    """Why its one entry does not let it start."""
    if entry.status_line is None:
        return "its entry in the request file has no one Status line"
    if entry.status not in STARTABLE:
        return f"the request file says {entry.status or 'nothing'}"
    if entry.status != workflow.file_status:
        return f"the request file says {entry.status}, and its state does not know that yet"
    return ""


def begins_with(workflow: Workflow, evidence: Evidence, pipeline: Pipeline) -> Stage | str:
    """The stage that it begins with: the first that is not done; or why it does not begin.

    A stage that could not be told may be done, and would be done again: nothing begins then.
    """
    recorded = done(workflow.stage_deliverables)
    for one in evidence.stages:
        if one.presence is Presence.COULD_NOT_TELL and one.stage not in recorded:
            return f"nobody can tell what was delivered: {one.why}"
    following = pipeline.following(done(known(workflow.stage_deliverables, evidence)))
    return "all its stages are done" if following is None else following


def patience(stage: Stage, priority: str) -> timedelta:
    """How long the stage may take: half as long for a P0."""
    return stage.timeout / 2 if priority == URGENT else stage.timeout


def ending(
    start: Start, workflow: Workflow, evidence: Evidence | None, stage: Stage | None, now: datetime
) -> tuple[Ending, str] | None:
    """How the start has ended, and why; None: it has not, or nobody can tell.

    What was delivered before it says nothing of it, unless it is that the stage is done.
    """
    found = None if evidence is None else next((one for one in evidence.stages if one.stage == start.stage), None)
    if found is not None and found.deliverable is not None:
        said = found.deliverable
        if said.result is Result.DONE or said.published_at > start.claimed_at - _SKEW:
            how, words = _ENDINGS[said.result]
            return how, f"{start.agent} {words}"
    absent = found is not None and found.deliverable is None and found.presence is Presence.ABSENT
    if workflow.status is WorkflowStatus.RUNNING and absent and evidence is not None and _later(start, evidence):
        return Ending.DELIVERABLE_MISSING, f"a later stage has delivered, and {start.agent} has not"
    overdue = stage is not None and now - start.claimed_at > patience(stage, workflow.priority)
    if overdue and absent and workflow.status in {WorkflowStatus.RUNNING, WorkflowStatus.PENDING}:
        return Ending.TIMED_OUT, f"{start.agent} has delivered nothing in its time"
    if workflow.status is WorkflowStatus.RUNNING:
        return None
    return _BY_STATUS[workflow.status], f"the workflow is {workflow.status}"


def _later(start: Start, evidence: Evidence) -> bool:
    """Whether a later stage is done, since this one was started."""
    said = [one.deliverable for one in evidence.stages if one.stage > start.stage and one.done]
    return any(one is not None and one.published_at > start.claimed_at for one in said)
