"""The estate's workflows as their stores were compared last, and where those disagree."""

from datetime import datetime

import strawberry

from console.graphql.page_types import PageInfo
from selfheal.model.deliverable import Presence
from selfheal.model.disagreement import Kind
from selfheal.model.page import Cursor, Page
from selfheal.model.workflow_report import DisagreementLine, StageSeen, WorkflowSeen
from selfheal.model.workflow_report import WorkflowEvent as Event
from selfheal.model.workflow_report import WorkflowStory as Story
from selfheal.policy.workflow_report import events_of

strawberry.enum(Presence, name="StagePresence")
strawberry.enum(Kind, name="WorkflowDisagreementKind")


@strawberry.type
class WorkflowStage:
    """One stage, and what is known of its deliverable: present, absent, or nobody can tell."""

    stage: int
    agent: str
    kind: str
    presence: Presence
    why: str
    result: str
    status: str
    summary: str
    published_at: datetime | None

    @classmethod
    def of(cls, one: StageSeen) -> "WorkflowStage":
        """From what was seen."""
        return cls(
            stage=one.stage,
            agent=one.agent,
            kind=one.kind,
            presence=one.presence,
            why=one.why,
            result=one.result,
            status=one.said,
            summary=one.summary,
            published_at=one.published_at,
        )


@strawberry.type
class WorkflowDisagreement:
    """One disagreement: what each store says, which rule settles it, and who."""

    id: strawberry.ID
    kind: Kind
    req_number: str
    file: str
    state: str
    evidence: str
    run: str
    rule: str
    settled_by: str
    advice: str
    note: str
    first_seen: datetime
    last_seen: datetime
    settled_at: datetime | None

    @classmethod
    def of(cls, line: DisagreementLine) -> "WorkflowDisagreement":
        """From the line."""
        return cls(
            id=strawberry.ID(str(line.id)),
            kind=line.rule.kind,
            req_number=line.req_number,
            file=line.file,
            state=line.state,
            evidence=line.evidence,
            run=line.run,
            rule=line.rule.rule,
            settled_by=line.rule.settler.value,
            advice=line.rule.advice,
            note=line.note,
            first_seen=line.first_seen,
            last_seen=line.last_seen,
            settled_at=line.settled_at,
        )


@strawberry.type
class SeenWorkflow:
    """One workflow, as the request file and `workflow_state` have it."""

    req_number: str
    title: str
    file_status: str | None
    status: str | None
    current_stage: int | None
    agent: str
    priority: str
    owner: str
    line: int | None
    since: datetime | None
    stuck: bool
    held_why: str
    disagreement_count: int
    stages: list[WorkflowStage]

    @classmethod
    def of(cls, one: WorkflowSeen) -> "SeenWorkflow":
        """From what was seen."""
        return cls(
            req_number=one.req_number,
            title=one.title,
            file_status=one.file_status,
            status=one.status,
            current_stage=one.current_stage,
            agent=one.agent,
            priority=one.priority,
            owner=one.owner,
            line=one.line,
            since=one.since,
            stuck=one.stuck,
            held_why=one.held_why,
            disagreement_count=one.disagreements,
            stages=[WorkflowStage.of(stage) for stage in one.stages],
        )


@strawberry.type
class WorkflowConnection:
    """One page of workflows, the latest changed first."""

    nodes: list[SeenWorkflow]
    page_info: PageInfo

    @classmethod
    def of(cls, page: Page[WorkflowSeen]) -> "WorkflowConnection":
        """From the page."""
        info = PageInfo.of(page, lambda one: Cursor(at=one.changed_at, id=one.id))
        return cls(nodes=[SeenWorkflow.of(one) for one in page.items], page_info=info)


@strawberry.type
class WorkflowEvent:
    """One thing that happened to a workflow."""

    at: datetime
    kind: str
    words: str
    who: str

    @classmethod
    def of(cls, event: Event) -> "WorkflowEvent":
        """From the event."""
        return cls(at=event.at, kind=event.kind.value, words=event.words, who=event.who)


@strawberry.type
class WorkflowStory:
    """One workflow, where its stores disagree, and everything that happened to it, the newest first."""

    workflow: SeenWorkflow
    disagreements: list[WorkflowDisagreement]
    timeline: list[WorkflowEvent]

    @classmethod
    def of(cls, story: Story) -> "WorkflowStory":
        """From the story."""
        return cls(
            workflow=SeenWorkflow.of(story.workflow),
            disagreements=[WorkflowDisagreement.of(one) for one in story.disagreements],
            timeline=[WorkflowEvent.of(one) for one in events_of(story)],
        )
