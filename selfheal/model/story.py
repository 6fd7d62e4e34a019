"""The story of one fault: everything that is known of it, and the same as events in the order of time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from selfheal.model.approval import Approval
from selfheal.model.report import FaultLine, HistoryLine, RefusalLine


@dataclass(frozen=True, kw_only=True)
class AttemptStory:
    """One attempt with what was seen and planned.

    Attributes:
        line: the attempt.
        seen: the observation before it was admitted; empty where nobody could look.
        steps: what the act was to do.
        parameters: what it depended on besides its target.
        rollback: the way back; None where there is none.
        evidence: what the act would have destroyed: state, last log lines.
    """

    line: HistoryLine
    seen: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    rollback: Mapping[str, Any] | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


class EventKind(StrEnum):
    """What happens to a fault."""

    DETECTED = "detected"
    REFUSED = "refused"
    ASKED = "asked"
    ANSWERED = "answered"
    MISSED = "start missed"
    ADMITTED = "admitted"
    ACTING = "acting"
    VERIFYING = "verifying"
    RECORDED = "recorded"
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened.

    Attributes:
        at: when; of counted ones, first.
        kind: what.
        words: the same for a person, in one sentence.
        attempt: the attempt that it is about; None: of the fault as a whole.
        approval: the question that it is about; None: of none.
        times: how often; more than 1 only for refusals.
        last_at: of counted ones, the last time.
    """

    at: datetime
    kind: EventKind
    words: str
    attempt: UUID | None = None
    approval: UUID | None = None
    times: int = 1
    last_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class FaultStory:
    """One fault with all that belongs to it.

    Attributes:
        fault: the fault.
        attempts: the oldest first.
        refusals: counted, the oldest first.
        questions: to people, the oldest first.
    """

    fault: FaultLine
    attempts: tuple[AttemptStory, ...]
    refusals: tuple[RefusalLine, ...]
    questions: tuple[Approval, ...]
