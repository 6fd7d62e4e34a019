"""The estate's own work, as the client's tables keep it: its workflows, and how they were put back on track."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class WorkflowLine:
    """Where one workflow stands.

    Attributes:
        req_number: its name, like REQ-123.
        title: for a person; None: none was given.
        assigned_to: the agent whose turn it is.
        current_stage: the index of its stage.
        status: pending, running, blocked, complete or failed.
        started_at: None: not yet.
        completed_at: None: not yet.
        stage_deliverables: what each stage has delivered.
        created_at: when it was written first.
        updated_at: when it was written last.
    """

    req_number: str
    title: str | None
    assigned_to: str | None
    current_stage: int | None
    status: str | None
    started_at: datetime | None
    completed_at: datetime | None
    stage_deliverables: Mapping[str, Any] | None
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class RecoveryLine:
    """One recovery of a workflow.

    Attributes:
        id: its row.
        req_number: which workflow.
        recovery_type: AUTO_RESUME, MARK_PENDING, MARK_COMPLETE or MARK_BLOCKED.
        stuck_duration_minutes: how long it had been stuck; None: not known.
        last_completed_stage: a stage's index; None: none.
        recovery_action: what was done.
        success: whether that succeeded.
        recovered_at: when.
    """

    id: UUID
    req_number: str
    recovery_type: str
    stuck_duration_minutes: int | None
    last_completed_stage: int | None
    recovery_action: str
    success: bool
    recovered_at: datetime
