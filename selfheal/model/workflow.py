"""The estate's own work, as the client's tables keep it: its workflows, and how they were put back on track."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from selfheal.model.request import RequestStatus


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


class WorkflowStatus(StrEnum):
    """The client's five; the request file's own word stands beside it."""

    PENDING = "pending"
    RUNNING = "running"
    BLOCKED = "blocked"
    COMPLETE = "complete"
    FAILED = "failed"


STATUS_OF = {
    RequestStatus.NEW: WorkflowStatus.PENDING,
    RequestStatus.PENDING: WorkflowStatus.PENDING,
    RequestStatus.IN_PROGRESS: WorkflowStatus.RUNNING,
    RequestStatus.BLOCKED: WorkflowStatus.BLOCKED,
    RequestStatus.ESCALATED: WorkflowStatus.BLOCKED,
    RequestStatus.DEFERRED: WorkflowStatus.BLOCKED,
    RequestStatus.COMPLETE: WorkflowStatus.COMPLETE,
    RequestStatus.FAILED: WorkflowStatus.FAILED,
    RequestStatus.REJECTED: WorkflowStatus.FAILED,
}
"""What `workflow_state` says where the file says this."""


class RecoveryType(StrEnum):
    """What a recovery did, as the client's table has it."""

    AUTO_RESUME = "AUTO_RESUME"  # pending at the next stage
    MARK_PENDING = "MARK_PENDING"  # pending from the beginning: no stage is done
    MARK_COMPLETE = "MARK_COMPLETE"
    MARK_BLOCKED = "MARK_BLOCKED"


@dataclass(frozen=True, kw_only=True)
class WorkflowChange:
    """One change of a workflow's state, as its history keeps it.

    Attributes:
        req_number: which workflow.
        from_status: None: it was created.
        to_status: where it went.
        from_stage: None: it was created.
        to_stage: the stage it stands at.
        file_status: the request file's word for it afterwards.
        who: the mechanism or person.
        why: for a person.
        at: when, by the database's clock.
        by_person: whether a person did it.
        version: that it made.
    """

    req_number: str
    from_status: WorkflowStatus | None
    to_status: WorkflowStatus
    from_stage: int | None
    to_stage: int
    file_status: str
    who: str
    why: str
    at: datetime
    by_person: bool = False
    version: int = 1


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """One workflow, as `workflow_state` has it.

    Attributes:
        req_number: its name.
        title: for a person.
        assigned_to: the agent whose turn it is.
        priority: P0 to P3; empty: unknown.
        current_stage: the index of the stage that it stands at.
        status: one of the client's five.
        file_status: the request file's word for it when it was written last.
        started_at: when its current run began; None: not yet.
        completed_at: None: not yet.
        stage_deliverables: what each stage has delivered, by its index as text.
        version: rises with each change; a change on an older one is refused.
        updated_at: when it was changed last.
        created_at: when it was taken in; None: not yet.
        under_way_since: nothing of it was delivered before; None: nobody knows.
        held_why: why it was not started when its turn had come; empty: nothing kept it.
    """

    req_number: str
    title: str
    assigned_to: str
    priority: str
    current_stage: int
    status: WorkflowStatus
    file_status: str
    started_at: datetime | None
    completed_at: datetime | None
    stage_deliverables: Mapping[str, Any]
    version: int
    updated_at: datetime
    created_at: datetime | None = None
    under_way_since: datetime | None = None
    held_why: str = ""

    def since(self, now: datetime) -> datetime | None:
        """Since when something may have been delivered; None: nobody knows. Of one that nobody has begun: now."""
        untouched = self.file_status == RequestStatus.NEW and self.status is WorkflowStatus.PENDING
        return now if untouched and self.started_at is None else self.under_way_since
