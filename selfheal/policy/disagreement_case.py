"""One workflow as all stores have it, with the questions that the rules ask of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from selfheal.model.deliverable import Evidence, Presence
from selfheal.model.pipeline import Pipeline, Stage
from selfheal.model.request import Entry, RequestStatus, StatusChange
from selfheal.model.workflow import STATUS_OF, Workflow, WorkflowStatus
from selfheal.policy.delivered import done

CRITICAL = "P0"
_WORDS = {one.value: one for one in RequestStatus}
_NO_STAGE = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One workflow.

    Attributes:
        req_number: its name.
        entry: its last entry in the file; None: it has none.
        lines: of its entries, where it has several.
        conflict: the statuses that they have, where those differ.
        workflow: its state; None: it has none.
        evidence: what JetStream says; None: nobody has asked.
        written: what we ourselves wrote into the file last; None: nothing.
        pipeline: that it goes through.
        now: when all that was read.
    """

    req_number: str
    entry: Entry | None
    lines: Sequence[int]
    conflict: Sequence[str]
    workflow: Workflow | None
    evidence: Evidence | None
    written: StatusChange | None
    pipeline: Pipeline
    now: datetime

    @cached_property
    def word(self) -> RequestStatus | None:
        """What the file says; None: nothing that we know."""
        return None if self.entry is None else _WORDS.get(self.entry.status)

    @cached_property
    def could_not_tell(self) -> str:
        """Why the evidence tells nothing; empty: it does."""
        if self.evidence is None:
            return "nobody has asked for its deliverables"
        return self.evidence.could_not_tell or next(self._expired, "")

    @property
    def _expired(self) -> Iterator[str]:
        """Stages that were recorded once and whose deliverable is gone: that they are absent says nothing."""
        if self.workflow is not None and self.workflow.status is not WorkflowStatus.COMPLETE:
            for one in self.evidence.stages if self.evidence is not None else ():
                if one.presence is Presence.ABSENT and str(one.stage) in self.workflow.stage_deliverables:
                    yield f"stage {one.stage} has delivered once, and its stream holds that no more"

    @property
    def matters(self) -> bool:
        """Whether anything would follow from its deliverables: it is open, or said to be complete."""
        said = set() if self.word is None else {STATUS_OF[self.word]}
        said |= set() if self.workflow is None else {self.workflow.status}
        return bool(said - {WorkflowStatus.FAILED})

    @property
    def done(self) -> frozenset[int]:
        """The stages that are done; of a complete workflow also those whose evidence was kept, and may have expired."""
        found = frozenset[int]() if self.evidence is None else self.evidence.done
        return found | self._recorded

    @property
    def _recorded(self) -> frozenset[int]:
        workflow = self.workflow
        if workflow is None or workflow.status is not WorkflowStatus.COMPLETE:
            return frozenset()
        return done(workflow.stage_deliverables)

    @property
    def next(self) -> Stage | None:
        """The first stage that has not delivered; None: all have."""
        return self.pipeline.following(self.done)

    @property
    def nothing_delivered(self) -> bool:
        """Whether it is known that no stage has delivered anything."""
        stages = () if self.evidence is None else self.evidence.stages
        return bool(stages) and all(one.presence is Presence.ABSENT for one in stages)

    @property
    def refused(self) -> bool:
        """Whether the stage at which it runs has delivered, since it began, that it is not done."""
        workflow = self.workflow
        if workflow is None or workflow.status is not WorkflowStatus.RUNNING or workflow.started_at is None:
            return False
        stages = () if self.evidence is None else self.evidence.stages
        said = [one.deliverable for one in stages if one.stage == workflow.current_stage and not one.done]
        return any(one is not None and one.published_at > workflow.started_at for one in said)

    @property
    def overdue(self) -> bool:
        """Whether it runs for longer than its stage may take, without anything newer being delivered."""
        workflow = self.workflow
        if workflow is None or workflow.status is not WorkflowStatus.RUNNING:
            return False
        newest = None if self.evidence is None else self.evidence.newest
        since = max(one for one in (workflow.started_at, workflow.updated_at, newest) if one is not None)
        return self.now - since > _patience(workflow, self.pipeline)

    @property
    def told_file(self) -> str:
        """What the file says, for a person."""
        if self.lines:
            said = ", ".join(self.conflict) or (self.entry.status if self.entry else "")
            return f"{said or 'no status'}, lines {', '.join(str(one) for one in self.lines)}"
        return "no entry" if self.entry is None else f"{self.entry.status or 'no status'}, line {self.entry.line}"

    @property
    def told_state(self) -> str:
        """What the state says, for a person."""
        return told_state(self.workflow, self.pipeline)

    @property
    def told_evidence(self) -> str:
        """What JetStream says, for a person."""
        return self.could_not_tell or told_evidence(self.evidence, self.pipeline)


def told_state(workflow: Workflow | None, pipeline: Pipeline) -> str:
    """What the state says, for a person."""
    if workflow is None:
        return "no row"
    return f"{workflow.status} at {_stage(workflow.current_stage, pipeline)}"


def told_evidence(evidence: Evidence | None, pipeline: Pipeline) -> str:
    """What was delivered, for a person."""
    stages = () if evidence is None else evidence.stages
    done = [_stage(one.stage, pipeline) for one in stages if one.done]
    other = [
        f"{_stage(one.stage, pipeline)} ({one.deliverable.result.lower()})"
        for one in stages
        if one.deliverable is not None and not one.done
    ]
    parts = [f"{word}: {', '.join(names)}" for word, names in (("done", done), ("not done", other)) if names]
    return "; ".join(parts) or "nothing delivered"


def _stage(index: int, pipeline: Pipeline) -> str:
    agent = next((one.agent for one in pipeline.stages if one.index == index), "unknown")
    return f"{index} {agent}"


def _patience(workflow: Workflow, pipeline: Pipeline) -> timedelta:
    """How long it may stay at its stage: half as long where it is critical."""
    timeout = next((one.timeout for one in pipeline.stages if one.index == workflow.current_stage), _NO_STAGE)
    return timeout / 2 if workflow.priority == CRITICAL else timeout
