"""POST /intake/...: alerts of other systems, kept before they are answered.

202: kept, in one transaction, also what is refused: its sender need not try again. 503: nothing was kept.
"""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from console.web.caller import Caller
from console.web.desk import WrongInput
from console.web.services import Services, services_of
from selfheal.model.errors import NotAllowed, Permanent
from selfheal.model.external_alert import Taken
from selfheal.model.identity import Identity
from selfheal.policy.identity import may_send_alerts
from selfheal.policy.intake import ALERTMANAGER, alerts_in

router = APIRouter()


@router.post("/intake/alertmanager")
async def alertmanager(request: Request, sender: Caller) -> Response:
    """The webhook of Prometheus' Alertmanager, version 4."""
    return await _answered(request, ALERTMANAGER, sender)


@router.post("/intake/webhooks/{name}")
async def webhook(request: Request, name: str, sender: Caller) -> Response:
    """A sender's own JSON, read as the settings say."""
    return await _answered(request, name, sender)


async def _answered(request: Request, name: str, sender: Identity) -> Response:
    body = await request.body()
    taken = await run_in_threadpool(_take, services_of(request), name, sender, body)
    told = {"raised": taken.raised, "counted": taken.counted, "resolved": taken.resolved, "refused": taken.refused}
    return JSONResponse(told, status_code=HTTPStatus.ACCEPTED)


def _take(services: Services, name: str, sender: Identity, body: bytes) -> Taken:
    settings = services.settings.intake
    if not may_send_alerts(sender, settings.senders):
        raise NotAllowed(
            "your token may not send alerts", hint="it needs the role operator, or its name in intake.senders"
        )
    try:
        alerts = alerts_in(body, settings.webhook(name), settings.naming(services.settings.catalogue()))
    except Permanent as error:
        raise WrongInput(error.message, hint=error.hint) from error
    return services.estate.intake.take(name, alerts, sent_by=sender.name)
