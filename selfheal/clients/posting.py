"""Posts one JSON document, in bounded time, and says in words what became of it; the alert channels call this."""

import functools
import json
import re
import socket
import ssl
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import httpx

from selfheal.clients.deadline import run_within
from selfheal.model.errors import Busy, Permanent, Transient

_LONGEST_BUSY_S = 3600.0
_TIMEOUTS, _BUSY = 408, 429
_TAKEN, _CLIENT_ERRORS = range(200, 300), range(400, 500)
_SAID = 200
_JSON = {"content-type": "application/json", "user-agent": "selfheal-alerts"}


def post(  # noqa: PLR0913 - each is a part of the call
    name: str,
    url: str,
    document: Mapping[str, Any],
    *,
    timeout: timedelta,
    headers: Mapping[str, str] | None = None,
    hint: str = "",
) -> None:
    """Post it once; redirects are not followed.

    Args:
        name: of the receiver, for people; its address may hold a secret and is never told.
        url: http or https.
        document: what is posted.
        timeout: for the whole call.
        headers: besides the usual ones.
        hint: what a person does when it refuses.

    Raises:
        Busy: it answers 429.
        Transient: it cannot be reached, or answers with an error of its own.
        Permanent: it refuses.
    """
    trust = _trust() if url.startswith("https") else False

    async def call() -> _Answer:
        client = httpx.AsyncClient(verify=trust, timeout=None, trust_env=False)  # noqa: S113  bounded below
        sent = {**_JSON, **(headers or {})}
        async with client, client.stream("POST", url, content=_body(document), headers=sent) as answer:
            said = b""
            async for piece in answer.aiter_raw():
                said += piece
                if len(said) >= _SAID:
                    break
            return _Answer(answer.status_code, answer.headers.get("retry-after", ""), said[:_SAID])

    try:
        answer = run_within(call, timeout)
    except TimeoutError:
        raise Transient(f"{name} gave no full answer within {timeout.total_seconds():g} s") from None
    except UnicodeError as error:
        raise Permanent(f"{name} cannot be asked: its url or token is not in ASCII", hint=hint) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Transient(f"{name} cannot be reached: {_why(error)}") from error
    if answer.status == _BUSY:
        raise Busy(f"{name} answers 429: too many at once", seconds=_asked(answer.retry_after))
    if answer.status in _CLIENT_ERRORS and answer.status != _TIMEOUTS:
        raise Permanent(f"{name} refuses it with {answer.status}: {_words(answer.said)}", hint=hint)
    if answer.status not in _TAKEN:
        raise Transient(f"{name} answers {answer.status}")


def _why(error: Exception) -> str:
    """What stood at the beginning of it, without its address: a certificate and a name are mended by a person."""
    kind, reason = type(error).__name__, error.__cause__ or error.__context__
    while reason is not None:
        if isinstance(reason, ssl.SSLCertVerificationError):
            return f"{kind}, its certificate is not trusted: {reason.verify_message}"
        if isinstance(reason, socket.gaierror):
            return f"{kind}, its name is unknown"
        reason = reason.__cause__ or reason.__context__
    return kind


class _Answer(NamedTuple):
    """Status, what `Retry-After` says, and the first bytes of the body."""

    status: int
    retry_after: str
    said: bytes


@functools.cache
def _trust() -> ssl.SSLContext:
    """Made once: loading the certificates takes longer than most answers."""
    return httpx.create_ssl_context(trust_env=False)


def _body(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, default=str).encode("utf-8", "replace")


def _asked(retry_after: str) -> float:
    """Seconds that it wants to be left alone, an hour at most; a minute where it gives a date."""
    if not retry_after:
        return 30.0
    return min(float(retry_after), _LONGEST_BUSY_S) if re.fullmatch(r"[0-9]{1,6}", retry_after.strip()) else 60.0


def _words(said: bytes) -> str:
    """The beginning of what it says, as text: what a terminal would obey is none."""
    printable = (one if one.isprintable() else " " for one in said.decode("utf-8", "replace"))
    return " ".join("".join(printable).split()) or "without a word"
