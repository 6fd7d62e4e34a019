"""Rows of the estate's workflows as values."""

from typing import Any

from sqlalchemy import Row

from selfheal.model.workflow import Workflow, WorkflowChange, WorkflowStatus


def workflow_of(row: Row[Any]) -> Workflow:
    """One workflow."""
    return Workflow(
        req_number=row.req_number,
        title=row.title or "",
        assigned_to=row.assigned_to or "",
        priority=row.priority,
        current_stage=row.current_stage or 0,
        status=WorkflowStatus(row.status),
        file_status=row.file_status,
        started_at=row.started_at,
        completed_at=row.completed_at,
        stage_deliverables=row.stage_deliverables if isinstance(row.stage_deliverables, dict) else {},
        version=row.version,
        updated_at=row.updated_at,
        created_at=row.created_at,
        under_way_since=row.under_way_since,
        held_why=row.held_why or "",
    )


def change_of(row: Row[Any]) -> WorkflowChange:
    """One row of the history."""
    return WorkflowChange(
        req_number=row.req_number,
        from_status=None if row.from_status is None else WorkflowStatus(row.from_status),
        to_status=WorkflowStatus(row.to_status),
        from_stage=row.from_stage,
        to_stage=row.to_stage or 0,
        file_status=row.file_status,
        who=row.who,
        why=row.why,
        at=row.at,
        by_person=row.by_person,
        version=row.version,
    )
