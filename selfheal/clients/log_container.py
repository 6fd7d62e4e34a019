"""Reads the log of a container through Docker's engine: on from where it was left, into the container that comes next.

A thread follows the engine and puts what it says into a bounded queue; the reading thread takes it from there, and only
it knows what was taken. Fulfils `ports.LogReader`.
"""

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfheal.clients.log_entries import FROM_START, Anchor, Standpoint, of_json, split_stamp
from selfheal.model.errors import SelfhealError
from selfheal.model.log import LONGEST_LINE, LogGap
from selfheal.model.observation import Incarnation
from selfheal.ports.logs import ContainerLogs, LogPiece, LogStream

PIECE = 1 << 18
_WAITING = 4096
"""Entries in the queue; each has at most 16 KiB."""
_AGAIN_S = 1.0
_PUT_S = 0.2


@dataclass(frozen=True, kw_only=True)
class _Began:
    """The container that is followed from now on."""

    life: Incarnation


@dataclass(frozen=True, kw_only=True)
class _Ended:
    """Nothing more comes; why, if that is an error.

    Attributes:
        error: of the engine.
        drained: the life that has said all that it will say.
        told: the id of the container whose log was told to its end.
    """

    error: SelfhealError | None = None
    drained: Incarnation | None = None
    told: str = ""


class ContainerLog:
    """One log; used by one thread.

    Args:
        name: Docker's name of the container.
        engine: whose container it is.
        from_start: whether what it has said before the first look is read.
    """

    def __init__(self, name: str, engine: ContainerLogs, *, from_start: bool) -> None:
        self._name, self._engine, self._from_start = name, engine, from_start
        self._at = Standpoint()
        self._first, self._resumed = True, False
        self._error: SelfhealError | None = None
        self._follower: _Follower | None = None
        self._drained: Incarnation | None = None
        self._told = ""
        self._not_before = 0.0
        self._text = bytearray()
        self._line = bytearray()
        self._pending: list[str] = []
        self._gaps: list[LogGap] = []

    def resume(self, position: Mapping[str, Any] | None) -> None:
        """See `ports.LogReader.resume`; where nothing was taken since, what follows goes on."""
        if self._resumed and position == self.position() and not (self._text or self._line or self._pending):
            return
        self.close()
        self._resumed = True
        self._at = Standpoint() if position is None else of_json(position)
        self._first = position is None
        self._drained, self._told = None, ""
        self._clear()
        self._gaps = []

    def pieces(self) -> Iterator[LogPiece]:
        """See `ports.LogReader.pieces`."""
        if self._follower is None and time.monotonic() >= self._not_before:
            self._begin()
        while (said := self._next()) is not None:
            if isinstance(said, bytes):
                self._take(said)
            elif isinstance(said, _Began):
                self._enter(said.life)
            else:
                self._end(said)
            if len(self._text) >= PIECE:
                yield self._piece()
        if self._text:
            yield self._piece()
        if self._error is not None:
            raise self._error

    def position(self) -> Mapping[str, Any]:
        """See `ports.LogReader.position`."""
        return self._at.as_json()

    def take_gaps(self) -> Sequence[LogGap]:
        """See `ports.LogReader.take_gaps`."""
        if self._at.forgotten:
            self._at.forgotten = False
            detail = f"Docker has forgotten what {self._name} said after {self._at.last}: its log was rotated"
            self._gaps.append(LogGap(kind="FORGOTTEN", detail=detail))
        found, self._gaps = self._gaps, []
        return found

    def behind(self) -> int:
        """See `ports.LogReader.behind`; of an engine that cannot be told."""
        return 0

    def close(self) -> None:
        """See `ports.LogReader.close`."""
        if self._follower is not None:
            self._follower.close()
            self._follower = None

    def _begin(self) -> None:
        """Follow from where we stand."""
        if self._first and not self._from_start:
            self._at.anchors = [Anchor(second=int(time.time()))]
        self._at.begin()
        self._clear()
        self._follower = _Follower(
            self._name, self._engine, container=self._at.container, since=self._at.since, drained=self._drained
        )

    def _next(self) -> "bytes | _Began | _Ended | None":
        return None if self._follower is None else self._follower.next()

    def _end(self, ended: _Ended) -> None:
        """It is followed again after a while."""
        self._follower, self._not_before = None, time.monotonic() + _AGAIN_S
        self._drained = ended.drained or self._drained
        self._told = ended.told or self._told
        self._error = ended.error

    def _enter(self, life: Incarnation) -> None:
        """A container that was created anew begins a log of its own; the first one that is met may be in its middle."""
        self._error = None
        if self._at.container and self._at.container != life.id:
            if self._told != self._at.container:
                detail = f"{self._name} was created anew: what it said before that, after {self._at.last}, is not known"
                self._gaps.append(LogGap(kind="REPLACED", detail=detail))
            self._at = Standpoint(container=life.id)
        self._at.container = life.id
        self._first = False

    def _take(self, entry: bytes) -> None:
        """One entry: a line, or a part of one that is long."""
        stamp, text = split_stamp(entry)
        if not self._at.is_new(stamp):
            return
        self._pending.append(stamp)
        room = LONGEST_LINE + 1 - len(self._line)
        whole = text.endswith(b"\n")
        self._line += text.rstrip(b"\n")[:room] if room > 0 else b""
        if whole:
            self._text += self._line + b"\n"
            self._line.clear()
            for one in self._pending:
                self._at.take(one)
            self._pending.clear()

    def _piece(self) -> LogPiece:
        data = bytes(self._text)
        self._text.clear()
        return LogPiece(data=data, end=len(data))

    def _clear(self) -> None:
        self._text.clear()
        self._line.clear()
        self._pending.clear()


class _Follower:
    """A thread that follows one life of a container's log, once."""

    def __init__(
        self, name: str, engine: ContainerLogs, *, container: str, since: int, drained: Incarnation | None
    ) -> None:
        self._name, self._engine, self._container, self._since = name, engine, container, since
        self._drained = drained
        self._said: queue.Queue[bytes | _Began | _Ended] = queue.Queue(_WAITING)
        self._closed = threading.Event()
        self._stream: LogStream | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name=f"log of {name}", daemon=True)
        self._thread.start()

    def next(self) -> "bytes | _Began | _Ended | None":
        """What was said, if anything was."""
        try:
            return self._said.get_nowait()
        except queue.Empty:
            return None

    def close(self) -> None:
        """End it, whatever it waits for; a frozen engine is not waited for."""
        self._closed.set()
        with self._lock:
            if self._stream is not None:
                self._stream.close()

    def _follow(self) -> None:
        try:
            ended = self._once()
        except SelfhealError as error:
            ended = _Ended(error=error)
        self._put(ended)

    def _once(self) -> _Ended:
        life = self._engine.container(self._name)
        if not life.id or (self._drained is not None and life.same_life(self._drained)):
            return _Ended()
        since = self._since if self._container in {"", life.id} else FROM_START
        stream = self._engine.log(life.id, since=since)
        with self._lock:
            self._stream = stream
            if self._closed.is_set():
                stream.close()
        self._put(_Began(life=life))
        try:
            for entry in stream:
                if not self._put(entry):
                    break
        finally:
            stream.close()
        return _Ended(drained=None if life.running else life, told=life.id)

    def _put(self, said: "bytes | _Began | _Ended") -> bool:
        """Wait for room; False: nobody takes it any more."""
        while not self._closed.is_set():
            try:
                self._said.put(said, timeout=_PUT_S)
            except queue.Full:
                continue
            return True
        return False
