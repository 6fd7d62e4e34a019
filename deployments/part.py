"""What a part of the running stack is and what can be said about it; `supervisor` works on these."""

import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


def nothing() -> None:
    """Do nothing: the default of a part that needs no care after a start."""


def always() -> bool:
    """Say yes: the default readiness of a part that is ready as soon as it lives."""
    return True


@dataclass(frozen=True, kw_only=True)
class Part:
    """One long-lived child process, or a server of somebody else's that is waited for."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]] | None
    """Starts the process and returns at once; called in the main thread, again after each exit. None: it is a server
    of somebody else's, which is waited for, and never started, restarted or stopped."""
    ready: Callable[[], bool] = always
    """Asks the process whether it works; called in a thread, bounded by its own time-out."""
    on_ready: Callable[[], None] = nothing
    """Runs in a thread after each start, before the part counts as ready; if it raises, again."""
    depends_on: frozenset[str] = frozenset()
    """Parts that must be ready before this one is started; they also stop after it."""
    log: Path | None = None
    """The file that `start` appends to: rotated before a start when it is large."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_seconds: float = 10.0
    """Patience between the stop signal and SIGKILL."""
    start_timeout_seconds: float = 120.0
    """A process that is not ready by then is killed and started again."""
    probe_every_seconds: float = 5.0
    unready_limit: int = 6
    """Failed probes in a row after which a living process counts as frozen (30 s by default)."""


class State(StrEnum):
    """Where a part stands."""

    WAITING = "waiting"  # for a part that it depends on
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"  # it exited; the back-off runs
    AWAY = "away"  # a server of somebody else's that is waited for
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class PartStatus:
    """One line of `selfheal status`."""

    name: str
    state: State
    pid: int | None
    restarts: int
    """Starts after the first."""
    last_exit: str
    """Why the process last ended, in words; empty when it never has. Of a server of somebody else's: why it is away."""
    outside: bool = False
    """Whether it is a server of somebody else's."""
