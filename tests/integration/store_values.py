"""What the stores of workflows say, as tests make it."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from selfheal.model.deliverable import Deliverable, Evidence, Presence, Result, StageEvidence
from selfheal.model.pipeline import Pipeline
from selfheal.model.request import Entry, Reading, StatusChange
from selfheal.model.workflow import Workflow, WorkflowStatus
from selfheal.settings.workflows import Workflows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQ = "REQ-ITEM-001"
PIPELINE: Pipeline = Workflows().pipeline()
STAGES = range(len(PIPELINE.stages))
ALL = frozenset(STAGES)
P, R, B = WorkflowStatus.PENDING, WorkflowStatus.RUNNING, WorkflowStatus.BLOCKED
C, F = WorkflowStatus.COMPLETE, WorkflowStatus.FAILED


def entry(status: str, *, line: int = 3, name: str = REQ) -> Entry:
    return Entry(
        id=name,
        title="Stock",
        status=status,
        priority="P1",
        owner="anna",
        line=line,
        status_line=line + 2 if status else None,
    )


def reading(*entries: Entry, **changes: Any) -> Reading:
    values: dict[str, Any] = {"duplicates": {}, "conflicts": {}, "oddities": ()} | changes
    return Reading(entries=entries, sha256="0" * 64, size=100, read_at=NOW, **values)


def workflow(
    status: WorkflowStatus, *, stage: int = 0, said: str = "IN_PROGRESS", hours: float = 0.5, **more: Any
) -> Workflow:
    at = NOW - timedelta(hours=hours)
    values: dict[str, Any] = {"priority": "P1", "stage_deliverables": {}, "req_number": REQ} | more
    return Workflow(
        title="Stock",
        assigned_to="cynthia",
        current_stage=stage,
        status=status,
        file_status=said,
        started_at=at,
        completed_at=None,
        version=7,
        updated_at=at,
        **values,
    )


def evidence(
    done: Collection[int] = (), *, untold: Collection[int] = (), refused: Collection[int] = (), minutes: int = 20
) -> Evidence:
    """What was delivered, so many minutes ago; the rest is absent."""

    def stage(index: int) -> StageEvidence:
        if index in untold:
            return StageEvidence(stage=index, presence=Presence.COULD_NOT_TELL, why="the broker does not answer")
        if index not in {*done, *refused}:
            return StageEvidence(stage=index, presence=Presence.ABSENT)
        result = Result.REJECTED if index in refused else Result.DONE
        at = NOW - timedelta(minutes=minutes)
        found = Deliverable(req_number=REQ, stage=index, subject="a.b", sequence=1, published_at=at, result=result)
        return StageEvidence(stage=index, presence=Presence.PRESENT, deliverable=found)

    return Evidence(req_number=REQ, stages=tuple(stage(one) for one in STAGES), read_at=NOW)


def wrote(before: str, after: str) -> StatusChange:
    return StatusChange(
        req_number=REQ, line=5, before=before, after=after, sha256_before="", sha256_after="", backup=""
    )


def kept_of(stages: Collection[int]) -> dict[str, Any]:
    """What `stage_deliverables` keeps of these, which are done."""
    return {str(one): {"result": "DONE"} for one in stages}
