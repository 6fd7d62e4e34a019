"""Workflows, deliverables and evidence as tests make them."""

from datetime import UTC, datetime
from typing import Any

from selfheal.model.workflow import Workflow, WorkflowStatus
from selfheal.settings.workflows import Workflows

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
