"""An action that waits for a person's word."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What an action that does not act by itself would do, told to admission beforehand.

    Attributes:
        action: its name.
        fingerprint: of action, target and parameters; what is approved is this and nothing else.
        parameters: what the act depends on besides its target.
        steps: what it would do, for a person.
        blast_radius: what else it touches, in words.
        within: its heal would have been verified in this time.
    """

    action: str
    fingerprint: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    blast_radius: str = ""
    within: timedelta = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A question to a person.

    Attributes:
        id: its row.
        state: OPEN, EXPIRED, or OVERTAKEN by a recovery.
        action: what would be done.
        component: to what.
        asked_by: a person, or the watcher.
        why: the trigger's reason.
        preview: what it would do, step by step.
        blast_radius: what else it touches.
        asked_at: since when.
        expires_at: until when.
    """

    id: UUID
    state: str
    action: str
    component: str
    asked_by: str
    why: str
    preview: tuple[str, ...]
    blast_radius: str
    asked_at: datetime
    expires_at: datetime
