"""POST /graphql, and where the settings want it a plain page on which a query can be typed."""

import json
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from graphql import GraphQLError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from console.graphql.context import Context
from console.graphql.problem import Code, problem, told
from console.graphql.schema import answered
from console.web.caller import Caller, Visiting
from console.web.forgery import JSON
from console.web.services import services_of
from console.web.templates import rendered

router = APIRouter()
_KNOWN = {"query", "variables", "operationName", "extensions"}


@router.post("/graphql")
async def graphql(request: Request, caller: Caller, visiting: Visiting) -> Response:
    """One query or one mutation."""
    services = services_of(request)
    try:
        query, variables = _asked(request.headers.get("content-type", ""), await request.body())
    except GraphQLError as error:
        wrong = {"data": None, "errors": [told(error, request_id=visiting.request_id)]}
        return JSONResponse(wrong, status_code=HTTPStatus.BAD_REQUEST)
    context = Context(services, visiting, caller)
    done, answer = await answered(query, variables, context=context, introspection=services.web.introspection)
    return JSONResponse(answer, status_code=HTTPStatus.OK if done else HTTPStatus.BAD_REQUEST)


@router.get("/query")
def query_page(request: Request, caller: Caller, visiting: Visiting) -> Response:
    """The page, for whoever is let in."""
    del caller
    if not services_of(request).web.query_page:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return HTMLResponse(rendered("query.html", csrf=visiting.csrf))


@router.get("/static/query.js")
def script() -> Response:
    """The page's own script."""
    content = files("console.web").joinpath("templates", "query.js").read_bytes()
    return Response(content, media_type="text/javascript", headers={"cache-control": "public, max-age=300"})


def _asked(kind: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """The query and its variables.

    Raises:
        GraphQLError: it is no request.
    """
    if kind.partition(";")[0].strip().lower() != JSON:
        raise problem(Code.WRONG_REQUEST, f"the request is {JSON}")
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise problem(Code.WRONG_REQUEST, "the request is no JSON") from None
    if isinstance(asked, list):
        raise problem(Code.BATCH_REFUSED, "one request at a time: send an object, not a list")
    if not isinstance(asked, dict) or not asked.keys() <= _KNOWN or not isinstance(asked.get("query"), str):
        raise problem(Code.WRONG_REQUEST, "the request is an object with a query, and variables where it has some")
    variables = asked.get("variables") or {}
    if not isinstance(variables, dict):
        raise problem(Code.WRONG_REQUEST, "variables are an object")
    return asked["query"], variables
