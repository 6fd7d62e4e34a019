"""Hears what agent-health publishes on NATS; application-health asks what it has heard last.

A thread of its own keeps one connection and connects anew when it ends. What counts is only that a message has
arrived: `is_connected` lies while the server is frozen.
"""

import asyncio
import contextlib
import json
import logging
import threading
from datetime import timedelta
from typing import Any

from nats.aio.client import Client
from nats.errors import Error
from nats.errors import TimeoutError as NothingCame

from selfheal.clients.nats import connected
from selfheal.model.hearing import Heard
from selfheal.ports import Clock

_AGAIN_S, _LOOK_S, _JOIN_S = 2.0, 1.0, 5.0
_LARGEST = 64 * 1024
_LONGEST_S = 86_400.0

_log = logging.getLogger(__name__)


class NatsListener:
    """Fulfils `ports.Listener`.

    Args:
        url: of the server.
        credentials: user and password, or None.
        subject: what is heard.
        timeout: of connecting.
        clock: for the time of a message.
    """

    def __init__(
        self, url: str, *, credentials: tuple[str, str] | None, subject: str, timeout: timedelta, clock: Clock
    ) -> None:
        self._url, self._credentials, self._subject = url, credentials, subject
        self._seconds, self._clock = timeout.total_seconds(), clock
        self._heard: Heard | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="selfheal-listener", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def heard(self) -> Heard | None:
        """The newest message; None: none since it listens."""
        return self._heard

    def close(self) -> None:
        """Stop; a thread that a frozen server holds is not waited for."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)

    def _listen(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._follow())

    async def _follow(self) -> None:
        while not self._closed.is_set():
            try:
                async with connected(self._url, self._credentials, self._seconds, name="selfheal-listener") as client:
                    await self._hear(client)
            except (OSError, Error) as error:
                _log.debug("agent-health is not heard: %s", error)
            except Exception:  # noqa: BLE001 - whatever broke, it is listened on
                _log.exception("listening broke; it begins anew")
            for _ in range(round(_AGAIN_S / 0.1)):
                if not self._closed.is_set():
                    await asyncio.sleep(0.1)

    async def _hear(self, client: Client) -> None:
        subscription = await client.subscribe(self._subject)
        while not self._closed.is_set() and not client.is_closed:
            try:
                message = await subscription.next_msg(timeout=_LOOK_S)
            except NothingCame:
                continue
            self._heard = _heard(message.data, self._clock) or self._heard


def _heard(data: bytes, clock: Clock) -> Heard | None:
    """A message of agent-health; anything else that is published there is not one."""
    try:
        body: Any = json.loads(data[:_LARGEST])
        if body["source"] != "agent-health":
            return None
        within = min(float(body["next_within_s"]), _LONGEST_S)
        return Heard(at=clock.now(), host=str(body["host"])[:50], next_within=timedelta(seconds=max(within, 0.0)))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
