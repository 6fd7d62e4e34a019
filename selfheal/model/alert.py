"""What people must be told, and the messages that tell them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Severity(StrEnum):
    """How bad it is, the mildest first."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return list(Severity).index(self)


class MessageKind(StrEnum):
    """What a message says."""

    ALERT = "ALERT"  # this has happened
    SUMMARY = "SUMMARY"  # and so many more of the same group
    REMINDER = "REMINDER"  # it is still open, and nobody has it
    ACKNOWLEDGED = "ACKNOWLEDGED"  # somebody has it
    RESOLVED = "RESOLVED"  # it is over
    TEST = "TEST"  # nothing has happened: does this channel work?


class DeliveryState(StrEnum):
    """Where one message stands on one channel."""

    WAITING = "WAITING"
    SENT = "SENT"
    FAILED = "FAILED"  # given up: the error says why
    AGGREGATED = "AGGREGATED"  # told in a summary
    SILENCED = "SILENCED"
    SKIPPED = "SKIPPED"  # the end of what this channel was never told, or a reminder that a later message replaces


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One row of the outbox: something has happened, or what was told under this key is over.

    Attributes:
        id: its own.
        resolved: whether it says that it is over.
        severity: how bad.
        dedup_key: the same for alerts about the same thing, like `fault/ID`.
        message: one sentence.
        details: more about it, e.g. every attempt on a fault.
        created_at: when that happened.
    """

    id: UUID
    resolved: bool = False
    severity: Severity
    dedup_key: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class OpenAlert:
    """What has happened under one key and is not over, or has just ended.

    Attributes:
        id: of the alert that opened it.
        dedup_key: the key.
        group: what is told together.
        severity: how bad.
        message: what was said last.
        component: that it is about; may be empty.
        episode: in which people were told; None: silenced so far.
        held: whether it waits for a summary.
        occurrences: how often it was raised.
        raised_at: first.
        acknowledged_by: who has it; empty: nobody.
        acknowledged_why: their words.
        acknowledgement_told: whether the channels know.
        resolved_at: None: it is open.
    """

    id: UUID
    dedup_key: str
    group: str
    severity: Severity
    message: str
    component: str = ""
    episode: UUID | None = None
    held: bool = False
    occurrences: int = 1
    raised_at: datetime
    acknowledged_by: str = ""
    acknowledged_why: str = ""
    acknowledgement_told: bool = False
    resolved_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Episode:
    """Alerts of one group and severity in a short time: told, reminded of and resolved together.

    Attributes:
        id: of its first message; PagerDuty knows it by that.
        group: what it is about.
        severity: of all its alerts.
        window_began: single messages are counted from here on.
        told: single messages since then.
        held: alerts since then that wait for the summary.
        total: alerts ever.
        is_open: people were told, and not yet that it is over.
        last_told_at: of the last message that calls for somebody.
        channels: where it was sent, or will be.
    """

    id: UUID
    group: str
    severity: Severity
    window_began: datetime
    told: int = 0
    held: int = 0
    total: int = 0
    is_open: bool = False
    last_told_at: datetime
    channels: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Silence:
    """A person's word that nobody is to be told of some alerts for a time.

    Attributes:
        id: its own.
        pattern: of dedup keys, groups, `KIND/COMPONENT` or components; `*` stands for anything.
        until: when it ends.
        who: the person.
        why: their reason.
        since: when it began.
        ended_by: who ended it before its time; empty: nobody.
    """

    id: UUID
    pattern: str
    until: datetime
    who: str
    why: str
    since: datetime
    ended_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Message:
    """What a channel is given.

    Attributes:
        id: the same at every delivery of it.
        kind: what it says.
        severity: how bad.
        group: what it is about.
        dedup_key: of the alert; of a message about several of them, their group.
        episode: the same from the first message to the one that it is over.
        message: one sentence.
        details: more about it.
        link: the page of ours that tells more; empty: there is none.
        created_at: when that happened.
    """

    id: UUID
    kind: MessageKind
    severity: Severity
    group: str
    dedup_key: str
    episode: UUID
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    link: str = ""
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        """The message as a webhook gets it."""
        return {
            "id": str(self.id),
            "kind": self.kind.value,
            "severity": self.severity.value,
            "group": self.group,
            "dedup_key": self.dedup_key,
            "episode": str(self.episode),
            "message": self.message,
            "details": dict(self.details),
            "link": self.link,
            "created_at": self.created_at.isoformat(),
        }
