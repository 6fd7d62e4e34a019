"""The real clock; bootstrap hands it to everything that waits, tests hand in one that does not."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Fulfils `ports.Clock` with the machine's clocks."""

    def now(self) -> datetime:
        """Aware UTC time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)
