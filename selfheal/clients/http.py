"""Asks a URL for its status, or calls it; the HTTP probe and the action clear-caches call this."""

import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import cached_property

import httpx

from selfheal.clients.deadline import run_within
from selfheal.model.errors import Permanent, Transient

HIGHEST_PORT = 65535
BODY_LIMIT = 64 * 1024
GOOD = range(200, 300)
HEADERS = {"user-agent": "selfheal-probe", "connection": "close"}

_Answer = tuple[int, int, bytes]
"""Status, milliseconds, and the body as it came."""


class Http:
    """Fulfils `ports.HttpClient`; any number of threads may call it.

    Every call is a connection of its own, so that it also proves that the server still accepts one; redirects
    are not followed (a 3xx is an answer), and proxies of the environment are not for our own estate.
    """

    def get(self, url: str, *, timeout: timedelta) -> tuple[int, int]:
        """Status code and milliseconds until the body's end (or its first 64 KiB).

        Raises:
            Transient: refused, no full answer in time, or no HTTP; says which.
            Permanent: the URL is none of HTTP.
        """
        return self._asked(url, lambda: self._send("GET", url, headers=HEADERS, body=""), timeout)[:2]

    def read(self, url: str, *, token: str, timeout: timedelta) -> str:
        """The first 64 KiB of what a GET is answered with.

        Raises:
            Transient: as `get`.
            Permanent: the URL is none of HTTP, or the status is none of 2xx.
        """
        status, _, body = self._asked(url, lambda: self._send("GET", url, headers=_headers(token), body=""), timeout)
        if status not in GOOD:
            raise Permanent(f"{_place(url)} answers {status}", hint="see the program's log")
        return body.decode(errors="replace")

    def send(self, method: str, url: str, *, token: str, body: str, timeout: timedelta) -> int:
        """One call; its status code, whatever it is.

        Raises:
            Transient: as `get`; it may have been carried out all the same.
            Permanent: the URL is none of HTTP.
        """
        return self._asked(url, lambda: self._send(method, url, headers=_headers(token), body=body), timeout)[0]

    def _asked(self, url: str, call: Callable[[], Awaitable[_Answer]], timeout: timedelta) -> _Answer:
        """The call's answer, or its error in words."""
        place = _place(url)
        try:
            return run_within(call, timeout)
        except (TimeoutError, httpx.TimeoutException):
            raise Transient(
                f"{place} gave no full answer within {timeout.total_seconds():g} s",
                hint="the process may hang, or probe_timeout is too short for it",
            ) from None
        except httpx.ConnectError as error:
            raise Transient(f"{place} {_why(error)}", hint="see whether its program runs and listens there") from error
        except (httpx.HTTPError, OSError) as error:
            raise Transient(
                f"{place} did not answer in HTTP: {str(error) or type(error).__name__}",
                hint="see the program's log",
            ) from error

    async def _send(self, method: str, url: str, *, headers: Mapping[str, str], body: str) -> _Answer:
        begun = time.monotonic()
        client = httpx.AsyncClient(verify=self._trust, trust_env=False, timeout=None)  # noqa: S113  `run_within` bounds it
        async with client, client.stream(method, url, headers=headers, content=body or None) as answer:
            said = b""
            async for piece in answer.aiter_raw():
                said += piece[: BODY_LIMIT - len(said)]
                if len(said) >= BODY_LIMIT:
                    break
            return answer.status_code, round((time.monotonic() - begun) * 1000), said

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """Made once: loading the certificates takes longer than most answers."""
        return httpx.create_ssl_context(trust_env=False)


def _headers(token: str) -> Mapping[str, str]:
    """No compression, so that the body is what the server said."""
    return HEADERS | {"accept-encoding": "identity"} | ({"authorization": f"Bearer {token}"} if token else {})


def _why(error: BaseException | None) -> str:
    """What stood at the beginning of a failed connection, below the layers that wrapped it."""
    reason = error
    while error is not None:
        reason, error = error, error.__cause__ or error.__context__
    if isinstance(reason, ConnectionRefusedError):
        return "refuses connections"
    if isinstance(reason, socket.gaierror):
        return "cannot be found: the name is unknown"
    return f"cannot be reached: {reason}"


def _place(url: str) -> str:
    """Host, port and path for messages: never the user and password that a URL may hold."""
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise Permanent(
            "the component's url is no address of an HTTP server", hint='write url = "http://HOST:PORT/PATH"'
        ) from error
    if parts.scheme not in {"http", "https"} or not parts.host or (parts.port or 1) > HIGHEST_PORT:
        raise Permanent(
            "the component's url is no address of an HTTP server", hint='write url = "http://HOST:PORT/PATH"'
        )
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.host}{port}{parts.path}"
