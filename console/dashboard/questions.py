"""`/approvals` and `/breakers`: what a person decides about, and what they need to know for it."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.dashboard.address import NotFound, identifier
from console.dashboard.pages import Route, shown
from console.web.services import Services
from selfheal.model.approval import AnswerRefused
from selfheal.model.overview import Standing
from selfheal.policy.asking import is_unproven

SHOWN = 200
FAILURES = 5
router = APIRouter(route_class=Route)


@router.get("/approvals")
def approvals(request: Request) -> Response:
    """What waits for a person's word, and what became of the rest."""
    return shown(request, "approvals.html", _questions)


def _questions(services: Services, _standing: Standing) -> Mapping[str, Any]:
    return {"questions": services.approvals.newest(limit=SHOWN, ended=True)}


@router.get("/approvals/{approval_id}")
def approval(request: Request, approval_id: str) -> Response:
    """One question."""
    known = identifier(approval_id, "an approval")

    def gather(services: Services, _standing: Standing) -> Mapping[str, Any]:
        try:
            question = services.approvals.one(known)
            return {"question": question, "proven": not is_unproven(question.asked_by)}
        except AnswerRefused as error:
            raise NotFound(error.message, hint="see the list of approvals") from error

    return shown(request, "approval.html", gather)


@router.get("/breakers")
def breakers(request: Request) -> Response:
    """Every breaker, its window, and what failed."""

    def gather(services: Services, _standing: Standing) -> Mapping[str, Any]:
        book, rules = services.estate.breakers, services.settings.breaker_rules()
        prevented, failures = book.prevented(), book.failures_of_all(limit=FAILURES)
        return {
            "breakers": [
                {
                    "is": one,
                    "window": rules.thresholds(one.name).window,
                    "prevented": prevented.get(one.name, 0),
                    "failures": failures.get(one.name, ()),
                }
                for one in book.present()
            ]
        }

    return shown(request, "breakers.html", gather)
