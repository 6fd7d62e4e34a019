"""`/`: one sentence of verdict, then the figures behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.dashboard.figures import DAY, Figures
from console.dashboard.pages import Route, shown
from console.web.caller import caller
from console.web.services import Services
from selfheal.model.health import ComponentHealth, HealthStatus
from selfheal.model.identity import Identity
from selfheal.model.overview import Standing
from selfheal.model.page import Slice
from selfheal.model.report import AttemptFilter
from selfheal.policy import prediction_words
from selfheal.policy.overview import of_tenant, verdict
from selfheal.policy.watching import mechanisms, pace_of, status_now, watching

RECENT = 12
QUESTIONS = 5
FIGURES = Figures()
router = APIRouter(route_class=Route)


@dataclass(frozen=True, kw_only=True)
class ComponentNow:
    """A component as it is known now.

    Attributes:
        name: its name.
        status: UNKNOWN where nobody looked lately.
        seen: its newest row of the last minutes; None: there is none.
        group: of the estate; empty for none.
        fault: its open one, which may be known before the next look at all; None: it has none.
        allowed: whether it may be healed.
        critical: whether it is healed before others.
    """

    name: str
    status: HealthStatus
    seen: ComponentHealth | None
    group: str
    fault: UUID | None
    allowed: bool
    critical: bool

    @property
    def well(self) -> bool:
        """Whether nothing speaks against it."""
        return self.status is HealthStatus.OPERATIONAL and self.fault is None


@router.get("/")
def overview(request: Request) -> Response:
    """How everything stands."""
    viewer = caller(request)
    return shown(request, "overview.html", lambda services, standing: _gather(services, standing, viewer))


def _gather(services: Services, standing: Standing, viewer: Identity) -> Mapping[str, Any]:
    """All that the overview shows; the estate's components are no tenant's to see."""
    estate = services.estate
    faults = services.faults.still_open()
    sick = {one.component: one.id for one in faults}
    components = components_now(services, sick) if viewer.tenant is None else []
    logs, health = services.settings.log_monitor.there_are, [one.status for one in components]
    mine = of_tenant(standing.counts) if viewer.tenant else verdict(standing, health, logs=logs)
    watches = mechanisms(standing.watches, logs=logs)
    rules = services.settings.breaker_rules()
    breakers = estate.breakers.present()
    recent = services.attempts.page(Slice(limit=RECENT), AttemptFilter(since=standing.counts.at - DAY)).items
    outcome = FIGURES.of(services, viewer, recent)
    return {
        "verdict": mine,
        "components": components,
        "hosts": [] if viewer.tenant else services.measured.hosts(),
        "watchers": [(name, watch, watching(watch)) for name, watch in watches.items()],
        "faults": faults,
        "healing": {one.fault_id for one in recent if one.completed_at is None},
        "recent": recent,
        "breakers": [(one, rules.thresholds(one.name).window) for one in breakers],
        "outcome": outcome,
        "total": outcome.day,
        "questions": services.approvals.newest(limit=QUESTIONS, ended=False),
        "foretold": services.predictions.glance() if viewer.tenant is None else None,
        "words": prediction_words,
        "actions": sorted(estate.modes_by_settings()),
    }


def components_now(services: Services, faults: Mapping[str, UUID]) -> Sequence[ComponentNow]:
    """Every component that is watched or has an open fault, what is not well first.

    Args:
        services: of the request.
        faults: the open one of each component that has one.
    """
    settings, now = services.settings, datetime.now(UTC)
    latest = {row.component: row for row in services.estate.health.latest()}
    found = [
        ComponentNow(
            name=name,
            status=status_now(latest.get(name), now=now, sweep=pace_of(component, settings.watching.sweep)),
            seen=latest.get(name),
            group=component.group,
            fault=faults.get(name),
            allowed=name in settings.healing.allow,
            critical=component.critical,
        )
        for name, component in sorted(settings.catalogue().items())
        if component.watched or name in faults
    ]
    return sorted(found, key=lambda one: one.well)
