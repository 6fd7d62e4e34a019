"""`/predictions` and `/predictions/ID`: what is foretold, what became of it, and how far it can be believed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.dashboard.address import NotFound, identifier, prediction_filter, slice_of
from console.dashboard.pages import Route, shown
from console.dashboard.prediction_chart import charts
from console.web.services import Services
from selfheal.model.overview import Standing
from selfheal.model.prediction import Outcome
from selfheal.model.trigger import PREEMPTIVE
from selfheal.policy import prediction_words
from selfheal.policy.prediction_series import by_hour
from selfheal.policy.prediction_story import said

STANDING = 50
"""Standing predictions that the page shows; the list below, the command line and the API show all."""
RECORD = timedelta(days=30)
router = APIRouter(route_class=Route)


@router.get("/predictions")
def predictions(request: Request) -> Response:
    """All of them."""
    wanted, only = slice_of(request.query_params), prediction_filter(request.query_params)

    def gather(services: Services, _standing: Standing) -> Mapping[str, Any]:
        return {
            "standing_ones": services.predictions.standing(limit=STANDING),
            "page": services.predictions.page(wanted, only),
            "untold": services.predictions.untold(),
            "only": only,
            "rules": sorted(PREEMPTIVE),
            "outcomes": list(Outcome),
            "record": services.predictions.record(within=RECORD),
            "days": RECORD.days,
            "words": prediction_words,
        }

    return shown(request, "predictions.html", gather)


@router.get("/predictions/{prediction_id}")
def prediction(request: Request, prediction_id: str) -> Response:
    """One of them."""
    known = identifier(prediction_id, "a prediction")

    def gather(services: Services, _standing: Standing) -> Mapping[str, Any]:
        story = services.predictions.story(known)
        if story is None:
            raise NotFound(f"there is no prediction {known}", hint="see the list of predictions")
        told = said(story, datetime.now(UTC))
        return {
            "story": story,
            "chart": charts(story, told),
            "told": told,
            "hours": by_hour(story.series.points),
            "record": [one for one in services.predictions.record(within=RECORD) if one.rule is story.prediction.rule],
            "days": RECORD.days,
            "words": prediction_words,
        }

    return shown(request, "prediction.html", gather)
