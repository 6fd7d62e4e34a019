"""The body of a request, read as a whole before any route sees it: bounded in size and time, also with all others."""

import asyncio
from collections.abc import Callable

from starlette.types import Message, Receive

LARGEST = 64 * 1024
LARGEST_OF_ALERTS = 1024 * 1024
"""Alertmanager sends a whole group at once."""
WITHIN_S = 10.0
MOST_TOGETHER = 64 * LARGEST_OF_ALERTS
"""Nobody needs a name to begin a body: whoever opens a thousand connections would have all our memory."""


class TooLarge(Exception):
    """It is larger than it may be; the rest of it was not read."""


class Gone(Exception):
    """The sender went away before it was complete."""


class Full(Exception):
    """The bodies that are here already leave no room for it; the rest of it was not read."""


class Room:
    """What the bodies of all requests have together, each from its first byte until its answer.

    Args:
        most: bytes.
    """

    def __init__(self, most: int = MOST_TOGETHER) -> None:
        self._left = most

    def take(self, size: int) -> None:
        """So many more bytes are here.

        Raises:
            Full: there is no room for them.
        """
        if size > self._left:
            raise Full
        self._left -= size

    def give_back(self, size: int) -> None:
        """So many are gone."""
        self._left += size


def largest(path: str) -> int:
    """Bytes that the body of a request to this path may have."""
    return LARGEST_OF_ALERTS if path.startswith("/intake/") else LARGEST


async def read(receive: Receive, *, length: str | None, at_most: int, take: Callable[[int], None]) -> bytes:
    """The whole of it.

    Args:
        receive: of ASGI.
        length: the Content-Length header.
        at_most: bytes.
        take: is told of each piece of it, before that is kept.

    Raises:
        TooLarge: more than that.
        Full: as `take` says.
        TimeoutError: it was sent too slowly.
        Gone: nobody is there any more.
    """
    if length is not None and (not length.isdecimal() or int(length) > at_most):
        raise TooLarge
    chunks = bytearray()
    async with asyncio.timeout(WITHIN_S):
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise Gone
            piece = message.get("body", b"")
            take(len(piece))
            chunks += piece
            if len(chunks) > at_most:
                raise TooLarge
            if not message.get("more_body", False):
                return bytes(chunks)


def again(body: bytes, receive: Receive) -> Receive:
    """A receive that gives what was read, then what comes from the sender: that it went away."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
