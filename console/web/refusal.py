"""An answer that is no page: JSON for programs, a plain page for browsers; words, a code, and never a traceback."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.responses import Response

from console.web.given import WrongInput
from console.web.templates import rendered
from selfheal.model.errors import NotAllowed, SelfhealError, Transient


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What is told instead of the answer.

    Attributes:
        status: of HTTP.
        code: one word for programs.
        message: what is wrong, for a person.
        hint: what to do; may be empty.
        headers: further ones.
    """

    status: HTTPStatus
    code: str
    message: str
    hint: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self, accept: Iterable[str], *, request_id: str) -> Response:
        """As the asker can read it."""
        if any("text/html" in one for one in accept):
            body = rendered("refusal.html", refusal=self, request_id=request_id)
            kind = "text/html; charset=utf-8"
        else:
            told = {"code": self.code, "message": self.message, "hint": self.hint, "request_id": request_id}
            body, kind = json.dumps(told), "application/json"
        return Response(body, status_code=self.status, headers=dict(self.headers), media_type=kind)


def refusal_of(error: SelfhealError) -> Refusal:
    """One of our own errors. What the database says of itself is not told: it is in the log."""
    if isinstance(error, Transient):
        return Refusal(
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            code="AWAY",
            message="the database, or another server, does not answer at the moment",
            hint="try again shortly; `selfheal doctor` tells what is wrong",
            headers={"retry-after": "5"},
        )
    if isinstance(error, NotAllowed):
        code = str(getattr(error, "code", "") or "NOT_ALLOWED")
        return Refusal(status=HTTPStatus.FORBIDDEN, code=code, message=error.message, hint=error.hint)
    if isinstance(error, WrongInput):
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return Refusal(status=status, code="WRONG_INPUT", message=error.message, hint=error.hint)
    return broken()


def broken() -> Refusal:
    """Something of ours broke; the log says what."""
    return Refusal(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        code="BROKEN",
        message="this should not have happened",
        hint="the web server's log tells more under the request's id",
    )


def too_large(largest: int) -> Refusal:
    """A body of more bytes than its address takes."""
    return Refusal(
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        code="TOO_LARGE",
        message=f"the request's body is larger than {largest // 1024} KiB",
        headers={"connection": "close"},
    )


def full() -> Refusal:
    """Bodies of others take all the room that there is for them."""
    return Refusal(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="FULL",
        message="too much is being sent to this server at once",
        hint="try again shortly",
        headers={"retry-after": "5", "connection": "close"},
    )


def too_often(wait_s: float) -> Refusal:
    """One request too many from the same person or address."""
    seconds = math.ceil(wait_s)
    return Refusal(
        status=HTTPStatus.TOO_MANY_REQUESTS,
        code="TOO_OFTEN",
        message=f"too many requests; the next is answered in {seconds} s",
        headers={"retry-after": str(seconds)},
    )


def too_slow() -> Refusal:
    """The answer was given up."""
    return Refusal(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="TOO_SLOW",
        message="the answer, or the request's body, took too long",
        hint="ask for less, or try again shortly",
        headers={"retry-after": "5", "connection": "close"},
    )
