"""STUCK_SOON on the real stores at once: request file, `workflow_state`, JetStream, our starts, heals in Postgres."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deliverable_fixtures import PIPELINE, DeliverableBroker
from fakes import WIDE
from sqlalchemy import Engine, text
from starting_worlds import World, turn
from uuid6 import uuid7
from workflow_fixtures import Impatient, dispatcher
from workflow_values import a_workflow

from selfheal.bootstrap import Estate, wire
from selfheal.model.start import StartState
from selfheal.model.trigger import Trigger
from selfheal.model.workflow import WorkflowStatus
from selfheal.protocol.keeping import keep
from selfheal.protocol.predicting import Turn
from selfheal.protocol.starting import Starting
from selfheal.settings.file import parse
from selfheal.store.workflows import WorkflowStates

NAME = "REQ-A-1"
FIRST = PIPELINE.stages[0]
LIMIT = FIRST.timeout
FIVE = timedelta(minutes=5)
AUTO = {"prediction": {"preempt": {"actions": {"retry-workflow": "auto"}}}}


class Later(Impatient):
    """The real clock, five minutes ahead of itself with each run: the forecast looks once in five."""

    def __init__(self) -> None:
        self.ahead = -FIVE

    def now(self) -> Any:
        return super().now() + self.ahead


@dataclass(kw_only=True)
class Shop:
    """An estate of real stores, wired by its settings alone.

    Attributes:
        world: where the stores are.
        broker: the streams of the profile.
        engine: the database.
        owner: the same, as who may write what was long ago.
        estate: that foretells and heals.
        works: that starts workflows.
    """

    world: World
    broker: DeliverableBroker
    engine: Engine
    owner: Engine
    estate: Estate
    works: Starting
    clock: Later

    def foretold(self) -> Turn:
        """One run of predictive-health."""
        self.clock.ahead += FIVE
        return replace(self.estate.predicting, clock=self.clock).turn()

    def kept(self) -> None:
        """One run of workflow-persistence."""
        keep(self.world.keeping(self.engine))

    def due(self) -> list[Trigger]:
        return list(self.estate.raised.due(limit=10, pause=timedelta(seconds=1)))

    def run(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.owner.begin() as connection:
            found = connection.execute(text(sql), values)
            return [tuple(row) for row in found.all()] if found.returns_rows else []

    def deliveries(self, count: int, slowest: timedelta) -> None:
        """So many starts of ours of the first stage have delivered, the slowest of them after so long."""
        states = WorkflowStates(self.engine, PIPELINE)
        for number in range(count):
            name = f"REQ-PAST-{number}"
            over = a_workflow(name, status=WorkflowStatus.FAILED, file_status="FAILED")
            states.create(over, who="the test", why="a past")
            self.run(
                "INSERT INTO workflow_starts (id, req_number, stage, agent, breaker, generation, file_before, state,"
                " claimed_at, published_at, recorded_at, ended_at, ending, reason, told_at)"
                " VALUES (:id, :name, 0, :agent, :breaker, 0, 'NEW', 'RECORDED', now() - :slowest, now() - :slowest,"
                " now(), now(), 'COMPLETED', 'so', now())",
                id=uuid7(),
                name=name,
                agent=FIRST.agent,
                breaker=f"agent:{FIRST.agent}",
                slowest=slowest,
            )

    def started(self, silent: timedelta) -> None:
        """One that admission has started, and of which nothing was heard for so long."""
        self.world.write(f"{NAME} NEW P1")
        self.kept()
        assert NAME in turn(self.works).started
        self.run(
            "UPDATE workflow_state SET started_at = now() - :silent, updated_at = now() - :silent,"
            " under_way_since = now() + interval '1 minute' WHERE req_number = :name",
            silent=silent,
            name=NAME,
        )
        self.run(
            "UPDATE workflow_starts SET claimed_at = now() - :silent, published_at = now() - :silent"
            " WHERE req_number = :name",
            silent=silent,
            name=NAME,
        )

    def says(self) -> tuple[str, str, int]:
        """What file and state say."""
        row = self.works.states.get(NAME)
        assert row is not None
        return self.world.status(NAME), row.status.value, row.current_stage

    def outcomes(self) -> list[tuple[Any, ...]]:
        return self.run("SELECT component, outcome, ended_at IS NOT NULL FROM predictions WHERE rule = 'STUCK_SOON'")


@pytest.fixture
def shop(
    database_url: str, empty: Engine, owner_engine: Engine, broker: DeliverableBroker, tmp_path: Path
) -> Iterator[Shop]:
    """No request yet; deliveries of 20 before took a third of the limit."""
    world = World(database=database_url, broker=broker.url, login=broker.login, file=str(tmp_path / "REQUESTS.md"))
    world.write(replace=True)
    values = {
        "workflows": broker.settings(request_file=world.file),
        "healing": {"allow": ["workflows"], "lease": 3, **WIDE},
        **AUTO,
    }
    with closing(wire(parse(values, source="the test"), database_url=database_url)) as estate:
        made = Shop(
            world=world,
            broker=broker,
            engine=empty,
            owner=owner_engine,
            estate=replace(estate, healer=replace(estate.healer, clock=Impatient())),
            works=world.starting(empty),
            clock=Later(),
        )
        made.deliveries(20, LIMIT / 3)
        yield made


def test_one_whose_agent_is_dead_is_started_anew_before_it_is_stuck(shop: Shop) -> None:
    """Foretold, put back, its start cancelled, started again as another message; the prediction is PREVENTED."""
    shop.started(0.8 * LIMIT)
    (raised,) = shop.foretold().raised
    assert (raised.component, raised.rule.value) == (NAME, "STUCK_SOON")
    (trigger,) = shop.due()
    result = dispatcher(shop.estate)(trigger)
    assert result.name == "Healed", result.message
    assert "none of its last 20 deliveries took more than" in result.message
    assert shop.says() == ("PENDING", "pending", 0)
    shop.foretold()
    assert shop.outcomes() == [(NAME, "PREVENTED", True)]
    assert turn(shop.works).started == {NAME: f"stage 0 ({FIRST.agent})"}
    asked = "SELECT ending, state FROM workflow_starts WHERE req_number = :name ORDER BY claimed_at"
    starts = shop.run(asked, name=NAME)
    assert starts == [("CANCELLED", "RECORDED"), (None, StartState.RECORDED.value)]
    assert shop.run("SELECT count(*) FROM circuit_breaker_results WHERE NOT success") == [(0,)]
    assert shop.foretold().standing == []


def test_one_that_delivers_meanwhile_is_left_to_its_agent(shop: Shop) -> None:
    """Its deliverable is on the stream when the heal looks: nothing is moved, and what was foretold is taken back."""
    shop.started(0.8 * LIMIT)
    shop.foretold()
    (trigger,) = shop.due()
    shop.broker.deliver(NAME, 0)
    result = dispatcher(shop.estate)(trigger)
    assert result.name != "Healed", result.message
    assert shop.says()[:2] == ("IN_PROGRESS", "running")
    shop.foretold()
    assert shop.outcomes() == [(NAME, "MISS", True)]


def test_with_the_broker_away_nothing_is_foretold_and_nothing_moves(shop: Shop) -> None:
    """What stands goes on to stand; the heal finds that nobody can tell, and leaves the file as it was."""
    shop.started(0.8 * LIMIT)
    shop.foretold()
    (trigger,) = shop.due()
    before = Path(shop.world.file).read_bytes()
    shop.broker.stop()
    try:
        assert [one.component for one in shop.foretold().standing] == [NAME]
        assert dispatcher(shop.estate)(trigger).name != "Healed"
    finally:
        shop.broker.start()
    assert Path(shop.world.file).read_bytes() == before
    assert shop.says() == ("IN_PROGRESS", "running", 0)
    assert shop.outcomes() == [(NAME, None, False)]
