"""Listens on one NATS subject, in a thread of its own; `wiring.intake` makes one for the run of a watcher."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from selfheal.clients.nats import TolerantClient, told

AGAIN_S = 5.0
CLOSE_S = 3.0
PENDING = 1000
_log = logging.getLogger(__name__)


class NatsSubject:
    """One subscriber of a queue group.

    Args:
        url: of the broker.
        credentials: user and password; None: it asks for none.
        subject: what is subscribed.
        queue: the group: each message goes to one of its members.
        handle: takes a message's body and gives the answer for who asks for one; called in threads.
    """

    def __init__(
        self,
        *,
        url: str,
        credentials: tuple[str, str] | None,
        subject: str,
        queue: str,
        handle: Callable[[bytes], bytes],
    ) -> None:
        self._url, self._credentials = url, credentials
        self._subject, self._queue, self._handle = subject, queue, handle
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Listen until the block ends; messages under way are finished first. A broker that is away is waited for."""
        thread = threading.Thread(target=self._run, name="nats-intake", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._ending.set)
            thread.join(AGAIN_S + CLOSE_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        """Connect, again and again until it succeeds, and listen until the end."""
        while not self._ending.is_set():
            try:
                client = await self._connected()
                await client.subscribe(self._subject, queue=self._queue, cb=self._answer, pending_msgs_limit=PENDING)
                _log.info("alerts are taken from the NATS subject %s", self._subject)
                await self._ending.wait()
                await self._closed(client)
            except (OSError, Error) as error:
                _log.warning("no alerts are taken over NATS: %s", told(error, self._url))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), AGAIN_S)

    async def _connected(self) -> Client:
        """A connection that the library keeps up by itself from then on."""

        async def say(error: Exception) -> None:
            _log.warning("the NATS subject %s: %s", self._subject, error)

        user, password = self._credentials or (None, None)
        client = TolerantClient()
        async with asyncio.timeout(AGAIN_S):
            await client.connect(
                [self._url],
                user=user,
                password=password,
                name="selfheal-intake",
                error_cb=say,
                max_reconnect_attempts=1,  # until it is connected: `_serve` tries again
                reconnect_time_wait=1,
                ping_interval=5,
            )
        client.options["max_reconnect_attempts"] = -1
        return client

    async def _closed(self, client: Client) -> None:
        """Take no more messages, and finish those under way."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await client.drain()
        except (OSError, Error) as error:
            _log.warning("the NATS subject %s was not left in order: %s", self._subject, error)

    async def _answer(self, message: Msg) -> None:
        answer = await asyncio.to_thread(self._handle, message.data)
        if message.reply:
            await message.respond(answer)
