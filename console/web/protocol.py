"""HTTP as uvicorn speaks it, but nobody may hold a connection without saying what they want.

uvicorn bounds the size of a request's head and the pause between two requests; how long the first byte, or the rest of
a head, may take it leaves open. Whoever sends a byte a minute on many connections would have them all.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_WITHIN_S = 10.0
"""From the connection's beginning, from each further head's first byte, and from an answer that is not all read."""
LARGEST_HEAD = 32 * 1024


class Impatient(H11Protocol):
    """Ends a connection whose next request's head is not there, or whose last answer is not read, in time."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head is awaited."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Some of a head, or of a body; a body's time is the door's business."""
        if self._deadline is None and self._between():
            self._await_head()
        super().data_received(data)
        if not self._between():
            self._settled()

    def on_response_complete(self) -> None:
        """What is left of it waits in our buffers, for a client that may never read; a close would wait with it."""
        super().on_response_complete()
        if self._deadline is None and self._between() and self.transport.get_write_buffer_size():
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more is awaited."""
        self._settled()
        super().connection_lost(exc)

    def _between(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_WITHIN_S, self._give_up)

    def _settled(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self.transport.abort()
