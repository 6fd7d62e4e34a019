"""predictive-health as a flow: its named states, what it shows, and a dry run that leaves nothing."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from prediction_worlds import World, calm, leak
from prefect_fixtures import Server
from sqlalchemy import Engine

from flows.predictive_health import predictive_health
from selfheal import bootstrap
from selfheal.model.errors import Transient
from selfheal.protocol.predicting import Predicting, Turn
from tasks.predicting import foretell

CONFIG = """
[healing]
allow = ["backend"]
[supervisors.main]
url = "http://127.0.0.1:9001"
[components.backend]
probe = "http"
url = "http://127.0.0.1:1/"
supervisor = "main"
program = "backend"
ladder = ["restart-service"]
"""
Wire = Callable[..., World]


@pytest.fixture
def wire(
    prefect_server: Server, empty: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Wire]:
    """Wires an estate of one component, as the flow finds it in its environment, with the clock of a world."""
    del prefect_server
    config = tmp_path / "selfheal.toml"
    config.write_text(CONFIG)
    monkeypatch.setenv("SELFHEAL_CONFIG", str(config))
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", database_url)
    bootstrap.current.cache_clear()
    found = bootstrap.current()

    def wired(more: Callable[[Predicting], Predicting] = lambda one: one) -> World:
        world = World(engine=empty)
        estate = replace(found, predicting=more(replace(found.predicting, clock=world.clock)))
        for place in ("flows.predictive_health", "tasks.predicting", "tasks.reporting.predictions"):
            monkeypatch.setattr(f"{place}.current", lambda: estate)
        return world

    yield wired
    found.close()
    bootstrap.current.cache_clear()


def ended(**parameters: Any) -> tuple[str | None, str]:
    """The name of the run's final state, and its message."""
    state = predictive_health(**parameters, return_state=True)
    return state.name, str(state.message)


def artifacts(server: Server, kind: str) -> list[dict[str, Any]]:
    """The newest of each key, and those of runs."""
    wanted = {"artifacts": {"type": {"any_": [kind]}}, "sort": "CREATED_DESC", "limit": 20}
    return list(httpx.post(f"{server.url}/artifacts/filter", json=wanted).json())


def test_what_it_foretells_stands_in_its_state_and_artifacts(wire: Wire, prefect_server: Server) -> None:
    """Quiet, then NotDue, then Foretold with the words; a table of what stands, and a page with the track record."""
    world = wire()
    world.measured(calm(600))
    assert ended()[0] == "Quiet"
    name, message = ended()
    assert (name, message.partition(";")[0]) == ("NotDue", "no five minutes are over since the last look")
    world.after(20)
    world.measured(leak(20))
    name, message = ended()
    assert name == "Foretold"
    assert "backend: memory_percent is" in message
    assert "will reach 95" in message
    rows = json.loads(artifacts(prefect_server, "table")[0]["data"])
    assert [(row["component"], row["rule"]) for row in rows] == [("backend", "BREACH_FORETOLD")]
    page = artifacts(prefect_server, "markdown")[0]["data"]
    assert "## New" in page
    assert "| BREACH\\_FORETOLD | 1 | 0 |" in page


def test_a_dry_run_tells_and_leaves_nothing(wire: Wire) -> None:
    """The same words, no row anywhere."""
    world = wire()
    world.measured([*calm(600), *leak(20)])
    name, message = ended(dry_run=True)
    assert name == "DryRun"
    assert "will reach 95" in message
    counts = world.all(
        "SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM forecast_state),"
        " (SELECT count(*) FROM raised_triggers), (SELECT count(*) FROM alert_outbox)"
    )
    assert tuple(counts[0]) == (0, 0, 0, 0)


class Away(Predicting):
    """A store whose database is away."""

    def turn(self, *, dry_run: bool = False) -> Turn:
        raise Transient(f"the database is away (dry run: {dry_run})")


def test_without_its_database_it_has_failed_and_says_so(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """NotLooked, with the reason; the task is tried again before."""
    monkeypatch.setattr("flows.predictive_health.foretell", foretell.with_options(retries=0))
    wire(lambda one: Away(**vars(one)))
    assert ended() == ("NotLooked", "the database is away (dry run: False)")
