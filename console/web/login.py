"""/login and /logout: a token is shown once, then a cookie stands for it until the session or the token ends."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.web.caller import Visiting
from console.web.door import cookie_name, failed_login
from console.web.services import services_of
from console.web.templates import rendered
from console.web.visit import Way

WRONG = "That is no token that is valid now."
LONGEST = 200
router = APIRouter()


@router.get("/login")
def form(visiting: Visiting, next: str = "/") -> Response:  # noqa: A002 - the address's own word
    """The form; whoever is in already goes on."""
    if visiting.identity is not None:
        return RedirectResponse(_inside(next), status_code=HTTPStatus.SEE_OTHER)
    return HTMLResponse(rendered("login.html", wrong="", next=_inside(next)))


@router.post("/login")
def login(
    request: Request,
    token: Annotated[str, Form(max_length=LONGEST)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - the form's own word
) -> Response:
    """Begin a session, always a new one; one that the browser had before ends."""
    services = services_of(request)
    identity = services.tokens.find(token.strip())
    if identity is None:
        failed_login(request)
        page = rendered("login.html", wrong=WRONG, next=_inside(next))
        return HTMLResponse(page, status_code=HTTPStatus.UNAUTHORIZED)
    _end(request)
    session = services.sessions.begin(identity, services.web.session)
    answer = RedirectResponse(_inside(next), status_code=HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        cookie_name(services),
        session.secret,
        max_age=int(services.web.session.total_seconds()),
        path="/",
        secure=services.https,
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/logout")
def logout(request: Request) -> Response:
    """End the session."""
    _end(request)
    services = services_of(request)
    answer = RedirectResponse("/login", status_code=HTTPStatus.SEE_OTHER)
    answer.delete_cookie(cookie_name(services), path="/", secure=services.https, httponly=True, samesite="strict")
    return answer


def _end(request: Request) -> None:
    """The session that this request came with, if any."""
    visit = request.state.visit
    if visit.way is Way.SESSION:
        services_of(request).sessions.end(visit.secret)
        request.app.state.keys.callers.forget(Way.SESSION, visit.secret)


def _inside(address: str) -> str:
    """The address if it is one of ours: nobody is led elsewhere by a link to our login."""
    plain = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if plain and "\\" not in address else "/"
