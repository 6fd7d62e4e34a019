"""The estate's workflows as they were when their stores were compared last, and where those disagree."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, DateTime, Engine, Integer, MetaData, Row, Select, String, Table, Uuid, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from selfheal.model.deliverable import Presence
from selfheal.model.disagreement import Kind, Rule
from selfheal.model.page import Page, Slice
from selfheal.model.pipeline import Pipeline
from selfheal.model.workflow import WorkflowChange
from selfheal.model.workflow_report import (
    Comparison,
    DisagreementLine,
    StageSeen,
    WorkflowFilter,
    WorkflowSeen,
    WorkflowsStanding,
    WorkflowStory,
)
from selfheal.policy.disagreement_rules import RULES
from selfheal.policy.recovery_turn import level
from selfheal.policy.workflow_report import agent_of, is_stuck
from selfheal.store.engine import transaction
from selfheal.store.file_changes import FileChangeRows
from selfheal.store.reading.keyset import page_of
from selfheal.store.reading.workflows import Workflows
from selfheal.store.tables import (
    workflow_comparisons,
    workflow_disagreements,
    workflow_state,
    workflow_state_history,
)
from selfheal.store.workflow_rows import change_of

SEEN = Table(
    "seen_workflows",
    MetaData(),
    Column("id", Uuid),
    *(Column(name, String) for name in ("req_number", "title", "file_status", "priority", "owner")),
    *(Column(name, String) for name in ("status", "assigned_to", "held_why")),
    *(Column(name, Integer) for name in ("line", "current_stage", "disagreements")),
    *(Column(name, DateTime(timezone=True)) for name in ("started_at", "completed_at", "updated_at", "changed_at")),
    Column("stages", JSONB),
)
"""The view of the same name."""
_SEEN, _FOUND, _CHANGES = SEEN.c, workflow_disagreements.c, workflow_state_history.c
_STORY = 100  # disagreements and recoveries that one story tells


class Comparisons:
    """Reads what the mechanisms that compare have written.

    Args:
        engine: the database, as any role that may read.
        pipeline: of the workflows, by the settings.
        many_orphans: more deliverables without a request than that are told as bad news.
    """

    def __init__(self, engine: Engine, pipeline: Pipeline, *, many_orphans: int) -> None:
        self._engine = engine
        self._pipeline = pipeline
        self._many_orphans = many_orphans
        self._workflows = Workflows(engine)
        self._files = FileChangeRows(engine)

    def page(self, wanted: Slice, only: WorkflowFilter = WorkflowFilter()) -> Page[WorkflowSeen]:  # noqa: B008 - frozen
        """One page of workflows, those that have changed last first."""
        now = datetime.now(UTC)
        key = (_SEEN.changed_at, _SEEN.id)
        return page_of(self._engine, _filtered(select(SEEN), only), key, wanted, lambda row: self._seen(row, now))

    def story(self, req_number: str) -> WorkflowStory | None:
        """One workflow; None: neither the file nor the state has it."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(SEEN).where(_SEEN.req_number == req_number)).first()
        if row is None:
            return None
        return WorkflowStory(
            workflow=self._seen(row, datetime.now(UTC)),
            disagreements=self.disagreements(req_number=req_number, settled=True, limit=_STORY),
            recoveries=self._workflows.recoveries(limit=_STORY, req_number=req_number),
            changes=self._changes(req_number),
            writes=self._files.of_request(req_number, limit=_STORY),
        )

    def _changes(self, req_number: str) -> Sequence[WorkflowChange]:
        """Its history, the newest first."""
        mine = (_CHANGES.req_number == req_number, _CHANGES.to_status.is_not(None))
        statement = select(workflow_state_history).where(*mine).order_by(_CHANGES.version.desc()).limit(_STORY)
        with transaction(self._engine) as connection:
            return [change_of(row) for row in connection.execute(statement)]

    def disagreements(
        self, *, limit: int, settled: bool = False, req_number: str | None = None
    ) -> Sequence[DisagreementLine]:
        """The open ones, a person's first and then the oldest; on demand also those that are settled.

        `req_number`: of one workflow; empty: of the file as a whole; None: of all.
        """
        order = (_FOUND.settled_at.is_not(None), _FOUND.person.desc(), _FOUND.first_seen, _FOUND.id)
        statement = select(workflow_disagreements).order_by(*order).limit(limit)
        if not settled:
            statement = statement.where(_FOUND.settled_at.is_(None))
        if req_number is not None:
            statement = statement.where(_FOUND.req_number == req_number)
        with transaction(self._engine) as connection:
            return [_line(row) for row in connection.execute(statement)]

    def standing(self) -> WorkflowsStanding:
        """How all of them stand."""
        latest = select(workflow_comparisons).order_by(workflow_comparisons.c.compared_at.desc())
        with transaction(self._engine) as connection:
            by_status = _counts(connection.execute(_count(workflow_state.c.status)).all())
            by_word = _counts(connection.execute(_count(_SEEN.file_status)).all())
            open_ones = select(_FOUND.person, func.count()).where(_FOUND.settled_at.is_(None)).group_by(_FOUND.person)
            found = {bool(person): int(count) for person, count in connection.execute(open_ones)}
            comparisons = [_comparison(row) for row in connection.execute(latest)]
        orphans = next((one.orphans for one in comparisons if one.orphans is not None), 0)
        return WorkflowsStanding(
            level=level(blocked=by_status.get("blocked", 0), orphans=orphans or 0, many_orphans=self._many_orphans),
            by_status=by_status,
            by_word=by_word,
            persons=found.get(True, 0),
            mechanisms=found.get(False, 0),
            comparisons=comparisons,
        )

    def _seen(self, row: Row[Any], now: datetime) -> WorkflowSeen:
        stages = tuple(_stage(one, self._pipeline) for one in row.stages or ())
        return WorkflowSeen(
            id=row.id,
            req_number=row.req_number,
            title=row.title,
            file_status=row.file_status,
            priority=row.priority,
            owner=row.owner,
            line=row.line,
            status=row.status,
            current_stage=row.current_stage,
            agent=row.assigned_to or agent_of(row.current_stage, self._pipeline)["agent"],
            since=row.updated_at,
            started_at=row.started_at,
            changed_at=row.changed_at,
            held_why=row.held_why or "",
            stages=stages,
            stuck=is_stuck(
                status=row.status,
                stage=row.current_stage,
                priority=row.priority,
                since=(row.started_at, row.updated_at),
                stages=stages,
                pipeline=self._pipeline,
                now=now,
            ),
            disagreements=row.disagreements,
        )


