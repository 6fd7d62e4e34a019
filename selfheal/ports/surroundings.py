"""What else the domain needs of the outside: somebody to tell, and the time."""

from datetime import datetime
from typing import Protocol

from selfheal.model.alert import Alert


class AlertChannel(Protocol):
    """A way to tell people."""

    def send(self, alert: Alert) -> None:
        """Deliver it once; `Transient` if it was not taken."""
        ...


class Clock(Protocol):
    """Time, so that tests can switch waiting off."""

    def now(self) -> datetime:
        """Aware UTC time."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...

    def wait(self, seconds: float) -> None:
        """Let that much time pass."""
        ...
