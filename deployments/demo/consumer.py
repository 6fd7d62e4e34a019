"""The demo's consumer of its broker, run by the estate's supervisord: healthy on `/health` while connected.

It reconnects for ever, so that a broker that comes back finds it again. User and password come by
environment.
"""

import asyncio
import os
import threading

from nats.aio.client import Client
from nats.aio.msg import Msg

from deployments.demo.program import begin, say
from deployments.demo.web import serve


async def _consume(client: Client, url: str) -> None:
    """Connect, subscribe, and stay."""
    await client.connect(
        [url],
        user=os.environ["BROKER_USER"],
        password=os.environ["BROKER_PASSWORD"],
        name="demo-consumer",
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        ping_interval=5,
        error_cb=_trouble,
        reconnected_cb=_back,
    )
    say("connected")
    await client.subscribe("demo.>", cb=_take)
    await asyncio.Event().wait()


async def _trouble(error: Exception) -> None:
    say(f"broker: {type(error).__name__}: {error}")


async def _back() -> None:
    say("connected again")


async def _take(message: Msg) -> None:
    say(f"took {message.subject}")


if __name__ == "__main__":
    started = begin()
    broker = Client()
    web = threading.Thread(
        target=serve,
        args=(started.port,),
        kwargs={"path": "/health", "healthy": lambda: broker.is_connected},
        daemon=True,
    )
    web.start()
    asyncio.run(_consume(broker, *started.rest))
