"""Says in lines what happens while a stack runs: `up` and `demo` print through this.

A line begins with the seconds since the start. Nobody reading (a closed pipe) must not stop the stack.
"""

import sys
import threading
import time
from typing import TextIO

from console.output import printable
from deployments.part import PartStatus, State

_STYLES = {State.READY: "green", State.RESTARTING: "yellow", State.AWAY: "yellow"}
_COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1"}


class Narrator:
    """Lines with their time; from any thread.

    Args:
        to: where, else stdout; colours only on a terminal.
        begun: the moment that counts as 0, as `time.time()`.
    """

    def __init__(self, *, to: TextIO | None = None, begun: float | None = None) -> None:
        self._to = to or sys.stdout
        self._colours = self._to.isatty()
        self._lock = threading.Lock()
        self._parts: dict[str, PartStatus] = {}
        self.begun = time.time() if begun is None else begun

    def say(self, words: str, *, style: str = "", at: float | None = None) -> None:
        """One line; `at` is the moment that it tells of, as `time.time()`."""
        since = (time.time() if at is None else at) - self.begun
        self.plain(f"{since:7.1f} s  {printable(words)}", style=style)

    def plain(self, words: str = "", *, style: str = "") -> None:
        """One line without a time."""
        if self._colours and style in _COLOURS:
            words = f"\x1b[{_COLOURS[style]}m{words}\x1b[0m"
        try:
            with self._lock:
                self._to.write(words + "\n")
                self._to.flush()
        except (OSError, ValueError):  # nobody reads any more
            return

    def parts(self, now: tuple[PartStatus, ...]) -> None:
        """One line per part that has changed."""
        for part in now:
            if part.outside and part.state in {State.STOPPING, State.STOPPED}:
                continue  # somebody else's server: it is we who stop
            before = self._parts.get(part.name)
            if before is None or _seen(before) != _seen(part):
                self._parts[part.name] = part
                if before is not None or part.state not in {State.WAITING, State.AWAY}:
                    self.say(_told(part), style=_STYLES.get(part.state, ""))


def _seen(part: PartStatus) -> tuple[State, int | None, str]:
    """What makes a new line; of a server of somebody else's also why it is away."""
    return part.state, part.pid, part.last_exit if part.outside else ""


def _told(part: PartStatus) -> str:
    words = f"{part.name:<12} {part.state}"
    if part.state in {State.RESTARTING, State.AWAY}:
        words += f" ({part.last_exit})"
    if part.pid is not None and part.state is State.STARTING:
        words += f" (process {part.pid})"
    return words
