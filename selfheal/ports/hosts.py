"""What agent-health asks of the world: a host, and where what it saw is kept."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from selfheal.model.health import Measured
from selfheal.model.hearing import Heard
from selfheal.model.host import HostHealth, Usage


class HostClient(Protocol):
    """The host that we run on."""

    def usage(self) -> Usage:
        """What is used now; of a container with limits by these."""
        ...

    def disks(self, paths: Iterable[str]) -> tuple[dict[str, float], dict[str, str]]:
        """How full the disk of each path is in percent, and why that of each other cannot be told."""
        ...

    def unreadable(self, paths: Iterable[str]) -> dict[str, str]:
        """Why each of these files cannot be read; what can is not named."""
        ...


class HostStore(Protocol):
    """What is kept of looks at a host."""

    def recent(self, component: str, *, since: timedelta) -> Sequence[Measured]:
        """What was measured since then, the oldest first."""
        ...

    def record(self, rows: Sequence[Measured]) -> None:
        """Keep these; `Transient` while the database is away, and they wait for the next call."""
        ...

    def tell(self, key: str, message: str, *, severity: str, details: Mapping[str, Any]) -> bool:
        """Tell a person, unless this key is told of, as no less bad, and not over; whether they had to be told."""
        ...

    def over(self, prefix: str, *, but: Iterable[str]) -> Sequence[str]:
        """Say of each key with this prefix that is told of, but these, that it is over; gives the keys."""
        ...


class LooksAtHost(Protocol):
    """One look, and what follows from it."""

    def look(self) -> HostHealth:
        """Look now; nothing is kept and nobody told."""
        ...


class Listener(Protocol):
    """Hears what agent-health publishes."""

    def start(self) -> None:
        """Begin to listen."""
        ...

    def heard(self) -> Heard | None:
        """The newest message; None: none since it listens."""
        ...

    def close(self) -> None:
        """Stop."""
        ...
