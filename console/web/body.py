"""The body of a request, read as a whole before any route sees it: bounded in size and in time."""

import asyncio

from starlette.types import Message, Receive

LARGEST = 64 * 1024
LARGEST_OF_ALERTS = 1024 * 1024
"""Alertmanager sends a whole group at once."""
WITHIN_S = 10.0


class TooLarge(Exception):
    """It is larger than it may be; the rest of it was not read."""


class Gone(Exception):
    """The sender went away before it was complete."""


def largest(path: str) -> int:
    """Bytes that the body of a request to this path may have."""
    return LARGEST_OF_ALERTS if path.startswith("/intake/") else LARGEST


async def read(receive: Receive, *, length: str | None, at_most: int) -> bytes:
    """The whole of it.

    Args:
        receive: of ASGI.
        length: the Content-Length header.
        at_most: bytes.

    Raises:
        TooLarge: more than that.
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
            chunks += message.get("body", b"")
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
