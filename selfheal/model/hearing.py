"""What has been heard on NATS of agent-health."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A message.

    Attributes:
        at: when it arrived; aware.
        host: whose agent-health has sent it.
        next_within: the next one was promised within this time.
    """

    at: datetime
    host: str
    next_within: timedelta
