"""The body of a request, read as a whole before any route sees it: bounded in size and in time."""

import asyncio

from starlette.types import Message, Receive

LARGEST = 64 * 1024
WITHIN_S = 10.0


class TooLarge(Exception):
    """It is larger than `LARGEST`; the rest of it was not read."""


class Gone(Exception):
    """The sender went away before it was complete."""


async def read(receive: Receive, *, length: str | None) -> bytes:
    """The whole of it.

    Args:
        receive: of ASGI.
        length: the Content-Length header.

    Raises:
        TooLarge: more than that.
        TimeoutError: it was sent too slowly.
        Gone: nobody is there any more.
    """
    if length is not None and (not length.isdecimal() or int(length) > LARGEST):
        raise TooLarge
    chunks = bytearray()
    async with asyncio.timeout(WITHIN_S):
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise Gone
            chunks += message.get("body", b"")
            if len(chunks) > LARGEST:
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
