"""What telling people needs of the outside: channels, what is kept in Postgres, and what is kept while that is away."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from selfheal.model.alert import Alert, DeliveryState, Message
from selfheal.model.alert_rules import Rules
from selfheal.model.delivery import Claimed, Spooled


class AlertChannel(Protocol):
    """A way to tell people; any number of threads may call it."""

    def send(self, message: Message) -> str | None:
        """Deliver it once, in bounded time; gives what a person must know of it although it was taken.

        Raises:
            Busy: it asks to be left alone for a while.
            Transient: it was not taken, and may be later.
            Permanent: it was refused, and nothing but other settings changes that.
        """
        ...


class AlertOutbox(Protocol):
    """What people must be told."""

    def note_ends(self) -> None:
        """Write down the end of what ends by time, or by what somebody sees."""
        ...

    def route(self, rules: Rules) -> int:
        """Decide what is sent where; how many rows of the outbox were taken."""
        ...

    def urgent(self, channels: Collection[str]) -> bool:
        """Whether something CRITICAL waits to be decided, or for its first try on one of these channels."""
        ...

    def put(self, rows: Sequence[Alert]) -> None:
        """Write rows that were made elsewhere, each once by its id."""
        ...


class AlertDeliveries(Protocol):
    """Messages on their way."""

    def claim(self, channel: str, *, lease: timedelta) -> Claimed | None:
        """The next one that is due on this channel; nobody else gets it for `lease`."""
        ...

    def settle(self, delivery: UUID, state: DeliveryState, *, error: str = "") -> bool:
        """It has come to its end; False: it had before."""
        ...

    def again(self, delivery: UUID, *, after: timedelta, error: str) -> None:
        """It was not taken, and comes again."""
        ...

    def pause(self, channel: str, *, lasts: timedelta) -> None:
        """Nothing goes to this channel for a while."""
        ...

    def forsake(self, channels: Collection[str]) -> None:
        """Give up what waits for any other channel."""
        ...


class AlertSpool(Protocol):
    """What people must be told, kept in a file while the database is away. All of it raises `Transient`."""

    def add(self, alert: Alert) -> bool:
        """Keep it, unless one with its key is there or the spool is full; whether it was added."""
        ...

    def due(self, now: datetime, *, again: timedelta) -> Sequence[Spooled]:
        """What nobody has tried to send since `again`; it counts as tried from now on."""
        ...

    def told(self, alert: UUID, channel: str) -> None:
        """This channel has taken it."""
        ...

    def entries(self) -> Sequence[Spooled]:
        """All of it."""
        ...

    def clear(self, alerts: Collection[UUID]) -> None:
        """These are in the outbox."""
        ...
