"""agent-health and retention as flows: their named states, what they leave, and how often agent-health looks."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from deliverable_fixtures import DeliverableBroker
from fakes import FakeClock
from prefect_fixtures import Server
from sqlalchemy import Engine, text

from flows.agent_health import agent_health
from flows.retention import retention
from selfheal import bootstrap
from selfheal.model.attempt import Holder
from selfheal.model.errors import Transient
from selfheal.model.health import HealthStatus, Measured
from selfheal.model.host import HostLimits
from selfheal.store.health_writing import HealthWriter
from selfheal.store.hosts import Hosts
from selfheal.store.runs import MechanismRuns
from tasks.hosts import keep_look

Wire = Callable[..., bootstrap.Estate]


@pytest.fixture
def wire(  # noqa: PLR0917 - a fixture list is not an interface
    prefect_server: Server,
    empty: Engine,
    database_url: str,
    broker: DeliverableBroker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Wire]:
    """Wires an estate of nothing but a broker, as the flows find it in their environment."""
    del prefect_server, empty
    known: list[bootstrap.Estate] = []

    def wired(more: str = "", **host: Any) -> bootstrap.Estate:
        config = tmp_path / "selfheal.toml"
        config.write_text(
            f'[agent_health]\nname = "here"\nurl = "{broker.url}"\nusername = "{broker.login[0]}"\n'
            f'password = "{broker.login[1]}"\nmemory_percent = 100\ndisk_percent = 100\ncpu_percent = 100\n{more}'
        )
        monkeypatch.setenv("SELFHEAL_CONFIG", str(config))
        monkeypatch.setenv("SELFHEAL_DATABASE_URL", database_url)
        bootstrap.current.cache_clear()
        found = bootstrap.current()
        known.append(replace(found, host=replace(found.host, clock=RealTimeOfFake(), **host)))
        monkeypatch.setattr("flows.agent_health.current", lambda: known[-1])
        monkeypatch.setattr("tasks.hosts.current", lambda: known[-1])
        return known[-1]

    yield wired
    for one in known:
        one.close()
    bootstrap.current.cache_clear()


class RealTimeOfFake(FakeClock):
    """Time that passes only by waiting, and began now: the database has a clock of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.began = datetime.now(UTC) - timedelta(minutes=10)

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.seconds)


def ended(flow: Any, **parameters: Any) -> tuple[str | None, str]:
    """The name of the run's final state, and its message."""
    state = flow(**parameters, return_state=True)
    return state.name, str(state.message)


def looked(engine: Engine) -> list[datetime]:
    """When the host was looked at."""
    question = text("SELECT DISTINCT checked_at FROM health_history WHERE component = 'host:here' ORDER BY 1")
    with engine.connect() as connection:
        return list(connection.scalars(question))


def test_a_run_looks_as_often_as_is_due(wire: Wire, empty: Engine) -> None:
    """Three looks in the five minutes of a run when all is well, and the next run goes on where it ended."""
    estate = wire()
    assert ended(agent_health) == ("Operational", "3 looks; nothing is wrong")
    looks = looked(empty)
    assert [round((one - looks[0]).total_seconds()) for one in looks] == [0, 120, 240]
    assert set(estate.runs.latest(["agent-health"])) == {"agent-health"}
    estate.host.clock.wait(60)
    assert ended(agent_health) == ("Operational", "2 looks; nothing is wrong")
    assert [round((one - looks[0]).total_seconds()) for one in looked(empty)] == [0, 120, 240, 360, 480]


def test_while_something_is_wrong_it_looks_every_minute(wire: Wire, empty: Engine) -> None:
    """A critical file is missing: five looks, and a person is told once."""
    wire('files = ["/no/such/file"]\n')
    name, message = ended(agent_health)
    assert (name, message.partition(";")[0]) == ("Down", "5 looks")
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alert_outbox")) == 1


def test_a_dry_run_tells_and_writes_nothing(wire: Wire, empty: Engine) -> None:
    """What is wrong now, in words."""
    wire('files = ["/no/such/file"]\n')
    words = "the critical file /no/such/file cannot be read: No such file or directory"
    assert ended(agent_health, dry_run=True) == ("DryRun", words)
    assert looked(empty) == []


def test_pressure_is_a_trigger_where_the_host_has_a_ladder(
    wire: Wire, empty: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes through admission like any other, which says that the named action does not fit a host."""
    monkeypatch.setattr("flows.agent_health.TURN", timedelta(seconds=50))
    wire('ladder = ["clear-caches"]\n[healing]\nallow = ["host"]\n', limits=HostLimits(memory_percent=0.1))
    assert ended(agent_health)[0] == "Degraded"
    with empty.connect() as connection:
        found = connection.execute(text("SELECT component, trigger_type, source, decision FROM healing_triggers")).all()
    assert [tuple(row) for row in found] == [("host", "HOST_PRESSURE", "agent-health", "NO_ACTION")]


class Away(Hosts):
    """A store whose database is away."""

    def record(self, rows: object) -> None:
        raise Transient(f"the database is away, with {len(list(rows))} values")  # type: ignore[call-overload]


def test_what_could_not_be_written_is_no_success(wire: Wire, empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is away: it is published all the same, and the run has failed with the reason."""
    monkeypatch.setattr("flows.agent_health.TURN", timedelta(seconds=60))
    monkeypatch.setattr("flows.agent_health.keep_look", keep_look.with_options(retries=0))
    wire(store=Away(empty))
    name, message = ended(agent_health)
    assert name == "NotLooked"
    assert re.search("what was seen last could not be written down: .*the database is away, with 5 values", message)


def test_retention_drops_what_is_old(wire: Wire, empty: Engine) -> None:
    """A dry run names the days and drops nothing; the run drops them, and one more finds nothing."""
    wire()
    old = datetime.now(UTC) - timedelta(days=50)
    row = Measured(component="a", metric="m", value=1, status=HealthStatus.OPERATIONAL, checked_at=old)
    HealthWriter(empty).write([row])
    name, message = ended(retention, dry_run=True)
    partition = f"health_history_{old:%Y%m%d}"
    assert (name, partition in message) == ("DryRun", True)
    name, message = ended(retention)
    assert (name, partition in message) == ("Forgotten", True)
    assert ended(retention)[1].startswith("0 partitions, ")


def test_what_cannot_be_dropped_keeps_nothing_else(wire: Wire, empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody reads the values for hours: signatures go all the same, and the run says what stays."""
    wire()
    runs, holder = MechanismRuns(empty), Holder(host="here", pid=1, started=1)
    for _ in range(2):
        run_id = uuid4()
        runs.begin(run_id, "reconcile", holder)
        runs.end(run_id)
    with empty.begin() as connection:
        past = "began_at = began_at - interval '20 d', ended_at = ended_at - interval '20 d'"
        connection.execute(text(f"UPDATE mechanism_runs SET {past}"))  # noqa: S608 - of this line

    def held() -> None:
        raise Transient("canceling statement due to lock timeout")

    monkeypatch.setattr("flows.retention.drop_old", held)
    name, message = ended(retention)
    assert (name, message.partition(";")[0]) == (
        "NotForgotten",
        "partitions: canceling statement due to lock timeout",
    )
    assert "; 1 signatures, " in message
