"""`selfheal status` on components that no sweep looks at: said so, and no bad news."""

from datetime import UTC, datetime, timedelta

import pytest

from console.components import section
from selfheal.model.health import ComponentHealth, HealthStatus
from selfheal.settings.file import parse

CHECK = {"probe": "command", "container": "web", "command": ["node", "-v"], "watched": False}
SETTINGS = parse({"components": {"modules": CHECK}}, source="the test")


def row(age: timedelta) -> ComponentHealth:
    return ComponentHealth(
        component="modules",
        status=HealthStatus.DOWN,
        response_ms=None,
        detail="it is missing",
        checked_at=datetime.now(UTC) - age,
    )


@pytest.mark.parametrize(
    ("age", "status", "bad"),
    [
        (None, "not watched", False),
        (timedelta(hours=1), "not watched", False),
        (timedelta(minutes=2), "DOWN", True),
    ],
    ids=["never", "long ago", "its fault is open"],
)
def test_what_is_not_watched_is_no_bad_news(age: timedelta | None, status: str, bad: bool) -> None:  # noqa: FBT001
    """Until it is looked at, once a minute, because its fault is open."""
    told, statuses = section(SETTINGS, {} if age is None else {"modules": row(age)}, now=datetime.now(UTC))
    (only,) = told.rows
    assert only["status"] == status
    assert list(statuses) == ([HealthStatus.DOWN] if bad else [])
    assert ("suspects it" in str(only["detail"])) is not bad