def _filtered(statement: Select[Any], only: WorkflowFilter) -> Select[Any]:
    """With the conditions that matter."""
    if only.status:
        statement = statement.where(_SEEN.status == only.status)
    if only.word:
        statement = statement.where(_SEEN.file_status == only.word)
    if only.text:
        found = (column.icontains(only.text, autoescape=True) for column in (_SEEN.req_number, _SEEN.title))
        statement = statement.where(or_(*found))
    return statement.where(_SEEN.disagreements > 0) if only.disagreeing else statement


def _count(column: Column[str]) -> Select[Any]:
    return select(column, func.count()).where(column.is_not(None)).group_by(column).order_by(column)


def _counts(rows: Sequence[Row[Any]]) -> Mapping[str, int]:
    return {str(row[0]): int(row[1]) for row in rows}


def _stage(one: Mapping[str, Any], pipeline: Pipeline) -> StageSeen:
    at = one.get("published_at")
    return StageSeen(
        stage=one["stage"],
        **agent_of(one["stage"], pipeline),
        presence=Presence(one["presence"]),
        why=one.get("why", ""),
        result=one.get("result", ""),
        said=one.get("status", ""),
        summary=one.get("summary", ""),
        published_at=None if at is None else datetime.fromisoformat(at),
        oddities=tuple(one.get("oddities", ())),
    )


def _line(row: Row[Any]) -> DisagreementLine:
    return DisagreementLine(
        id=row.id,
        rule=_rule(row.kind),
        req_number=row.req_number,
        file=row.file,
        state=row.state,
        evidence=row.evidence,
        run=row.run,
        note=row.note,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        settled_at=row.settled_at,
    )


def _rule(kind: str) -> Rule:
    """Of its kind."""
    return RULES[Kind(kind)]


def _comparison(row: Row[Any]) -> Comparison:
    return Comparison(
        mechanism=row.mechanism,
        compared_at=row.compared_at,
        file_read=row.file_sha256 is not None,
        requests=row.requests,
        untold=row.untold,
        why=row.why,
        orphans=row.orphans,
        orphans_at=row.orphans_at,
        moved=row.moved,
        held=row.held,
    )
