"""Connections that say too little, or too much, on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from console.web import protocol
from console.web.__main__ import _uvicorn
from selfheal.settings.web import Web

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
MUCH = 32 * 1024 * 1024
"""Bytes: more than the buffers of both ends take."""


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[int]:
    """The application as the process serves it, on a port of its own."""
    config = _uvicorn(app, Web(), 0)
    config.lifespan = "off"
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    yield server.servers[0].sockets[0].getsockname()[1]
    await server.shutdown()


async def fine(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.mark.parametrize(
    ("said", "answers"),
    [(b"", 0), (REQUEST[:-2], 0), (REQUEST + REQUEST[:-2], 1), (REQUEST, 1)],
    ids=["nothing", "half a head", "half of a second head", "nothing more"],
)
def test_who_does_not_say_what_they_want_is_sent_away(
    monkeypatch: pytest.MonkeyPatch, said: bytes, answers: int
) -> None:
    """No connection is held by half a head, or by none: the server ends it."""
    monkeypatch.setattr(protocol, "HEAD_WITHIN_S", 0.2)
    monkeypatch.setattr("console.web.__main__.KEEP_ALIVE_S", 1)

    async def call() -> bytes:
        async with asyncio.timeout(10), served(fine) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            heard = b""
            try:
                while more := await reader.read(4096):
                    heard += more
            except ConnectionResetError:
                pass
            writer.close()
            return heard

    assert asyncio.run(call()).count(b"200 OK") == answers


@pytest.mark.parametrize("wish", [b"", b"connection: close\r\n"], ids=["kept alive", "to be closed"])
def test_who_reads_no_answer_is_sent_away(monkeypatch: pytest.MonkeyPatch, wish: bytes) -> None:
    """What was to be sent to them is given up with the connection, and not kept until they read it."""
    monkeypatch.setattr(protocol, "HEAD_WITHIN_S", 0.2)
    monkeypatch.setattr("console.web.__main__.KEEP_ALIVE_S", 1)
    gone = asyncio.Event()
    lost = protocol.Impatient.connection_lost

    def noted(self: protocol.Impatient, exc: Exception | None) -> None:
        lost(self, exc)
        gone.set()

    async def much(_scope: Any, _receive: Any, send: Any) -> None:
        length = b"%d" % MUCH
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": b"x" * MUCH})

    async def call() -> None:
        async with asyncio.timeout(10), served(much) as port:
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(REQUEST[:-2] + wish + b"\r\n")
                await gone.wait()

    monkeypatch.setattr(protocol.Impatient, "connection_lost", noted)
    asyncio.run(call())


def test_an_answer_may_take_longer_than_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has said what they want is waited for."""
    monkeypatch.setattr(protocol, "HEAD_WITHIN_S", 0.1)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.3)  # longer than a head may take
        await fine(scope, receive, send)

    async def call() -> bytes:
        async with asyncio.timeout(10), served(slow) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            heard = await reader.readuntil(b"ok")
            writer.close()
            return heard

    assert b"200 OK" in asyncio.run(call())


def test_a_head_is_bounded() -> None:
    """A head larger than 32 KiB is refused before any of ours has seen it."""

    async def call() -> bytes:
        async with asyncio.timeout(10), served(fine) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST[:-2] + b"x: " + b"y" * protocol.LARGEST_HEAD)
            heard = await reader.readuntil(b"\r\n")
            writer.close()
            return heard

    assert b" 400 " in asyncio.run(call())
