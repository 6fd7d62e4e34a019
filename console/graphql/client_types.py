"""The client's types, whose names, fields and nullability are fixed; a test holds them to the letter."""

from datetime import datetime

import strawberry

from selfheal.model.rate import SuccessRate
from selfheal.model.report import HistoryLine
from selfheal.model.workflow import RecoveryLine


@strawberry.type
class HealingAction:
    """One row of `healing_actions`: an attempt, or a transition of a breaker."""

    id: strawberry.ID
    trigger_type: str
    action_type: str
    target_component: str
    status: str
    success: bool | None
    execution_time_ms: int | None
    error_message: str | None
    created_at: datetime
    completed_at: datetime | None

    @classmethod
    def of(cls, line: HistoryLine) -> "HealingAction":
        """The row as the client has it."""
        return cls(
            id=strawberry.ID(str(line.attempt_id)),
            trigger_type=line.trigger_type,
            action_type=line.action_type,
            target_component=line.component,
            status=line.status,
            success=line.success,
            execution_time_ms=line.execution_ms,
            error_message=line.error,
            created_at=line.created_at,
            completed_at=line.completed_at,
        )


@strawberry.type
class WorkflowRecoveryEvent:
    """One row of `workflow_recovery_history`."""

    id: strawberry.ID
    req_number: str
    recovery_type: str
    stuck_duration_minutes: int | None
    last_completed_stage: int | None
    recovery_action: str
    success: bool
    recovered_at: datetime

    @classmethod
    def of(cls, line: RecoveryLine) -> "WorkflowRecoveryEvent":
        """The row as the client has it."""
        return cls(
            id=strawberry.ID(str(line.id)),
            req_number=line.req_number,
            recovery_type=line.recovery_type,
            stuck_duration_minutes=line.stuck_duration_minutes,
            last_completed_stage=line.last_completed_stage,
            recovery_action=line.recovery_action,
            success=line.success,
            recovered_at=line.recovered_at,
        )


@strawberry.type
class HealingSuccessRate:
    """One row of the success rates by action type."""

    action_type: str
    total_attempts: int
    successful: int
    failed: int
    success_rate_pct: float
    avg_execution_time_ms: float | None
    last_attempted: datetime

    @classmethod
    def of(cls, rate: SuccessRate) -> "HealingSuccessRate":
        """The row as the client has it."""
        return cls(
            action_type=rate.action_type,
            total_attempts=rate.attempts,
            successful=rate.successful,
            failed=rate.failed,
            success_rate_pct=rate.rate_pct,
            avg_execution_time_ms=rate.execution_ms,
            last_attempted=rate.last_attempted,
        )
