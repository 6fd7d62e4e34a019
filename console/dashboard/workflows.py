"""`/workflows` and `/workflows/REQ`: what the stores of the estate's work say, where they disagree, what settles it.

Read from what the mechanisms wrote down when they compared last: no page asks the request file or the broker.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.dashboard.address import LONGEST, NotFound, slice_of, workflow_filter
from console.dashboard.pages import Route, shown
from console.web.services import Services
from selfheal.model.disagreement import Settler
from selfheal.model.overview import Standing
from selfheal.model.request import RequestStatus
from selfheal.model.workflow import WorkflowStatus
from selfheal.policy.disagreement_rules import RULES
from selfheal.policy.workflow_report import events_of

SHOWN = 50
"""Disagreements that the page shows; the command line shows all."""
router = APIRouter(route_class=Route)


@router.get("/workflows")
def workflows(request: Request) -> Response:
    """All of them, and where their stores disagree."""
    wanted, only = slice_of(request.query_params), workflow_filter(request.query_params)

    def gather(services: Services, _standing: Standing) -> Mapping[str, Any]:
        return {
            "page": services.comparisons.page(wanted, only),
            "only": only,
            "found": services.comparisons.standing(),
            "disagreements": services.comparisons.disagreements(limit=SHOWN),
            "statuses": list(WorkflowStatus),
            "words": list(RequestStatus),
            "configured": bool(services.settings.workflows.request_file),
            "rules": RULES.values(),
            "Settler": Settler,
        }

    return shown(request, "workflows.html", gather)


@router.get("/workflows/{req_number}")
def workflow(request: Request, req_number: str) -> Response:
    """One of them."""

    def gather(services: Services, _standing: Standing) -> Mapping[str, Any]:
        possible = len(req_number) <= LONGEST and "\0" not in req_number
        story = services.comparisons.story(req_number) if possible else None
        if story is None:
            raise NotFound(f"there is no workflow {req_number[:LONGEST]!r}", hint="see the list of workflows")
        return {"story": story, "events": events_of(story), "Settler": Settler}

    return shown(request, "workflow.html", gather)
