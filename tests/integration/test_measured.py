"""What was measured, as people read it: hosts and rollups, by the store and by GraphQL."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from web_fixtures import Web

from selfheal.model.health import HealthStatus, Measured
from selfheal.store.health_writing import HealthWriter
from selfheal.store.reading.measured import Measurements

NOW = datetime.now(UTC)
BUCKET = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)


def value(component: str, metric: str, number: float | None, at: datetime, status: str = "OPERATIONAL") -> Measured:
    return Measured(component=component, metric=metric, value=number, status=HealthStatus(status), checked_at=at)


@pytest.fixture
def measured(empty: Engine) -> Engine:
    """A host twice, one long ago, a component, and an hour of a metric."""
    before = NOW - timedelta(minutes=2)
    looks = [
        *(value("host:here", "cpu_percent", 10, before), value("host:here", "memory_percent", 20, before)),
        value("host:here", "cpu_percent", 90, NOW, "DEGRADED"),
        value("host:gone", "cpu_percent", 1, NOW - timedelta(minutes=30)),
        value("web", "response_time_ms", 1, NOW),
    ]
    hour = [value("web", "rate", n % 5, BUCKET + timedelta(minutes=n)) for n in range(15)]
    down = value("web", "rate", None, BUCKET, "DOWN")
    HealthWriter(empty).write([*looks, *hour, down])
    return empty


def test_the_newest_look_at_each_host(measured: Engine) -> None:
    """All its values and its status; what is ten minutes old says nothing, and components are no hosts."""
    (host,) = Measurements(measured).hosts()
    assert (host.name, host.status, host.values) == ("here", HealthStatus.DEGRADED, {"cpu_percent": 90})
    assert host.checked_at == NOW


def test_rollups_over_time(measured: Engine) -> None:
    """The newest first, with mean and deviation, looks by status; between two moments, and no more than asked for."""
    found = Measurements(measured).rollups("web", "rate", limit=50)
    assert [one.bucket - BUCKET for one in found] == [timedelta(minutes=n) for n in (10, 5, 0)]
    oldest = found[-1]
    assert (oldest.n, oldest.min, oldest.max, oldest.mean) == (5, 0, 4, 2)
    assert oldest.deviation == pytest.approx(2**0.5)
    assert oldest.looks[HealthStatus.DOWN] == 1
    within = Measurements(measured).rollups(
        "web", "rate", limit=50, since=BUCKET + timedelta(minutes=5), until=BUCKET + timedelta(minutes=10)
    )
    assert [one.bucket for one in within] == [BUCKET + timedelta(minutes=5)]
    assert len(Measurements(measured).rollups("web", "rate", limit=2)) == 2
    assert Measurements(measured).rollups("nobody", "rate", limit=2) == []


def test_both_by_graphql(web: Web, measured: Engine) -> None:
    """Hosts with their values, and rollups by pages of time."""
    del measured
    found = web.ask(
        """{ hosts { name status values { metric value } }
             rollups(component: "web", metric: "rate", limit: 2) { bucket n mean down } }"""
    )["data"]
    assert found["hosts"] == [
        {"name": "here", "status": "DEGRADED", "values": [{"metric": "cpu_percent", "value": 90.0}]}
    ]
    assert [(one["n"], one["mean"]) for one in found["rollups"]] == [(5, 2.0), (5, 2.0)]
    later = found["rollups"][-1]["bucket"]
    following = web.ask(f'{{ rollups(component: "web", metric: "rate", until: "{later}") {{ n down }} }}')["data"][
        "rollups"
    ]
    assert following == [{"n": 5, "down": 1}]
