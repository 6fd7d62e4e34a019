"""What people read of logs: errors, what they made us suspect, and what was lost."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from selfheal.model.admission import Decision
from selfheal.model.log import LogSeverity


class ErrorStatus(StrEnum):
    """What a person makes of an error; as in `system_errors`."""

    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    RESOLVED = "RESOLVED"
    IGNORED = "IGNORED"


@dataclass(frozen=True, kw_only=True)
class ErrorFilter:
    """Which errors.

    Attributes:
        component: whose; empty: of any.
        status: None: any.
        signature: its beginning; empty: any.
    """

    component: str = ""
    status: ErrorStatus | None = None
    signature: str = ""


@dataclass(frozen=True, kw_only=True)
class ErrorLine:
    """Lines of one signature, taken together.

    Attributes:
        id: of the row.
        component: whose; may be empty.
        source: the log; empty: somebody else counts it.
        pattern: that fits; the same.
        signature: its identity; empty: it was given none.
        severity: how bad.
        status: what a person makes of it.
        message: the first line, without secrets.
        count: how many lines, of all time.
        first_at: when the first one was counted.
        last_at: when the last one was.
    """

    id: UUID
    component: str
    source: str
    pattern: str
    signature: str
    severity: LogSeverity
    status: ErrorStatus
    message: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, kw_only=True)
class SuspicionLine:
    """What lines of a log suggested, and what admission answered.

    Attributes:
        id: of the trigger.
        source: the log.
        pattern: that has reached its threshold.
        component: the suspect.
        reason: how many lines, of which signature, and the first of them.
        raised_at: when.
        decision: admission's answer; None: it is due.
        why: the answer in words.
        attempt_id: what heals it, or stood in the way; None: nothing.
        fault_id: the fault; None: there is none.
    """

    id: UUID
    source: str
    pattern: str
    component: str
    reason: str
    raised_at: datetime
    decision: Decision | None
    why: str
    attempt_id: UUID | None
    fault_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class GapLine:
    """Lines that nobody can count.

    Attributes:
        id: of the row.
        source: the log.
        kind: TRUNCATED, REPLACED or FORGOTTEN.
        detail: where, and how much at least.
        found_at: when it was noticed.
    """

    id: UUID
    source: str
    kind: str
    detail: str
    found_at: datetime
