"""`/logs`: how far each log is read, what was found in it, what that made us suspect, and what was lost."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.dashboard.address import error_filter, slice_of
from console.dashboard.pages import Route, shown
from console.web.services import Services
from selfheal.model.log_report import ErrorStatus
from selfheal.model.overview import Standing

MOST = 200
"""Logs, and patterns within the window, that the page shows; the command line shows all."""
LATEST = 20
"""Suspicions and gaps; the API shows more."""
router = APIRouter(route_class=Route)


@router.get("/logs")
def logs(request: Request) -> Response:
    """All of it."""
    wanted, only = slice_of(request.query_params), error_filter(request.query_params)

    def gather(services: Services, _standing: Standing) -> Mapping[str, Any]:
        settings = services.settings.log_monitor
        return {
            "logs": services.logs.logs(settings.window, limit=MOST),
            "sources": settings.sources,
            "counts": services.logs.counts(settings.window, limit=MOST),
            "patterns": {one.name: one for one in settings.rules().patterns},
            "window": settings.window.total_seconds(),
            "suspicions": services.logs.suspicions(limit=LATEST),
            "gaps": services.logs.gaps(limit=LATEST),
            "page": services.logs.errors(wanted, only),
            "only": only,
            "statuses": list(ErrorStatus),
        }

    return shown(request, "logs.html", gather)
