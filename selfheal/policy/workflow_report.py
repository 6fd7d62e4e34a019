"""From what is read of workflows to what people are told: which are stuck, how they stand as a whole, what happened."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from selfheal.model.pipeline import Pipeline
from selfheal.model.workflow_report import StageSeen, WorkflowEvent, WorkflowEventKind, WorkflowStory

CRITICAL = "P0"
_NO_STAGE = timedelta(hours=1)


def is_stuck(  # noqa: PLR0913 - each is a part of what is known of it
    *,
    status: str | None,
    stage: int | None,
    priority: str,
    since: Iterable[datetime | None],
    stages: Iterable[StageSeen],
    pipeline: Pipeline,
    now: datetime,
) -> bool:
    """Whether it runs for longer than its stage may take; not where somebody could not tell what was delivered."""
    known = [*stages]
    heard = [one for one in (*since, *(one.published_at for one in known)) if one is not None]
    if status != "running" or not heard or any(one.why for one in known):
        return False
    timeout = next((one.timeout for one in pipeline.stages if one.index == stage), _NO_STAGE)
    return now - max(heard) > (timeout / 2 if priority == CRITICAL else timeout)


def events_of(story: WorkflowStory) -> tuple[WorkflowEvent, ...]:
    """Everything that is known to have happened to a workflow, the newest first."""
    found = [*_changed(story), *_written(story), *_delivered(story), *_recovered(story), *_disagreed(story)]
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))


def _changed(story: WorkflowStory) -> Iterator[WorkflowEvent]:
    for one in story.changes:
        before = "" if one.from_status is None else f"{one.from_status} at stage {one.from_stage}, now "
        words = f"{before}{one.to_status} at stage {one.to_stage}: {one.why}"
        yield WorkflowEvent(at=one.at, kind=WorkflowEventKind.CHANGED, words=words, who=one.who)


def _written(story: WorkflowStory) -> Iterator[WorkflowEvent]:
    for one in story.writes:
        if one.at is not None:
            words = f"{one.before or 'nothing'} became {one.after} in the file: {one.why}"
            yield WorkflowEvent(at=one.at, kind=WorkflowEventKind.WRITTEN, words=words, who=one.who)


def _delivered(story: WorkflowStory) -> Iterator[WorkflowEvent]:
    for one in story.workflow.stages:
        if one.published_at is not None:
            said = f"stage {one.stage} {one.agent}: {one.result.lower()}" + (f" ({one.said})" if one.said else "")
            words = f"{said}: {one.summary}" if one.summary else said
            yield WorkflowEvent(at=one.published_at, kind=WorkflowEventKind.DELIVERED, words=words, who=one.agent)


def _recovered(story: WorkflowStory) -> Iterator[WorkflowEvent]:
    for one in story.recoveries:
        stuck = f", after {one.stuck_duration_minutes} min" if one.stuck_duration_minutes is not None else ""
        words = f"{one.recovery_type}{stuck}: {one.recovery_action}{'' if one.success else '; it failed'}"
        yield WorkflowEvent(at=one.recovered_at, kind=WorkflowEventKind.RECOVERED, words=words)


def _disagreed(story: WorkflowStory) -> Iterator[WorkflowEvent]:
    for one in story.disagreements:
        words = f"{one.rule.kind}: {one.rule.what}"
        yield WorkflowEvent(at=one.first_seen, kind=WorkflowEventKind.DISAGREED, words=words)
        if one.settled_at is not None:
            yield WorkflowEvent(at=one.settled_at, kind=WorkflowEventKind.SETTLED, words=f"{one.rule.kind}, as above")


def agent_of(stage: int | None, pipeline: Pipeline) -> Mapping[str, str]:
    """Whose stage that is, and what it delivers; both empty: there is no such stage."""
    found = next((one for one in pipeline.stages if one.index == stage), None)
    return {"agent": "", "kind": ""} if found is None else {"agent": found.agent, "kind": found.kind}
