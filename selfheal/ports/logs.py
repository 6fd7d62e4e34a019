"""What log-monitor asks of the world: logs to read, and a place for what was found in them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from selfheal.model.log import LogGap, LogRules, LogSource, LogStanding, LogStep
from selfheal.model.observation import Incarnation
from selfheal.model.trigger import Trigger


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPiece:
    """Lines of a log; its buffer is the reader's own, and filled anew for the next piece.

    Attributes:
        data: holds them.
        end: where they end; they begin at 0.
        open: whether the last line goes without its end: it is longer than what is looked at, or the file ends.
    """

    data: bytes | bytearray
    end: int
    open: bool = False


class LogReader(Protocol):
    """Reads one log on from where it was left; used by one thread."""

    def resume(self, position: Mapping[str, Any] | None) -> None:
        """Go on from there, whatever was read since; None: it was never looked at."""
        ...

    def pieces(self) -> Iterator[LogPiece]:
        """What there is to read now, whole lines, and nothing that was read before.

        `NotAllowed`: a person must do something first. `Transient`: another time.
        """
        ...

    def position(self) -> Mapping[str, Any]:
        """How far it was read, as JSON for `resume`."""
        ...

    def take_gaps(self) -> Sequence[LogGap]:
        """What was found to be lost since this was asked, or since `resume`."""
        ...

    def behind(self) -> int:
        """Bytes that are there and were not read yet, as far as that can be told."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class LogStream(Protocol):
    """What a container says, as it says it."""

    def __iter__(self) -> Iterator[bytes]:
        """Entry by entry, each with its time in front; one that is no whole line lacks the line's end.

        Ends when the container ends, when the engine dies, or with `close`.
        """
        ...

    def close(self) -> None:
        """End the stream, whoever reads it."""
        ...


class ContainerLogs(Protocol):
    """A Docker engine, asked for logs."""

    def container(self, name: str) -> Incarnation:
        """One container, looked at afresh; without an id if none has the name."""
        ...

    def log(self, container_id: str, *, since: int) -> LogStream:
        """Its log from this second on, and what it says from now on."""
        ...


class LogStore(Protocol):
    """Positions and what was counted, always committed together. `Transient`: the database is away."""

    def standing(self, source: LogSource) -> LogStanding:
        """How far this log was read; one that the settings have found another place for was never looked at."""
        ...

    def commit(self, source: LogSource, rules: LogRules, step: LogStep) -> tuple[LogStanding, Sequence[Trigger]] | None:
        """Write what was taken, how far, and what is left; the triggers that are due because of it.

        None: somebody else has read on since `step.before`, and nothing was written.
        """
        ...

    def trouble(self, source: LogSource, words: str) -> None:
        """Note why it cannot be read now; a person is told when that begins, or changes, and when it is over."""
        ...

    def leave(self, followed: Collection[str]) -> None:
        """The trouble of any log but these is over: the settings name it no more."""
        ...

    def due(self, *, limit: int, pause: timedelta) -> Sequence[Trigger]:
        """Triggers that whoever raised them did not dispatch; nobody else gets them for `pause`."""
        ...
