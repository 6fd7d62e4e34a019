"""replay as a flow: its named states, and the table that it leaves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect_fixtures import Server
from sqlalchemy import Engine

from flows.replay import replay
from selfheal import bootstrap
from selfheal.model.health import ComponentHealth, HealthStatus, Look
from selfheal.model.observation import Health

FILE = """\
[components.backend]
probe = "http"
url = "http://127.0.0.1:9/health"
"""


@pytest.fixture
def estate(
    prefect_server: Server, empty: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[bootstrap.Estate]:
    """An estate of one component, as the flow finds it in its environment."""
    del prefect_server, empty
    config = tmp_path / "selfheal.toml"
    config.write_text(FILE)
    monkeypatch.setenv("SELFHEAL_CONFIG", str(config))
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", database_url)
    bootstrap.current.cache_clear()
    yield bootstrap.current()
    bootstrap.current().close()
    bootstrap.current.cache_clear()


def test_it_ends_as_replayed_and_leaves_a_table(estate: bootstrap.Estate, prefect_server: Server) -> None:
    """Two sick looks an hour ago: with two strikes it would have been found."""
    began = datetime.now(UTC) - timedelta(hours=1)
    for number, health in enumerate([Health.HEALTHY, Health.SICK, Health.SICK, Health.HEALTHY]):
        look = Look(health=health, first=number == 0)
        status = HealthStatus.OPERATIONAL if health is Health.HEALTHY else HealthStatus.DEGRADED
        at = began + number * timedelta(seconds=5)
        row = ComponentHealth(component="backend", status=status, response_ms=1, detail="", checked_at=at, look=look)
        estate.health.record([row])
    state = replay(since="1 d", changes=["watching.strikes=2"], return_state=True)
    assert state.name == "Replayed"
    assert str(state.message).startswith("1 components, 1 differences; ")
    artifacts = prefect_server.client.request("POST", "/artifacts/latest/filter", json={}).json()
    assert {"replay", "replay-differences"} <= {one["key"] for one in artifacts}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"changes": ["watching.strike=2"]}, "did you mean 'strikes'?"),
        ({"since": "soon"}, "is no duration"),
        ({"component": "bakend"}, "did you mean 'backend'?"),
    ],
)
def test_what_makes_no_sense_ends_as_not_replayed(
    estate: bootstrap.Estate, asked: dict[str, object], words: str
) -> None:
    """With the words that the command line has for it."""
    state = replay(**asked, return_state=True)
    assert state.name == "NotReplayed"
    assert words in str(state.message)
