"""What else the domain needs of the outside: the time."""

from datetime import datetime
from typing import Protocol


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
