"""Whether a workflow is stuck, and what puts it back on track. Pure: the probe, the action and the flows ask it.

The order of the questions is the rule: first whether the stores can be believed, then how long nothing was heard, then
what was delivered. What could not be told moves nothing, and only the last stage's own evidence completes anything.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from selfheal.model.deliverable import Evidence, Presence, Result
from selfheal.model.pipeline import Pipeline, Stage
from selfheal.model.recovery import Early, Pace, RecoveryPlan, Standing, Verdict
from selfheal.model.request import Entry, RequestStatus
from selfheal.model.workflow import RecoveryType, Workflow, WorkflowStatus


@dataclass(frozen=True, kw_only=True)
class Nearing:
    """How near a workflow that is under way is to being stuck.

    Attributes:
        silent: for so long nothing was heard of it.
        patience: so long it may take.
        told: whether its stages could be told; if not, nothing follows from the rest.
    """

    silent: timedelta
    patience: timedelta
    told: bool

    def near(self, share: float) -> bool:
        """Whether it has used this share of its time, and not all of it."""
        return self.told and share * self.patience <= self.silent <= self.patience


CRITICAL = "P0"
FEWEST_DELIVERIES = 20
"""Of a stage, before anybody says how long it usually takes."""
_REFUSALS = {Result.BLOCKED: "is blocked", Result.FAILED: "has failed", Result.REJECTED: "rejects it"}


def judge(  # noqa: PLR0913 - each is one of the stores, or a limit
    req_number: str,
    entry: Entry | None,
    workflow: Workflow | None,
    evidence: Evidence,
    *,
    recoveries: int,
    allowed: int,
    now: datetime,
    pipeline: Pipeline,
) -> Verdict:
    """How a workflow stands.

    Args:
        req_number: its name.
        entry: its one entry in the request file; None: it has none, or several.
        workflow: its state; None: it has none yet.
        evidence: what the broker says of its stages.
        recoveries: how often it was put back by itself since a person last touched it.
        allowed: so often it may be.
        now: aware UTC time.
        pipeline: that it goes through.
    """
    unsound = _unsound(entry, workflow)
    if unsound is not None or entry is None or workflow is None:
        standing, why = unsound or (Standing.FINE, "")
        return Verdict(req_number=req_number, standing=standing, why=why)
    critical = CRITICAL in {entry.priority, workflow.priority}
    silent, patience = now - _heard(workflow, evidence), _patience(workflow, evidence, pipeline, critical=critical)
    if silent <= patience:
        return Verdict(req_number=req_number, standing=Standing.FINE, critical=critical)
    if unknown := could_not_tell(workflow, evidence):
        return Verdict(req_number=req_number, standing=Standing.COULD_NOT_TELL, why=unknown, critical=critical)
    if words := unclear(evidence, pipeline):
        return Verdict(req_number=req_number, standing=Standing.PERSON, why=words, critical=critical)
    plan = way_back(evidence, recoveries=recoveries, allowed=allowed, pipeline=pipeline)
    return Verdict(
        req_number=req_number,
        standing=Standing.STUCK,
        why=f"nothing was heard of it for {_minutes(silent)}, and {_minutes(patience)} is what it may take; {plan.why}",
        plan=plan,
        stuck_for=silent,
        critical=critical,
    )


def nearing(
    entry: Entry | None, workflow: Workflow | None, evidence: Evidence, *, now: datetime, pipeline: Pipeline
) -> Nearing | None:
    """How near a workflow is to being stuck; None: it is not under way, or file and state do not agree.

    Args:
        entry: its one entry in the request file; None: it has none, or several.
        workflow: its state; None: it has none yet.
        evidence: what the broker says of its stages; without stages: nobody asked.
        now: aware UTC time.
        pipeline: that it goes through.
    """
    if workflow is None or entry is None or _unsound(entry, workflow) is not None:
        return None
    critical = CRITICAL in {entry.priority, workflow.priority}
    told = bool(evidence.stages) and not could_not_tell(workflow, evidence) and not unclear(evidence, pipeline)
    return Nearing(
        silent=now - _heard(workflow, evidence),
        patience=_patience(workflow, evidence, pipeline, critical=critical),
        told=told,
    )


def way_back(evidence: Evidence, *, recoveries: int, allowed: int, pipeline: Pipeline) -> RecoveryPlan:
    """What puts it back on track, by what was delivered; never called where something could not be told.

    A stage that says no, and a workflow that was put back too often, are a person's.
    """
    following = pipeline.following(evidence.done)
    stage = pipeline.last if following is None else following
    before = max((one for one in evidence.done if following is None or one < stage.index), default=None)
    refusing = _refusing(evidence, pipeline)
    if refusing or recoveries >= allowed:
        why = refusing or f"it was put back {recoveries} times already, and {allowed} is the limit"
        return RecoveryPlan(
            type=RecoveryType.MARK_BLOCKED,
            status=RequestStatus.BLOCKED,
            stage=stage.index,
            last_completed=before,
            why=why,
        )
    if following is None:
        return RecoveryPlan(
            type=RecoveryType.MARK_COMPLETE,
            status=RequestStatus.COMPLETE,
            stage=stage.index,
            last_completed=stage.index,
            why=f"all its stages are done, {_named(stage)} too",
        )
    return RecoveryPlan(
        type=RecoveryType.AUTO_RESUME if evidence.done else RecoveryType.MARK_PENDING,
        status=RequestStatus.PENDING,
        stage=stage.index,
        last_completed=before,
        why=f"it goes on with {_named(stage)}"
        if evidence.done
        else f"none of its stages is done: {_named(stage)} again",
    )


def early(  # noqa: PLR0913 - each is one of the stores, or a limit
    pace: Pace | None, evidence: Evidence, *, recoveries: int, allowed: int, now: datetime, pipeline: Pipeline
) -> Early | None:
    """What puts one that nears its limit back before it is stuck; None: it may only be slow, or a person must say.

    Who is slow and alive would work on it twice. So it is only said of a stage that we have started ourselves, and that
    has taken longer than every one of its latest deliveries; and nobody is blocked before the time.

    Args:
        pace: of the stage that comes next; None: we have not started it.
        evidence: what the broker says of its stages; all of it could be told.
        recoveries: how often it was put back by itself since a person last touched it.
        allowed: so often it may be.
        now: aware UTC time.
        pipeline: that it goes through.
    """
    if pace is None or pace.known < FEWEST_DELIVERIES or (took := now - pace.since) <= pace.slowest:
        return None
    plan = way_back(evidence, recoveries=recoveries, allowed=allowed, pipeline=pipeline)
    if plan.blocks:
        return None
    slowest = f"none of its last {pace.known} deliveries took more than {_minutes(pace.slowest)}"
    why = f"its stage takes {_minutes(took)} by now, and {slowest}; {plan.why}"
    return Early(plan=replace(plan, why=why), took=took, past=took - pace.slowest)


def could_not_tell(workflow: Workflow, evidence: Evidence) -> str:
    """Why its stages cannot be told; empty: they can be. What was recorded once and is gone has expired."""
    gone = (
        f"stage {one.stage} has delivered once, and its stream holds that no more"
        for one in evidence.stages
        if one.presence is Presence.ABSENT and str(one.stage) in workflow.stage_deliverables
    )
    return evidence.could_not_tell or next(gone, "")


def overdue_at(workflow: Workflow, pipeline: Pipeline) -> datetime:
    """From when on it can be stuck at all: what does not need to be asked of the broker before."""
    shortest = min(one.timeout for one in pipeline.stages) / 2
    return max(workflow.started_at or workflow.updated_at, workflow.updated_at) + shortest


def _unsound(entry: Entry | None, workflow: Workflow | None) -> tuple[Standing, str] | None:
    """Why the stores alone decide it; None: file and state agree that it is under way."""
    if entry is None:
        return Standing.PERSON, "it does not stand in the request file once: not at all, or several times"
    if entry.status == RequestStatus.ESCALATED:
        return Standing.ESCALATED, "it is escalated"
    status = None if workflow is None else workflow.status
    return _not_begun(entry, status) if entry.status != RequestStatus.IN_PROGRESS else _not_running(entry, status)


def _not_begun(entry: Entry, status: WorkflowStatus | None) -> tuple[Standing, str]:
    """The file does not say that anybody works on it."""
    if status is WorkflowStatus.RUNNING:
        return Standing.COULD_NOT_TELL, f"the file says {entry.status or 'nothing'}, and the state running"
    return Standing.FINE, f"it is {entry.status or 'without a status'}"


def _not_running(entry: Entry, status: WorkflowStatus | None) -> tuple[Standing, str] | None:
    """The file says that somebody works on it; the state may know better."""
    if entry.status_line is None:
        return Standing.PERSON, "its entry has no Status line that can be written"
    if status in {None, WorkflowStatus.PENDING}:
        return Standing.COULD_NOT_TELL, "it is not known yet since when it is under way: its state follows"
    if status is not WorkflowStatus.RUNNING:
        return Standing.PERSON, f"the file says IN_PROGRESS, and the state {status}: what was stopped stays so"
    return None


def _heard(workflow: Workflow, evidence: Evidence) -> datetime:
    """When something was heard of it last."""
    times = (workflow.started_at, workflow.updated_at, evidence.newest)
    return max(one for one in times if one is not None)


def _patience(workflow: Workflow, evidence: Evidence, pipeline: Pipeline, *, critical: bool) -> timedelta:
    """How long its stage may take: of the one that comes next, or, where that could not be told, of the state's."""
    at: Stage | None = next((one for one in pipeline.stages if one.index == workflow.current_stage), pipeline.last)
    if not evidence.could_not_tell:
        at = pipeline.following(evidence.done)
    timeout = (at or pipeline.last).timeout
    return timeout / 2 if critical else timeout


def _refusing(evidence: Evidence, pipeline: Pipeline) -> str:
    """The first stage that has delivered its no; empty: none has."""
    for one in evidence.stages:
        if one.deliverable is not None and one.deliverable.result in _REFUSALS:
            said = one.deliverable.summary
            return f"{_at(one.stage, pipeline)} {_REFUSALS[one.deliverable.result]}" + (f": {said}" if said else "")
    return ""


def unclear(evidence: Evidence, pipeline: Pipeline) -> str:
    """A stage whose words nobody understands, where none says plainly no; empty: there is none."""
    if _refusing(evidence, pipeline):
        return ""
    for one in evidence.stages:
        if one.deliverable is not None and one.deliverable.result is Result.UNCLEAR:
            word = one.deliverable.status
            return f"what {_at(one.stage, pipeline)} has delivered is not clear" + (f" ({word})" if word else "")
    return ""


def _at(index: int, pipeline: Pipeline) -> str:
    found = next((one for one in pipeline.stages if one.index == index), None)
    return f"stage {index}" if found is None else _named(found)


def _named(stage: Stage) -> str:
    return f"stage {stage.index} ({stage.agent})"


def _minutes(time: timedelta) -> str:
    return f"{time / timedelta(minutes=1):.0f} min"
