"""`/actions` and `/faults`: long lists, filtered by their address."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.dashboard.address import NotFound, attempt_filter, fault_filter, identifier, slice_of
from console.dashboard.pages import Route, shown
from console.web.services import Services
from selfheal.model.attempt import Status, Verification
from selfheal.model.errors import Permanent
from selfheal.model.overview import Standing
from selfheal.model.report import FaultState
from selfheal.policy.timeline import events_of
from selfheal.store.breaker_rows import TRANSITION

router = APIRouter(route_class=Route)


@router.get("/actions")
def actions(request: Request) -> Response:
    """The attempts, and on demand the transitions of breakers."""
    wanted, only = slice_of(request.query_params), attempt_filter(request.query_params)

    def gather(services: Services, _standing: Standing) -> Mapping[str, Any]:
        return {
            "page": services.attempts.page(wanted, only),
            "only": only,
            "statuses": list(Status),
            "verifications": list(Verification),
            "types": [*_types(services), TRANSITION],
        }

    return shown(request, "actions.html", gather)


def _types(services: Services) -> Iterator[str]:
    """Of the actions that there are now; a third party's that cannot be loaded has none, and `doctor` tells."""
    actions = services.estate.healer.actions
    for name in actions.modes():
        with suppress(Permanent):
            yield actions.get(name).action_type


@router.get("/faults")
def faults(request: Request) -> Response:
    """The faults."""
    wanted, only = slice_of(request.query_params), fault_filter(request.query_params)

    def gather(services: Services, _standing: Standing) -> Mapping[str, Any]:
        return {"page": services.faults.page(wanted, only), "only": only, "states": list(FaultState)}

    return shown(request, "faults.html", gather)


@router.get("/faults/{fault_id}")
def fault(request: Request, fault_id: str) -> Response:
    """The story of one fault."""
    known = identifier(fault_id, "a fault")

    def gather(services: Services, _standing: Standing) -> Mapping[str, Any]:
        story = services.faults.story(known)
        if story is None:
            raise NotFound(f"there is no fault {known}", hint="see the list of faults")
        attempts = {one.line.attempt_id: one for one in story.attempts}
        return {"story": story, "events": events_of(story), "attempts": attempts}

    return shown(request, "fault.html", gather)
