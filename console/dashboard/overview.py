"""`/`: one sentence of verdict, then the figures behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.dashboard.pages import Route, shown
from console.web.services import Services
from selfheal.model.health import ComponentHealth, HealthStatus
from selfheal.model.overview import Standing
from selfheal.model.page import Slice
from selfheal.model.report import AttemptFilter
from selfheal.policy.overview import verdict
from selfheal.policy.watching import mechanisms, status_now, watching

DAY = timedelta(hours=24)
TREND_DAYS = 14
RECENT = 12
QUESTIONS = 5
router = APIRouter(route_class=Route)


@dataclass(frozen=True, kw_only=True)
class ComponentNow:
    """A component as it is known now.

    Attributes:
        name: its name.
        status: UNKNOWN where nobody looked lately.
        seen: its newest row of the last minutes; None: there is none.
        group: of the estate; empty for none.
        allowed: whether it may be healed.
        critical: whether it is healed before others.
    """

    name: str
    status: HealthStatus
    seen: ComponentHealth | None
    group: str
    allowed: bool
    critical: bool


@router.get("/")
def overview(request: Request) -> Response:
    """How everything stands."""
    return shown(request, "overview.html", _gather)


def _gather(services: Services, standing: Standing) -> Mapping[str, Any]:
    """All that the overview shows."""
    estate = services.estate
    components = components_now(services)
    rules = services.settings.breaker_rules()
    breakers = estate.breakers.present()
    rates = estate.rates.rates(within=DAY)
    return {
        "verdict": verdict(standing, [one.status for one in components]),
        "components": components,
        "watchers": [(name, watch, watching(watch)) for name, watch in mechanisms(standing.watches).items()],
        "faults": services.faults.still_open(),
        "recent": services.attempts.page(Slice(limit=RECENT), AttemptFilter(since=standing.counts.at - DAY)).items,
        "breakers": [(one, rules.thresholds(one.name).window) for one in breakers],
        "total": next((one for one in rates if one.action_type is None and one.component is None), None),
        "by_action": estate.rates.by_action(),
        "days": estate.rates.by_day(days=TREND_DAYS),
        "questions": services.approvals.newest(limit=QUESTIONS, ended=False),
        "actions": sorted(estate.modes_by_settings()),
    }


def components_now(services: Services) -> Sequence[ComponentNow]:
    """Every component of the settings, what is not well first."""
    settings, now = services.settings, datetime.now(UTC)
    latest = {row.component: row for row in services.estate.health.latest()}
    found = [
        ComponentNow(
            name=name,
            status=status_now(latest.get(name), now=now, sweep=settings.watching.sweep),
            seen=latest.get(name),
            group=component.group,
            allowed=name in settings.healing.allow,
            critical=component.critical,
        )
        for name, component in sorted(settings.components.items())
    ]
    return sorted(found, key=lambda one: one.status is HealthStatus.OPERATIONAL)
