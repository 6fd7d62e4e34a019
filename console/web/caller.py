"""The caller of a route: a parameter of type `Caller` is all that a page or a resolver needs to ask."""

from typing import Annotated

from fastapi import Depends, Request

from console.web.visit import Visit
from selfheal.model.identity import Identity


class NotLoggedIn(Exception):
    """The route is for people who are let in; a browser is led to /login, a program is answered 401."""


def visit(request: Request) -> Visit:
    """How this request's sender came in, with the token that forms carry as hidden field `csrf`."""
    found = request.state.visit
    if not isinstance(found, Visit):
        raise TypeError("no door before this route")
    return found


def caller(request: Request) -> Identity:
    """Who asks.

    Raises:
        NotLoggedIn: nobody whom we know.
    """
    identity = visit(request).identity
    if identity is None:
        raise NotLoggedIn
    return identity


async def _caller(request: Request) -> Identity:
    return caller(request)


async def _visit(request: Request) -> Visit:
    return visit(request)


# Coroutines, though they wait for nothing: FastAPI calls a plain function in a thread.
Caller = Annotated[Identity, Depends(_caller)]
Visiting = Annotated[Visit, Depends(_visit)]
