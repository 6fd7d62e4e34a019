"""Posts one JSON document, in bounded time, and says in words what became of it; the alert channels call this."""

import functools
import json
import ssl
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from selfheal.clients.deadline import run_within
from selfheal.model.errors import Busy, Permanent, Transient

_LONGEST_BUSY_S = 3600.0
_TIMEOUTS, _BUSY = 408, 429
_CLIENT_ERRORS = range(400, 500)
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

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(verify=trust, timeout=None, trust_env=False) as client:  # noqa: S113  bounded below
            return await client.post(url, content=_body(document), headers={**_JSON, **(headers or {})})

    try:
        answer = run_within(call, timeout)
    except TimeoutError:
        raise Transient(f"{name} gave no full answer within {timeout.total_seconds():g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Transient(f"{name} cannot be reached: {type(error).__name__}") from error
    if answer.status_code == _BUSY:
        raise Busy(f"{name} answers 429: too many at once", seconds=_asked(answer))
    if answer.status_code in _CLIENT_ERRORS and answer.status_code != _TIMEOUTS:
        raise Permanent(f"{name} refuses it with {answer.status_code}: {_words(answer)}", hint=hint)
    if not answer.is_success:
        raise Transient(f"{name} answers {answer.status_code}")


@functools.cache
def _trust() -> ssl.SSLContext:
    """Made once: loading the certificates takes longer than most answers."""
    return httpx.create_ssl_context(trust_env=False)


def _body(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, default=str).encode("utf-8", "replace")


def _asked(answer: httpx.Response) -> float:
    """Seconds that it wants to be left alone; an hour at most, half a minute where it does not say."""
    try:
        return min(max(float(answer.headers.get("retry-after", "30")), 1.0), _LONGEST_BUSY_S)
    except ValueError:
        return 60.0  # a date: it is asked again in a minute


def _words(answer: httpx.Response) -> str:
    """The beginning of what it says."""
    return " ".join(answer.text[:_SAID].split()) or "without a word"
