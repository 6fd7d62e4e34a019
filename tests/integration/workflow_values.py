"""Workflows, entries, deliverables, evidence and starts as tests make them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, insert

from selfheal.model.deliverable import Deliverable, Evidence, Presence, Result, StageEvidence
from selfheal.model.request import Entry, Reading
from selfheal.model.start import Start, StartState
from selfheal.model.workflow import RecoveryType, Workflow, WorkflowStatus
from selfheal.settings.workflows import Workflows
from selfheal.store.engine import transaction
from selfheal.store.tables import workflow_recovery_history

PIPELINE = Workflows().pipeline()
NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def a_workflow(name: str = "REQ-1", **values: Any) -> Workflow:
    """A pending one at its first stage."""
    fixed: dict[str, Any] = {
        "title": "",
        "assigned_to": "",
        "priority": "",
        "current_stage": 0,
        "status": WorkflowStatus.PENDING,
        "file_status": "PENDING",
        "started_at": None,
        "completed_at": None,
        "stage_deliverables": {},
        "version": 0,
        "updated_at": NOW,
    }
    return Workflow(req_number=name, **(fixed | values))


def delivered(stage: int, result: str = "DONE") -> dict[str, Any]:
    """What `stage_deliverables` keeps of one stage."""
    subject = f"{PIPELINE.stages[stage].subject}.REQ-1"
    return {"result": result, "subject": subject, "sequence": stage + 1, "published_at": NOW.isoformat()}


def an_entry(name: str = "REQ-1", **values: Any) -> Entry:
    """One of the request file."""
    fixed: dict[str, Any] = {"title": "", "status": "NEW", "priority": "", "owner": "", "line": 1, "status_line": 3}
    return Entry(id=name, **(fixed | values))


def reading_of(*entries: Entry) -> Reading:
    """A reading with these entries, and what follows from one that stands there twice."""
    lines = {one.id: tuple(each.line for each in entries if each.id == one.id) for one in entries}
    said = {one.id: tuple(dict.fromkeys(each.status for each in entries if each.id == one.id)) for one in entries}
    return Reading(
        entries=entries,
        duplicates={name: found for name, found in lines.items() if len(found) > 1},
        conflicts={name: found for name, found in said.items() if len(found) > 1},
        oddities=(),
        sha256="",
        size=1,
        read_at=NOW,
    )


def evidence_of(name: str, *said: Result | Presence, at: datetime = NOW) -> Evidence:
    """What each stage says; those that are not named are absent."""

    def one(stage: int) -> StageEvidence:
        found = said[stage] if stage < len(said) else Presence.ABSENT
        if isinstance(found, Presence):
            why = "the broker is away" if found is Presence.COULD_NOT_TELL else ""
            return StageEvidence(stage=stage, presence=found, why=why)
        subject = f"{PIPELINE.stages[stage].subject}.{name}"
        told = Deliverable(
            req_number=name, stage=stage, subject=subject, sequence=stage + 1, published_at=at, result=found
        )
        return StageEvidence(stage=stage, presence=Presence.PRESENT, deliverable=told)

    return Evidence(req_number=name, stages=tuple(map(one, range(len(PIPELINE.stages)))), read_at=at)


def a_start(**values: Any) -> Start:
    """One that was recorded now."""
    fixed: dict[str, Any] = {
        "id": UUID(int=1),
        "req_number": "REQ-1",
        "stage": 0,
        "agent": "agent",
        "breaker": "agent:agent",
        "generation": 0,
        "file_before": "NEW",
        "state": StartState.RECORDED,
        "claimed_at": NOW,
    }
    return Start(**(fixed | values))


def note_recovery(engine: Engine, type_: RecoveryType, *, success: bool = True) -> None:
    """Write down a recovery of REQ-1, as the outcome of a heal does."""
    values = {
        "req_number": "REQ-1",
        "recovery_type": type_.value,
        "stuck_duration_minutes": 95,
        "recovery_action": "retry",
        "success": success,
    }
    with transaction(engine) as connection:
        connection.execute(insert(workflow_recovery_history).values(values))
