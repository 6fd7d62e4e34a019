"""POST /intake/...: alerts of other systems, kept before they are answered.

202: kept, in one transaction, also what is refused: its sender need not try again. 503: nothing was kept.
"""

import hashlib
import hmac
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from console.web.caller import NotLoggedIn, Visiting
from console.web.given import WrongInput
from console.web.services import Services, services_of
from console.web.visit import Visit
from selfheal.model.errors import NotAllowed, Permanent
from selfheal.model.external_alert import Taken
from selfheal.policy.identity import may_send_alerts
from selfheal.policy.intake import ALERTMANAGER, alerts_in

SIGNATURE = "x-hub-signature-256"
router = APIRouter()


@router.post("/intake/alertmanager")
async def alertmanager(request: Request, visit: Visiting) -> Response:
    """The webhook of Prometheus' Alertmanager, version 4."""
    return await _answered(request, ALERTMANAGER, visit)


@router.post("/intake/webhooks/{name}")
async def webhook(request: Request, name: str, visit: Visiting) -> Response:
    """A sender's own JSON, read as the settings say."""
    return await _answered(request, name, visit)


async def _answered(request: Request, name: str, visit: Visit) -> Response:
    services, body = services_of(request), await request.body()
    sender = _sender(services, name, visit, body, request.headers.get(SIGNATURE, ""))
    taken = await run_in_threadpool(_take, services, name, sender, body)
    told = {"raised": taken.raised, "counted": taken.counted, "resolved": taken.resolved, "refused": taken.refused}
    return JSONResponse(told, status_code=HTTPStatus.ACCEPTED)


def _sender(services: Services, name: str, visit: Visit, body: bytes, signature: str) -> str:
    """Who sends it: by the body's signature where the webhook has a secret, else by a token.

    Raises:
        NotLoggedIn: nobody whom we know.
        NotAllowed: the signature is wrong, or the token may not send alerts.
    """
    secret = services.settings.intake.secret(name)
    if secret:
        expected = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise NotAllowed("the body is not signed with the webhook's secret", hint=f"send the header {SIGNATURE}")
        return f"whoever signs as {name}"
    if visit.identity is None:
        raise NotLoggedIn
    if not may_send_alerts(visit.identity, services.settings.intake.senders):
        raise NotAllowed(
            "your token may not send alerts", hint="it needs the role operator, or its name in intake.senders"
        )
    return visit.identity.name


def _take(services: Services, name: str, sender: str, body: bytes) -> Taken:
    settings = services.settings.intake
    try:
        alerts = alerts_in(body, settings.webhook(name), settings.naming(services.settings.catalogue()))
    except Permanent as error:
        raise WrongInput(error.message, hint=error.hint) from error
    return services.estate.intake.take(name, alerts, sent_by=sender)
