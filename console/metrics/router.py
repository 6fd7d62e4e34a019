"""GET /metrics, for whoever has a token: a viewer's is enough."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.metrics.collector import CONTENT_TYPE, Scrape
from console.web.caller import caller
from console.web.services import services_of
from selfheal.store.engine import seen_by

router = APIRouter()


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """What Prometheus scrapes."""
    identity, services = caller(request), services_of(request)
    with seen_by(services.engine, identity):
        text = Scrape(services).text()
    return Response(text, headers={"content-type": CONTENT_TYPE})
