"""`/alerts`: what is open and whose it is, every delivery with its error, and silences."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.dashboard.address import identifier, one_of, slice_of
from console.dashboard.forms import Field, desk, hours_of
from console.dashboard.pages import Route, done, shown
from console.web.services import Services
from selfheal.model.alert import DeliveryState
from selfheal.model.overview import Standing

OPEN = 100
"""Open alerts that the page shows, the worst first; the command line and the API show all."""
router = APIRouter(route_class=Route)


@router.get("/alerts")
def alerts(request: Request) -> Response:
    """All of it."""
    wanted, state = slice_of(request.query_params), one_of(DeliveryState, request.query_params, "state")

    def gather(services: Services, _standing: Standing) -> Mapping[str, Any]:
        return {
            "counts": services.alerts.counts(),
            "open": services.alerts.worst(limit=OPEN),
            "most": OPEN,
            "page": services.alerts.deliveries(wanted, state=state),
            "state": state,
            "states": list(DeliveryState),
            "silences": services.silences.current(),
        }

    return shown(request, "alerts.html", gather)


@router.post("/alerts/acknowledge")
def acknowledge(request: Request, what: Field = "", why: Field = "") -> Response:
    """Somebody has it."""
    desk(request).acknowledge(what, why=why)
    return done("/alerts", "acknowledged")


@router.post("/alerts/silence")
def silence(request: Request, what: Field = "", why: Field = "", lasts: Field = "") -> Response:
    """Nobody is told of these for a while."""
    desk(request).silence(what, why=why, lasts=hours_of(lasts) or timedelta(hours=1))
    return done("/alerts", "silenced")


@router.post("/alerts/unsilence")
def unsilence(request: Request, silence_id: Field = "", why: Field = "") -> Response:
    """People are told again."""
    desk(request).end_silence(identifier(silence_id, "a silence"), why=why)
    return done("/alerts", "unsilenced")
