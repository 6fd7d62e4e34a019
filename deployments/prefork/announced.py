"""A look for runs as soon as the server announces one, instead of at the worker's next look by itself.

The server tells each change of a run as an event; the worker listens for runs of its pool that become due. An
announcement is a hint and nothing more: what there is to do is asked for in the usual way, and the worker goes on
looking by itself, so that a server without events, or one whose events are late, only costs time.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter

EVENTS = [f"prefect.flow-run.{state}" for state in ("Scheduled", "AwaitingRetry", "Resuming")]
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""Before it listens again; doubled each time, until it has listened for longer than it waits."""
CONNECT_S = 30.0
"""Patience with a server, or what stands before it, that takes the connection and says nothing."""


class Announcements:
    """Listens for as long as the worker lives.

    Args:
        look: asks the server for due runs and begins them.
        log: the worker's.
    """

    def __init__(
        self, *, look: Callable[[], Awaitable[object]], log: logging.Logger | logging.LoggerAdapter[logging.Logger]
    ) -> None:
        self._look = look
        self._log = log
        self._bell = asyncio.Event()
        self._pool_id: UUID | None = None
        self._task: asyncio.Task[None] | None = None
        self._deaf, self._wait_s = False, FIRST_WAIT_S

    async def hear(self, pool_id: UUID) -> None:
        """Listen for runs of a pool from now on: it may have been made anew."""
        if pool_id != self._pool_id:
            await self.end()
            self._pool_id = pool_id
            self._task = asyncio.create_task(self._keep_listening(pool_id))

    async def end(self) -> None:
        """Listen no longer; a look that is under way is broken off, as the worker's own are."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = self._pool_id = None

    async def _keep_listening(self, pool_id: UUID) -> None:
        """Whatever breaks is told once and begun again: no run depends on it."""
        while True:
            began = time.monotonic()
            try:
                await self._listen(pool_id)
            except* Exception as errors:  # noqa: BLE001 - of websockets, TLS, JSON, authentication: any
                level = logging.DEBUG if self._deaf else logging.WARNING
                why = repr(errors.exceptions[0])
                self._log.log(level, "Runs begin at the worker's next look, not at once: no events (%s)", why)
                self._deaf = True
            if time.monotonic() - began > self._wait_s + CONNECT_S:
                self._wait_s = FIRST_WAIT_S
            await asyncio.sleep(self._wait_s)
            self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)

    async def _listen(self, pool_id: UUID) -> None:
        """Look once now, since something may have been announced before, and at every announcement."""
        ours = EventFilter(
            event=EventNameFilter(name=EVENTS),
            any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool_id}"]),
        )
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(CONNECT_S):
                subscriber = get_events_subscriber(filter=ours, reconnection_attempts=0)
                events = await stack.enter_async_context(subscriber)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            if self._deaf:
                self._log.info("Events are heard again: runs begin at once")
            self._deaf = False
            self._bell.set()
            answering = group.create_task(self._answer())
            async for _ in events:
                self._bell.set()
            answering.cancel()

    async def _answer(self) -> None:
        """One look for all that was announced meanwhile; what fails now is found by the worker's own next look."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            try:
                await self._look()
            except httpx.HTTPError as error:
                self._log.debug("A look for announced runs failed: %s", error)
