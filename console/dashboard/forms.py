"""What people do on the dashboard: each form ends in one deed at the desk, then in the page that shows what came of it.

The door has looked at the form's csrf before; who may do it is asked at the desk, which also records it.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from console.dashboard.address import identifier
from console.dashboard.pages import Route, done
from console.web.caller import caller, visit
from console.web.desk import Desk
from console.web.given import WrongInput
from console.web.services import services_of
from selfheal.model.breaker import BreakerDeed
from selfheal.model.identity import Door

Field = Annotated[str, Form(max_length=1000)]
router = APIRouter(route_class=Route)


def desk(request: Request) -> Desk:
    """The desk of whoever asks."""
    return Desk(
        services=services_of(request),
        identity=caller(request),
        door=Door.DASHBOARD,
        request_id=visit(request).request_id,
    )


@router.post("/pause")
def pause(request: Request, why: Field = "", hours: Field = "") -> Response:
    """The kill switch."""
    desk(request).pause(why=why, lasts=hours_of(hours))
    return done("/", "paused")


@router.post("/resume")
def resume(request: Request, why: Field = "") -> Response:
    """Heals may begin again."""
    return done("/", "resumed" if desk(request).resume(why=why) else "not-paused")


@router.post("/storm/go")
def storm_go(request: Request, why: Field = "") -> Response:
    """Heals may begin in spite of a storm."""
    return done("/", "storm-go" if desk(request).go_ahead(why=why) else "no-storm")


@router.post("/breakers/decide")
def decide(request: Request, name: Field = "", deed: Field = "", why: Field = "", hours: Field = "") -> Response:
    """A person's decision in place of a breaker's results."""
    try:
        wanted = BreakerDeed(deed)
    except ValueError as error:
        raise WrongInput("choose what is to be done", hint="open, close, automatic or reset") from error
    desk(request).override_breaker(name, wanted, why=why, lasts=hours_of(hours))
    return done("/breakers", "breaker")


@router.post("/approvals/{approval_id}/answer")
def answer(request: Request, approval_id: str, word: Field = "", why: Field = "", fingerprint: Field = "") -> Response:
    """A person's word, once."""
    known = identifier(approval_id, "an approval")
    if word not in {"approve", "deny"}:
        raise WrongInput("the answer is approve or deny")
    desk(request).answer(known, approve=word == "approve", why=why, fingerprint=fingerprint)
    return done(f"/approvals/{known}", "approved" if word == "approve" else "denied")


@router.post("/heal")
def heal(request: Request, component: Field = "", action: Field = "", why: Field = "", dry_run: Field = "") -> Response:
    """One heal, or what it would do, as a run of the deployment."""
    started = desk(request).heal(component, action=action, why=why, dry_run=bool(dry_run))
    if dry_run:
        return done("/", "dry-run", run=str(started.run))
    return done("/actions", "heal", component=component, run=str(started.run))


def hours_of(words: str) -> timedelta | None:
    """For how long; empty: without an end."""
    if not words.strip():
        return None
    try:
        return timedelta(hours=float(words.strip().replace(",", ".")))
    except (ValueError, OverflowError) as error:
        raise WrongInput(
            f"{words[:20]!r} is no number of hours", hint="like 2, or 0.5; empty: without an end"
        ) from error
