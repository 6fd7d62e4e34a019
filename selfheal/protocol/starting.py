"""Starts workflows: intent, event, record, and what came of it. `workflow-admission` calls its three parts in order.

A start is a row before it is anything else. Whoever finds one that is not finished goes on with it under its id, which
is the message's too: so a start that was broken off at any place is one message, and one result of its agent's breaker.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from selfheal.model.errors import NotAllowed, Permanent, SelfhealError, TargetChanged, Transient
from selfheal.model.pipeline import Pipeline, Stage
from selfheal.model.request import RequestStatus
from selfheal.model.start import Start, StartState
from selfheal.model.workflow import Workflow, WorkflowStatus
from selfheal.policy.starting import ending, patience
from selfheal.ports import AgentBreakers, Clock, Deliverables, RequestFile, StageEvents, WorkflowStarts, WorkflowStore
from selfheal.protocol.failpoint import reach

WHO = "workflow-admission"
AGAIN = timedelta(minutes=5)
"""What could not be published is tried again so much later."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Starting:
    """What starting workflows needs.

    Attributes:
        file: the request file.
        states: `workflow_state`.
        starts: of workflows, and the places of those that run.
        deliverables: on JetStream.
        events: tells the estate to work on a stage.
        breakers: of the agents.
        clock: time.
        pipeline: that they go through.
        at_once: so many run at once.
        allowed: whether workflows may be started at all, by `healing.allow`.
    """

    file: RequestFile
    states: WorkflowStore
    starts: WorkflowStarts
    deliverables: Deliverables
    events: StageEvents
    breakers: AgentBreakers
    clock: Clock
    pipeline: Pipeline
    at_once: int
    allowed: bool

    def stage(self, index: int) -> Stage | None:
        """The stage of this index, if there is one."""
        return next((one for one in self.pipeline.stages if one.index == index), None)


def finish_all(works: Starting) -> Sequence[Start]:
    """Go on with the starts that were broken off; those that are finished now. One that fails stops no other.

    Raises:
        Transient: the database cannot be asked.
    """
    left = [one for one in works.starts.open() if one.state is not StartState.RECORDED]
    return [one for one in left if finish(works, one)]


def finish(works: Starting, start: Start) -> bool:
    """Publish it, and write into the file that it is under way; whether it is finished now."""
    try:
        workflow = works.states.get(start.req_number)
        if workflow is None or workflow.status is not WorkflowStatus.RUNNING:
            return False  # somebody has stopped it meanwhile: `conclude` ends its start
        if start.state is StartState.CLAIMED and not _publish(works, start, workflow):
            return False
        return _record(works, start)
    except SelfhealError as error:
        _log.warning("the start of %s is not finished yet: %s", start.req_number, error)
        return False


def _publish(works: Starting, start: Start, workflow: Workflow) -> bool:
    """Tell the agent, once: the stream is looked into before anything is stored there again."""
    try:
        works.events.publish(replace(workflow, current_stage=start.stage), message_id=start.id)
    except Transient as error:
        works.starts.failed(start, str(error))
        return False
    except (Permanent, NotAllowed) as error:
        works.starts.undo(start, str(error), until=works.clock.now() + AGAIN)
        return False
    reach("after-start-publish")
    works.starts.published(start)
    return True


def _record(works: Starting, start: Start) -> bool:
    """Write IN_PROGRESS into the request file, unless it stands there, and into the state."""
    reach("before-start-record")
    under_way = RequestStatus.IN_PROGRESS
    if start.file_before != under_way:
        why = f"stage {start.stage} ({start.agent}) was started"
        try:
            works.file.write_status(start.req_number, before=start.file_before, after=under_way, who=WHO, why=why)
        except TargetChanged as error:
            entry = works.file.read().entry(start.req_number)
            if entry is None or entry.status != under_way:
                works.starts.failed(start, str(error))
                return False
        except SelfhealError as error:
            works.starts.failed(start, str(error))
            return False
    works.starts.recorded(start, file_status=under_way)
    reach("after-start-record")
    return True


def conclude(works: Starting) -> Sequence[str]:
    """End the starts that are over, keep the permits of the others, tell the breakers; what ended, in words.

    Raises:
        Transient: the database cannot be asked.
    """
    now, begun = works.clock.now(), works.starts.open()
    found = {one.req_number: one for one in works.states.all()} if begun else {}
    mine = {one.req_number: found[one.req_number] for one in begun if one.req_number in found}
    evidence = works.deliverables.evidence({name: one.since(now) for name, one in mine.items()}) if mine else {}
    ended = []
    for start in begun:
        workflow, stage = mine.get(start.req_number), works.stage(start.stage)
        if workflow is None:
            continue
        outcome = ending(start, workflow, evidence.get(start.req_number), stage, now)
        if outcome is not None and works.starts.end(start, *outcome):
            ended.append(f"{start.req_number} {outcome[0]}: {outcome[1]}")
        elif stage is not None and now - start.claimed_at <= patience(stage, workflow.priority):
            _renew(works, start)
    tell_breakers(works)
    return ended


def tell_breakers(works: Starting) -> None:
    """Each ending counts once at its agent's breaker, however often it is told: one that dies between only repeats."""
    for start in works.starts.untold():
        if start.ending is None:
            continue
        try:
            works.breakers.ended(start.breaker, start.permit, start.ending, note=f"{start.req_number}: {start.reason}")
            works.starts.told(start)
        except SelfhealError as error:
            _log.warning("%s is not told yet how %s ended: %s", start.breaker, start.req_number, error)


def _renew(works: Starting, start: Start) -> None:
    """Keep the permit of one that runs; a lost one stops nothing."""
    try:
        if not works.breakers.renew(start.breaker, start.permit):
            _log.info(
                "%s has moved on since it let %s begin: its result will not count", start.breaker, start.req_number
            )
    except SelfhealError as error:
        _log.warning("the permit of %s is not renewed: %s", start.req_number, error)
