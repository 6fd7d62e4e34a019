"""The embedded NATS server: credentials, JetStream, and what a restart keeps."""

import asyncio
from pathlib import Path

import nats
import nats.errors
import psutil
import pytest
from embedded_fixtures import Embedded, is_root, opened, running


async def _stored(embedded: Embedded, payload: bytes | None) -> int:
    """Put one message into a stream, or none, and return how many it holds."""
    server = embedded.servers.nats
    client = await nats.connect(server.url, user=server.user, password=server.password)
    try:
        stream = client.jetstream()
        await stream.add_stream(name="kept", subjects=["kept.>"])
        if payload is not None:
            await stream.publish("kept.one", payload)
        return (await stream.stream_info("kept")).state.messages
    finally:
        await client.close()


async def _refused(url: str) -> None:
    async def silent(_: Exception) -> None:
        """Say nothing: the connect itself raises."""

    with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
        await nats.connect(url, allow_reconnect=False, connect_timeout=5, error_cb=silent)


def test_keeps_streams_and_asks_for_a_password(scratch: Path) -> None:
    """Streams survive a kill -9, strangers are refused, and the server is on loopback as another user."""
    with opened(scratch) as embedded:
        server = embedded.servers.nats
        with running(server.start(), server.ready) as process:
            asyncio.run(_refused(server.url))
            assert asyncio.run(_stored(embedded, b"one")) == 1
            inside = psutil.Process(process.pid)
            assert {c.laddr.ip for c in inside.net_connections() if c.status == "LISTEN"} == {"127.0.0.1"}
            assert inside.uids().effective != 0 or not is_root()
        with running(server.start(), server.ready):
            assert asyncio.run(_stored(embedded, None)) == 1
        assert (server.folder / "nats.conf").stat().st_mode & 0o077 == 0


def test_is_not_ready_for_a_wrong_password(scratch: Path) -> None:
    """The probe asks what a client asks: a server that would refuse us is not ready."""
    with opened(scratch) as embedded:
        server = embedded.servers.nats
        assert not server.ready()
        with running(server.start(), server.ready):
            stranger = type(server)(
                folder=server.folder, log=server.log, port=server.port, user=server.user, password="wrong"
            )
            assert not stranger.ready()
