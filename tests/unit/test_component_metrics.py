"""How components are, as `/metrics` tells it: as `selfheal status` and the dashboard do."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import NOON

from console.metrics.measured import components
from selfheal.model.component import Component, ProbeKind
from selfheal.model.health import ComponentHealth, HealthStatus

WATCHED = Component(name="web", target="docker/web", probe=ProbeKind.CONTAINER)
UNWATCHED = replace(WATCHED, name="modules", watched=False)
SWEEP = timedelta(seconds=5)


def told(component: Component, *, ago_s: float | None) -> set[str]:
    """The statuses that are 1, of a component that was seen DOWN so long ago; None: never."""
    seen = [
        ComponentHealth(
            component=component.name,
            status=HealthStatus.DOWN,
            response_ms=None,
            detail="",
            checked_at=NOON - timedelta(seconds=ago_s),
        )
        for _ in range(ago_s is not None)
    ]
    status, _ = components(seen, {component.name: component}, now=NOON, sweep=SWEEP)
    return {one.labels["status"] for one in status.samples if one.value}


@pytest.mark.parametrize(
    ("component", "ago_s", "status"),
    [
        (WATCHED, 10, {"down"}),
        (WATCHED, 100, {"unknown"}),
        (WATCHED, None, {"unknown"}),
        (UNWATCHED, 100, {"down"}),
        (UNWATCHED, 300, set()),
        (UNWATCHED, None, set()),
    ],
)
def test_a_component_is_as_it_was_seen_at_its_own_pace(
    component: Component, ago_s: float | None, status: set[str]
) -> None:
    """One that no sweep looks at is looked at once a minute while its fault is open, and else nothing is told of it."""
    assert told(component, ago_s=ago_s) == status
