"""What was measured, as people read it: hosts and rollups, by the store and by GraphQL."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from web_fixtures import Web

from selfheal.model.health import HealthStatus, Measured
from selfheal.store.health_writing import HealthWriter
from selfheal.store.reading.measured import Measurements


@dataclass(frozen=True, kw_only=True)
class Filled:
    """The database with some looks, the newest of them, and the first moment of an hour of a metric."""

    engine: Engine
    now: datetime
    hour: datetime


def value(component: str, metric: str, number: float | None, at: datetime, status: str = "OPERATIONAL") -> Measured:
    return Measured(component=component, metric=metric, value=number, status=HealthStatus(status), checked_at=at)


@pytest.fixture
def measured(empty: Engine) -> Filled:
    """A host twice, one long ago, a component, and an hour of a metric."""
    now = datetime.now(UTC)
    before, hour = now - timedelta(minutes=2), now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    looks = [
        *(value("host:here", "cpu_percent", 10, before), value("host:here", "memory_percent", 20, before)),
        value("host:here", "cpu_percent", 90, now, "DEGRADED"),
        value("host:gone", "cpu_percent", 1, now - timedelta(minutes=30)),
        value("web", "response_time_ms", 1, now),
    ]
    rates = [value("web", "rate", n % 5, hour + timedelta(minutes=n)) for n in range(15)]
    HealthWriter(empty).write([*looks, *rates, value("web", "rate", None, hour, "DOWN")])
    return Filled(engine=empty, now=now, hour=hour)


def test_the_newest_look_at_each_host(measured: Filled) -> None:
    """All its values and its status; what is ten minutes old says nothing, and components are no hosts."""
    (host,) = Measurements(measured.engine).hosts()
    assert (host.name, host.status, host.values) == ("here", HealthStatus.DEGRADED, {"cpu_percent": 90})
    assert host.checked_at == measured.now


def test_rollups_over_time(measured: Filled) -> None:
    """The newest first, with mean and deviation, looks by status; between two moments, and no more than asked for."""
    read, hour = Measurements(measured.engine), measured.hour
    found = read.rollups("web", "rate", limit=50)
    assert [one.bucket - hour for one in found] == [timedelta(minutes=n) for n in (10, 5, 0)]
    oldest = found[-1]
    assert (oldest.n, oldest.min, oldest.max, oldest.mean) == (5, 0, 4, 2)
    assert oldest.deviation == pytest.approx(2**0.5)
    assert oldest.looks[HealthStatus.DOWN] == 1
    five, ten = hour + timedelta(minutes=5), hour + timedelta(minutes=10)
    assert [one.bucket for one in read.rollups("web", "rate", limit=50, since=five, until=ten)] == [five]
    assert len(read.rollups("web", "rate", limit=2)) == 2
    assert read.rollups("nobody", "rate", limit=2) == []


def test_both_by_graphql(web: Web, measured: Filled) -> None:
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
