"""What people read of alerts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from selfheal.model.alert import DeliveryState, MessageKind, Severity


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"  # open, and somebody has it
    OVER = "OVER"


@dataclass(frozen=True, kw_only=True)
class AlertLine:
    """One alert.

    Attributes:
        id: its own.
        dedup_key: its key.
        group: what is told together.
        severity: how bad.
        state: where it stands.
        message: what was said last.
        component: that it is about; may be empty.
        occurrences: how often it was raised.
        silenced: whether nobody was told so far.
        raised_at: first.
        acknowledged_at: when somebody took it; None: nobody has.
        acknowledged_by: who.
        acknowledged_why: their words.
        resolved_at: when it was over; None: it is open.
    """

    id: UUID
    dedup_key: str
    group: str
    severity: Severity
    state: AlertState
    message: str
    component: str
    occurrences: int
    silenced: bool
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    acknowledged_why: str
    resolved_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class DeliveryLine:
    """One message on one channel.

    Attributes:
        id: its own.
        channel: where it goes.
        kind: what the message says.
        state: where it stands.
        severity: how bad.
        dedup_key: of the alert, or the group.
        message: what is said.
        tries: so far.
        next_try_at: when it is tried next; only while it waits.
        error: why it was not taken, or was given up; may be empty.
        created_at: since when it is to be sent.
        sent_at: when it was taken; None: it was not.
    """

    id: UUID
    channel: str
    kind: MessageKind
    state: DeliveryState
    severity: Severity
    dedup_key: str
    message: str
    tries: int
    next_try_at: datetime
    error: str
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ChannelTrouble:
    """A channel that did not take what it was to take minutes ago.

    Attributes:
        channel: its name.
        since: of the eldest message that waits for it.
        error: what it said last.
    """

    channel: str
    since: datetime
    error: str


@dataclass(frozen=True, kw_only=True)
class AlertCounts:
    """How telling people goes.

    Attributes:
        undecided: rows of the outbox about which nothing was decided yet; many: there is no channel, or nothing runs.
        waiting: messages that wait for a channel.
        failed: deliveries that were given up in the last 24 hours.
        open: alerts that are open and nobody's.
    """

    undecided: int
    waiting: int
    failed: int
    open: int
