"""A message of clear-caches on a real broker: taken, or refused by the broker and told as that."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import nats
import pytest
from estate_fixtures import until

from deployments.embedded.nats import binary
from selfheal.clients.nats import NatsBroker
from selfheal.model.errors import Permanent

SOON = timedelta(seconds=10)
LOGIN = ("ada", "4711")
_CONFIGURATION = """
host: "127.0.0.1"
port: %d
authorization { users: [{ user: "ada", password: "4711", permissions: { publish: ["caches.>"], subscribe: [">"] } }] }
"""


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[str]:
    """A broker that takes messages below `caches` from us, and no others."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    (tmp_path / "nats.conf").write_text(_CONFIGURATION % port)
    url = f"nats://127.0.0.1:{port}"
    with subprocess.Popen([binary(), "-c", str(tmp_path / "nats.conf")], stderr=subprocess.DEVNULL) as server:
        try:
            until("it answers", lambda: NatsBroker().ping(url, credentials=LOGIN, timeout=SOON) >= 0)
            yield url
        finally:
            server.kill()


def test_a_message_arrives_once_and_a_forbidden_one_is_told(limited: str) -> None:
    """A subscriber gets exactly the one; the other is an error, although the library raises none."""

    async def listening() -> list[bytes]:
        got: list[bytes] = []
        client = await nats.connect(limited, user=LOGIN[0], password=LOGIN[1])
        subscription = await client.subscribe(">")
        await client.flush()
        publish = NatsBroker().publish
        await asyncio.to_thread(publish, limited, "caches.clear", b"now", credentials=LOGIN, timeout=SOON)
        with pytest.raises(Permanent, match="does not let us publish"):
            await asyncio.to_thread(publish, limited, "orders.drop", b"now", credentials=LOGIN, timeout=SOON)
        await client.flush()
        while subscription.pending_msgs:
            got.append((await subscription.next_msg()).data)
        await client.close()
        return got

    assert asyncio.run(listening()) == [b"now"]
