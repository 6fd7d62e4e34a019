"""Runs one coroutine to its end or to its deadline, in the calling thread, and leaves nothing behind.

The HTTP and NATS clients call this: their libraries bound each read, not the whole call, so that a server
that trickles bytes could hold a probe for ever. A loop of its own per call is safe from any thread and after
a fork.
`asyncio.run` is not used because it waits at its end for a name look-up that hangs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")


def run_within(call: Callable[[], Awaitable[T]], timeout: timedelta) -> T:
    """The result of `call()`.

    Raises:
        TimeoutError: it took longer; what it had begun is cancelled.
        RuntimeError: called from inside a running event loop.
    """
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_bounded(call, timeout.total_seconds()))
    finally:
        loop.run_until_complete(_cancel_the_rest())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _bounded(call: Callable[[], Awaitable[T]], seconds: float) -> T:
    async with asyncio.timeout(seconds):
        return await call()


async def _cancel_the_rest() -> None:
    """End the tasks that a library has left running, and collect their errors so that nobody prints them."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
