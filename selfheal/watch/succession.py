"""The end of a run of a watcher whose settings are not in force any more; both watchers ask here once a second.

A reload begins a new run at once. Until that watches, the old one looks on and begins no heal. Where none comes (no
Prefect server answers, say) the old one ends, and the flow goes on in its place with the new settings.
"""

from collections.abc import Callable

PATIENCE_S = 10.0
"""A new run watches within a few seconds where the machine is not overloaded."""


def never() -> bool:
    """Of settings that nobody can change."""
    return False


class Succession:
    """Not thread-safe but for `is_open`.

    Args:
        overtaken: whether other settings are in force.
        now: seconds that only rise.
    """

    def __init__(self, overtaken: Callable[[], bool], now: Callable[[], float]) -> None:
        self._overtaken, self._now = overtaken, now
        self._since: float | None = None

    def is_open(self) -> bool:
        """Whether a run with other settings is to take over: no heal is begun any more."""
        return self._overtaken()

    def is_late(self) -> bool:
        """Whether nobody has taken over for too long."""
        if not self._overtaken():
            self._since = None
            return False
        self._since = self._now() if self._since is None else self._since
        return self._now() >= self._since + PATIENCE_S
