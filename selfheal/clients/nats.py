"""Asks a NATS broker whether it works, or sends it a message; the NATS probe and the actions call this.

Every call connects anew: a connection that is kept says nothing about whether the next one would be accepted,
and its `is_connected` lies while the server is frozen.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoServersError

from selfheal.clients.deadline import run_within
from selfheal.model.errors import Permanent, SelfhealError, Transient

T = TypeVar("T")

CLOSE_SECONDS = 0.5
NATS_PORT = 4222


class TolerantClient(Client):
    """The library's client, whose connection would end with a message whose subject is no UTF-8."""

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        text = subject.decode("utf-8", "replace").encode()
        built: Msg = super()._build_message(sid, text, reply, data, headers)
        return built


class NatsBroker:
    """Fulfils `ports.BrokerClient`; without state, so that any number of threads may call it."""

    def ping(self, url: str, *, credentials: tuple[str, str] | None, timeout: timedelta) -> int:
        """Connect anew, flush, and give the milliseconds of the flush; not from inside an event loop.

        Raises:
            Transient: refused, or no answer in time; says which.
            Permanent: the URL is none of NATS, or the server does not accept the user and the password: that is
                our setting's fault and says nothing of the broker's health.
        """
        return asked(url, lambda: _ping(url, credentials, timeout.total_seconds()), timeout)

    def publish(
        self, url: str, subject: str, body: bytes, *, credentials: tuple[str, str] | None, timeout: timedelta
    ) -> None:
        """Connect anew, send one message and flush.

        Raises:
            Transient: as `ping`; the broker may have taken the message all the same.
            Permanent: as `ping`, or the broker does not let us publish there.
        """
        asked(url, lambda: _ping(url, credentials, timeout.total_seconds(), message=(subject, body)), timeout)


def asked(url: str, call: Callable[[], Awaitable[T]], timeout: timedelta, *, times: int = 1) -> T:
    """The call's answer, or its error in words; not from inside an event loop.

    Args:
        url: of the server.
        call: what is awaited.
        timeout: of one exchange with the server.
        times: so many times that, the whole call may take.

    Raises:
        Transient: as `NatsBroker.ping`.
        Permanent: the same.
    """
    place = _place(url)
    try:
        return run_within(call, timeout * times)
    except TimeoutError:
        raise Transient(
            f"the NATS server at {place} gave no answer within {timeout.total_seconds():g} s",
            hint="see whether its process is frozen or the network drops its packets",
        ) from None
    except (OSError, Error) as error:
        raise told(error, url) from error


async def _ping(
    url: str, credentials: tuple[str, str] | None, seconds: float, *, message: tuple[str, bytes] | None = None
) -> int:
    """One connection, the message if there is one, one round trip; the first error that the library met is raised.

    A message that the broker refuses only reaches the callback, before the answer to the flush.
    """
    errors: list[Exception] = []
    async with connected(url, credentials, seconds, name="selfheal-probe", errors=errors) as client:
        begun = time.monotonic()
        if message is not None:
            await client.publish(*message)
        await client.flush(timeout=max(1, round(seconds + 1)))
        took_ms = round((time.monotonic() - begun) * 1000)
        if message is not None and not errors:  # a refusal may come behind the first answer, not behind the second
            await client.flush(timeout=max(1, round(seconds + 1)))
        if message is not None and errors:
            raise errors[0]
        return took_ms


@asynccontextmanager
async def connected(
    url: str,
    credentials: tuple[str, str] | None,
    seconds: float,
    *,
    name: str,
    errors: list[Exception] | None = None,
) -> AsyncIterator[Client]:
    """A new connection within these seconds, closed at the end; `errors` gets what the library only tells a callback.

    Whoever calls bounds what is done with it, with `asked`.
    """
    met: list[Exception] = [] if errors is None else errors

    async def keep(error: Exception) -> None:
        met.append(error)

    user, password = credentials or (None, None)
    client = TolerantClient()
    try:
        async with asyncio.timeout(seconds):
            await client.connect(
                [url],
                user=user,
                password=password,
                name=name,
                error_cb=keep,
                allow_reconnect=False,
                max_reconnect_attempts=1,  # 0 and -1 would both try for ever
                reconnect_time_wait=0,
                connect_timeout=max(1, round(seconds + 1)),  # whole seconds, and not all of it
            )
        yield client
    except NoServersError:
        raise met[0] if met else NoServersError() from None
    finally:
        await _close(client)


async def _close(client: Client) -> None:
    """Close without waiting for a server that does not read: closing flushes what is pending."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.close()
    except (OSError, Error):  # TimeoutError is an OSError; the socket goes with the loop
        return


def told(error: Exception, url: str) -> SelfhealError:
    """The library's error in words."""
    place = _place(url)
    if isinstance(error, ConnectionRefusedError):
        return Transient(f"{place} refuses connections", hint="the NATS server is not running there; start it")
    words = str(error).removeprefix("nats: ").strip("' ")
    if "permissions violation" in words.lower():
        return Permanent(
            f"the NATS server at {place} does not let us publish there: {words}",
            hint="allow it for this user in the server's configuration",
        )
    if "authorization" in words.lower() or "authentication" in words.lower():
        return Permanent(
            f"the NATS server at {place} does not accept the user or the password",
            hint="set username and password of this component as in the server's configuration",
        )
    return Transient(
        f"the NATS server at {place} cannot be used: {words or type(error).__name__}",
        hint="see the server's log",
    )


def _place(url: str) -> str:
    """Host and port for messages: never the user and password that a URL may hold."""
    try:
        parts = urlsplit(url)
        if parts.scheme in {"nats", "tls"} and parts.hostname:
            return f"{parts.hostname}:{parts.port or NATS_PORT}"
    except ValueError:  # a port that is no number, a bracket that does not close: no URL either
        pass
    raise Permanent("the component's url is no address of a NATS server", hint='write url = "nats://HOST:PORT"')
