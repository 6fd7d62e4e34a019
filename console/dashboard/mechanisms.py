"""`/mechanisms`: which of our own mechanisms really run, and what other systems have told us."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.dashboard.pages import Route, shown
from console.web.services import Services
from selfheal.model.overview import Standing
from selfheal.policy.turns import stands
from selfheal.policy.watching import mechanisms as watchers
from selfheal.policy.watching import watching

ALERTS = 50
router = APIRouter(route_class=Route)


@router.get("/mechanisms")
def mechanisms(request: Request) -> Response:
    """What ran, when, how it ended, and how far behind it is."""

    def gather(services: Services, standing: Standing) -> Mapping[str, Any]:
        expected = watchers(standing.watches, logs=services.settings.log_monitor.there_are)
        return {
            "watchers": [(name, watch, watching(watch)) for name, watch in expected.items()],
            "mechanisms": [(one, stands(one)) for one in services.estate.mechanisms.all()],
            "alerts": services.estate.intake.newest(limit=ALERTS),
        }

    return shown(request, "mechanisms.html", gather)
