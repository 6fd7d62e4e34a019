"""A page: its frame, who looks at it, and what they may do. Every route of the dashboard ends here."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.dashboard import drawings
from console.dashboard.address import NotFound, address, run_of
from console.dashboard.words import FILTERS, between
from console.web.caller import caller, visit
from console.web.refusal import Refusal
from console.web.services import Services, services_of
from console.web.templates import environment
from selfheal.model.overview import Standing
from selfheal.model.web_address import page_of
from selfheal.policy.identity import Deed, may
from selfheal.store.engine import seen_by

SAID = {
    "paused": "Healing is paused.",
    "resumed": "Healing goes on.",
    "not-paused": "Healing was not paused.",
    "storm-go": "Heals may begin again.",
    "no-storm": "There was no storm to decide about.",
    "heal": "The heal was asked for. What it does stands below; a question, or a refusal, on the page of its fault.",
    "dry-run": "A dry run was asked for; its run tells what would be done.",
    "breaker": "The breaker follows your decision.",
    "approved": "Approved: its run begins within seconds.",
    "acknowledged": "They are yours: people hear of it within half a minute.",
    "silenced": "Nobody is told of them for that time.",
    "unsilenced": "People are told again; what is still open is told now.",
    "denied": "Denied: nothing will be done.",
}
"""What a page says after a form, by the word in its address: nobody can make it say anything else by a link."""

_pages = environment("console.dashboard")
_pages.filters.update(FILTERS)
_pages.globals.update(address=address, between=between, drawings=drawings, Deed=Deed, page_of=page_of)
Gather = Callable[[Services, Standing], Mapping[str, Any]]
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Route(APIRoute):
    """A route that says in words what is not there."""

    def get_route_handler(self) -> _Handler:
        """The route's own handler, and its refusal as a page."""
        inner = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await inner(request)
            except NotFound as error:
                missing = HTTPStatus.NOT_FOUND
                refusal = Refusal(status=missing, code=missing.name, message=error.message, hint=error.hint)
                return refusal.response(request.headers.getlist("accept"), request_id=visit(request).request_id)

        return told


def shown(request: Request, template: str, gather: Gather) -> Response:
    """The page as its caller may see it.

    Args:
        request: of a caller who is let in.
        template: its file.
        gather: reads what the template needs beside the standing; all that it asks is asked for this caller.
    """
    identity, services = caller(request), services_of(request)
    with seen_by(services.engine, identity):
        standing = services.standings.now()
        values = gather(services, standing)
    frame = {
        "identity": identity,
        "csrf": visit(request).csrf,
        "open_door": services.open_door,
        "standing": standing,
        "now": datetime.now(UTC),
        "may": {deed for deed in Deed if may(identity, deed)},
        "path": request.url.path,
        "query": dict(request.query_params),
        "said": SAID.get(request.query_params.get("said", ""), ""),
        "prefect_ui": "" if identity.tenant else services.prefect_ui,  # Prefect knows no tenants
        "run": run_of(request.query_params),
    }
    return HTMLResponse(_pages.get_template(template).render(**frame | dict(values)))


def done(path: str, said: str, **more: str) -> Response:
    """After a form: the page that shows what came of it; loading it again sends nothing again."""
    return RedirectResponse(address(path, {}, said=said, **more), status_code=HTTPStatus.SEE_OTHER)
