"""The embedded NATS server: credentials, JetStream, and what a restart keeps."""

import asyncio
from pathlib import Path

import nats
import psutil
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


def test_keeps_streams(scratch: Path) -> None:
    """Streams survive a kill -9; the server listens on loopback and, under root, as another user."""
    with opened(scratch) as embedded:
        server = embedded.servers.nats
        with running(server.start(), server.ready) as process:
            assert asyncio.run(_stored(embedded, b"one")) == 1
            inside = psutil.Process(process.pid)
            assert {c.laddr.ip for c in inside.net_connections() if c.status == "LISTEN"} == {"127.0.0.1"}
            assert inside.uids().effective != 0 or not is_root()
        with running(server.start(), server.ready):
            assert asyncio.run(_stored(embedded, None)) == 1
        assert (server.folder / "nats.conf").stat().st_mode & 0o077 == 0


def test_refuses_a_wrong_password(scratch: Path) -> None:
    """A stranger is refused, and the probe finds it out: a server that refuses us is not ready."""
    with opened(scratch) as embedded:
        server = embedded.servers.nats
        assert not server.ready()
        with running(server.start(), server.ready):
            stranger = type(server)(
                folder=server.folder, log=server.log, port=server.port, user=server.user, password="wrong"
            )
            assert not stranger.ready()
