"""An action that waits for a person's word, and that word."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from selfheal.model.errors import NotAllowed


class ApprovalState(StrEnum):
    """How a question stands."""

    OPEN = "OPEN"
    APPROVED = "APPROVED"  # it waits for its run
    DENIED = "DENIED"
    EXPIRED = "EXPIRED"  # nobody answered in time, or what was approved could not begin in time
    OVERTAKEN = "OVERTAKEN"  # its fault was over before
    USED = "USED"
    CHANGED = "CHANGED"  # what was approved is no longer what would have been done


class Word(StrEnum):
    """A person's answer."""

    APPROVED = "APPROVED"
    DENIED = "DENIED"
    BREAK_GLASS = "BREAK_GLASS"  # one person's own word, where nobody else can answer


class AnswerRefusal(StrEnum):
    """Why a person's answer is not taken."""

    UNKNOWN = "UNKNOWN"
    WRONG_ROLE = "WRONG_ROLE"
    SELF_APPROVAL = "SELF_APPROVAL"
    ALREADY_ANSWERED = "ALREADY_ANSWERED"
    EXPIRED = "EXPIRED"
    OVERTAKEN = "OVERTAKEN"
    CHANGED = "CHANGED"
    NO_REASON = "NO_REASON"


class AnswerRefused(NotAllowed):
    """A person's answer is not taken; nothing was changed.

    Args:
        code: the refusal's name.
        message: what is wrong, in one sentence without a full stop.
        hint: what to do about it.
    """

    def __init__(self, code: AnswerRefusal, message: str, *, hint: str = "") -> None:
        super().__init__(f"{code}: {message}", hint=hint)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What an action that does not act by itself would do, told to admission beforehand.

    Attributes:
        action: its name.
        fingerprint: of action, target and parameters; what is approved is this and nothing else.
        parameters: what the act depends on besides its target.
        steps: what it would do, for a person.
        blast_radius: what else it touches, and what that risks, in words.
        within: its heal would have been verified in this time.
        evidence: what it saw when it planned: state, last log lines.
    """

    action: str
    fingerprint: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    blast_radius: str = ""
    within: timedelta = timedelta(0)
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A question to a person.

    Attributes:
        id: its row.
        state: how it stands.
        action: what would be done.
        component: to what.
        asked_by: a person, or the watcher.
        why: the trigger's reason.
        preview: what it would do, step by step.
        blast_radius: what else it touches, and what that risks.
        asked_at: since when.
        expires_at: until when it may be answered.
        fingerprint: of action, target and parameters; an answer names the one that its person saw.
        decision: the answer; None: there is none.
        decided_at: when it was given.
        decided_by: whose it is.
        decided_via: where it came in, one of `identity.Door`.
        decision_why: their reason.
        use_by: what was approved begins by then, or not at all; None: it was not approved.
        attempt_id: the heal that it was used for; None: for none.
    """

    id: UUID
    state: ApprovalState
    action: str
    component: str
    asked_by: str
    why: str
    preview: tuple[str, ...]
    blast_radius: str
    asked_at: datetime
    expires_at: datetime
    fingerprint: str
    decision: Word | None
    decided_at: datetime | None
    decided_by: str | None
    decided_via: str | None
    decision_why: str | None
    use_by: datetime | None
    attempt_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class EarlierAttempt:
    """What was tried before on the same fault.

    Attributes:
        id: its row.
        action: what was done.
        status: how it ended, or stands.
        created_at: when it was admitted.
        message: what happened; empty while it is under way.
    """

    id: UUID
    action: str
    status: str
    created_at: datetime
    message: str


@dataclass(frozen=True, kw_only=True)
class ApprovalDetail(Approval):
    """All that a person should know before they answer, and what became of it.

    Attributes:
        target: the canonical physical target.
        parameters: what the act depends on besides its target.
        evidence: what the action saw when it planned: state, last log lines.
        trigger_type: the kind of trigger that asked.
        priority: how urgent it was.
        fault_id: the fault that it is to mend.
        detected_at: when that was first seen.
        fault_closed_at: when that was over; None: it is not.
        attempts: on that fault, the oldest first; the one of this approval among them.
    """

    target: str
    parameters: Mapping[str, Any]
    evidence: Mapping[str, Any]
    trigger_type: str
    priority: str
    fault_id: UUID
    detected_at: datetime
    fault_closed_at: datetime | None
    attempts: tuple[EarlierAttempt, ...]

    @property
    def attempt(self) -> EarlierAttempt | None:
        """The heal that it was used for; None: for none."""
        return next((one for one in self.attempts if one.id == self.attempt_id), None)
