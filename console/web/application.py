"""The application: the door, login, live updates, the pages and the API."""

import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from urllib.parse import quote

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from console.dashboard.router import router as dashboard
from console.graphql.router import router as graphql
from console.metrics.router import router as metrics
from console.web import events, intake, login
from console.web.buckets import Buckets
from console.web.caller import NotLoggedIn
from console.web.callers import Callers
from console.web.door import Door, Keys
from console.web.feed import Feed
from console.web.hosts import refuse_open_door
from console.web.refusal import Refusal, broken, refusal_of
from console.web.services import Services
from selfheal.model.errors import SelfhealError

THREADS = 10
"""Requests that are worked on at once: as many as there are database connections, the others wait their turn."""
SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""No word of a request to anybody else, whatever the environment says."""
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def application(
    services: Services, *, ending: Callable[[], bool] = lambda: False, around: Lifespan | None = None
) -> FastAPI:
    """The web server's application; another `app.state.services` takes effect at the next request.

    Args:
        services: of the settings in force.
        ending: whether the server is being stopped: what has no end of its own then ends.
        around: runs beside it.

    Raises:
        Permanent: the door is to be open, and not only this machine could come in.
    """
    if services.open_door:
        refuse_open_door(services.web.host)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        async with around(app) if around else contextlib.nullcontext():
            yield

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, telemetry=SILENT, lifespan=lifespan)
    app.state.services = services
    app.state.ending = ending
    app.state.feed = Feed()
    app.state.keys = Keys(
        services=lambda: app.state.services,
        callers=Callers(),
        requests=Buckets(lambda: app.state.services.web.requests_a_minute, clock=time.monotonic),
        logins=Buckets(lambda: app.state.services.web.logins_a_minute, clock=time.monotonic),
        open_csrf=secrets.token_urlsafe(32),
    )
    app.add_middleware(Door, keys=app.state.keys)
    _errors(app)
    app.add_api_route("/healthz", healthz, methods=["GET"])
    app.include_router(login.router)
    app.include_router(events.router)
    app.include_router(intake.router)
    app.include_router(metrics)
    app.include_router(graphql)
    app.include_router(dashboard)
    return app


def healthz() -> Response:
    """This process answers; says nothing about the database, whose absence is no reason to start it again."""
    return JSONResponse({"status": "ok"})


def _errors(app: FastAPI) -> None:
    """Whatever a route raises, in words."""

    def to_login(request: Request, _error: Exception) -> Response:
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?next={quote(path)}", status_code=HTTPStatus.SEE_OTHER)
        return _told(request, _unknown())

    def ours(request: Request, error: Exception) -> Response:
        return _told(request, refusal_of(error) if isinstance(error, SelfhealError) else broken())

    def of_http(request: Request, error: Exception) -> Response:
        status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.BAD_REQUEST
        code = status.name if isinstance(error, HTTPException) else "WRONG_INPUT"
        headers = (error.headers or {}) if isinstance(error, HTTPException) else {}
        return _told(request, Refusal(status=status, code=code, message=status.phrase.lower(), headers=headers))

    app.add_exception_handler(NotLoggedIn, to_login)
    app.add_exception_handler(SelfhealError, ours)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_http)


def _unknown() -> Refusal:
    return Refusal(
        status=HTTPStatus.UNAUTHORIZED,
        code="NOT_LOGGED_IN",
        message="no valid token was shown",
        hint="send `Authorization: Bearer sh_...`, or log in at /login",
        headers={"www-authenticate": "Bearer"},
    )


def _told(request: Request, refusal: Refusal) -> Response:
    return refusal.response(request.headers.getlist("accept"), request_id=request.state.visit.request_id)
