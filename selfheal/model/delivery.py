"""A message in the hands of a process, and an alert that waits in a file."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from selfheal.model.alert import Alert, Message


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """One delivery in the hands of this process.

    Attributes:
        id: its own.
        message: what is to be sent.
        tries: with this one.
        age: since it was to be sent first.
        told: whether this channel has taken a message of the same episode before.
        overtaken: whether a later message of the same episode waits for it.
    """

    id: UUID
    message: Message
    tries: int
    age: timedelta
    told: bool
    overtaken: bool


@dataclass(frozen=True, kw_only=True)
class Spooled:
    """An alert that was raised while the database was away.

    Attributes:
        alert: what it says.
        told: the channels that took it directly.
        tried_at: when somebody last tried; None: nobody has.
    """

    alert: Alert
    told: frozenset[str] = field(default_factory=frozenset)
    tried_at: datetime | None = None
