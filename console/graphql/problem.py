"""What the API says instead of an answer: an error with a code; what is ours alone to know stays in the log."""

import logging
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from graphql import GraphQLError

from console.web.given import WrongInput
from selfheal.model.errors import NotAllowed, SelfhealError, Transient

_log = logging.getLogger(__name__)
LONGEST_MESSAGE = 500


class Code(StrEnum):
    """The codes of `errors[].extensions.code`; those of a refused answer to a question are in `model.approval`."""

    WRONG_REQUEST = "WRONG_REQUEST"  # no JSON object with a query
    BATCH_REFUSED = "BATCH_REFUSED"
    WRONG_QUERY = "WRONG_QUERY"  # no GraphQL, or not of this schema
    TOO_MANY_TOKENS = "TOO_MANY_TOKENS"
    TOO_DEEP = "TOO_DEEP"
    TOO_MANY_ALIASES = "TOO_MANY_ALIASES"
    TOO_MUCH = "TOO_MUCH"  # more objects than one answer may have
    ONE_OPERATION = "ONE_OPERATION"
    INTROSPECTION_OFF = "INTROSPECTION_OFF"
    WRONG_INPUT = "WRONG_INPUT"
    NOT_ALLOWED = "NOT_ALLOWED"
    AWAY = "AWAY"
    TOO_SLOW = "TOO_SLOW"
    BROKEN = "BROKEN"


def problem(code: Code, message: str) -> GraphQLError:
    """One of the door's own."""
    return GraphQLError(message, extensions={"code": code.value})


def told(error: GraphQLError, *, request_id: str) -> dict[str, Any]:
    """The error as the asker reads it."""
    answer: dict[str, Any] = {"message": _unguided(error)[:LONGEST_MESSAGE]}
    if error.locations:
        answer["locations"] = [{"line": one.line, "column": one.column} for one in error.locations]
    if error.path:
        answer["path"] = list(error.path)
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return answer | {"extensions": {"code": Code.WRONG_QUERY.value, **(error.extensions or {})}}
    message, extensions = _ours(cause)
    if extensions["code"] == Code.BROKEN:
        _log.error("a resolver broke", exc_info=cause)
    return answer | {"message": message, "extensions": {**extensions, "requestId": request_id}}


def _unguided(error: GraphQLError) -> str:
    """What graphql-core says, without the names of the schema that come near what was asked for."""
    return error.message.partition(" Did you mean ")[0]


def _ours(cause: Exception) -> tuple[str, Mapping[str, Any]]:
    """The message and the code of what a resolver has raised."""
    if isinstance(cause, Transient):
        code, message = Code.AWAY, "the database, or another server, does not answer at the moment"
    elif isinstance(cause, NotAllowed):
        code, message = getattr(cause, "code", Code.NOT_ALLOWED), cause.message
    elif isinstance(cause, WrongInput):
        code, message = Code.WRONG_INPUT, cause.message
    else:
        return "this should not have happened; the log tells more under the request's id", {"code": Code.BROKEN.value}
    hint = cause.hint if isinstance(cause, SelfhealError) else ""
    return message, {"code": str(code), **({"hint": hint} if hint else {})}
