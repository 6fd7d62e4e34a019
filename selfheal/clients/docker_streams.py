"""What a Docker engine tells as it happens: names in its events, entries of a log; `docker` gives them out."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfheal.clients.docker_api import Stream


class Changes:
    """Fulfils `ports.Changes`: the names in an engine's events."""

    def __init__(self, stream: "Stream") -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[str]:
        for event in self._stream:
            attributes = (event.get("Actor") or {}).get("Attributes") or {}
            yield from (str(attributes[key]).removeprefix("/") for key in ("name", "oldName") if attributes.get(key))

    def close(self) -> None:
        """End the stream."""
        self._stream.close()


class EntryStream:
    """Fulfils `ports.logs.LogStream`: a frame is an entry; a terminal has none, and its lines are entries."""

    def __init__(self, stream: "Stream", *, terminal: bool) -> None:
        self._stream, self._terminal = stream, terminal

    def __iter__(self) -> Iterator[bytes]:
        if not self._terminal:
            yield from self._stream
            return
        left = b""
        for chunk in self._stream:
            *lines, left = (left + chunk).split(b"\n")
            yield from (line + b"\n" for line in lines)

    def close(self) -> None:
        """End the stream."""
        self._stream.close()
