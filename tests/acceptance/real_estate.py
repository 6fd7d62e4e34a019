"""The real estate, as it was when something went wrong in it: request file, broker, database, and what heals them.

place = RealEstate(...)                       the fixture `place` of the test files
place.world.write("REQ-1 IN_PROGRESS P1")     as people and agents do
with place.wired() as estate:                 as the mechanisms do, on the settings alone
    keep(kept(estate))
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deliverable_fixtures import DeliverableBroker, payload
from fakes import NEVER_TRIPS, WIDE
from nats.aio.client import Client
from sqlalchemy import Engine, text
from starting_worlds import PIPELINE, Ahead, World
from uuid6 import uuid7
from workflow_fixtures import Impatient

from selfheal.bootstrap import Estate, wire
from selfheal.model.observation import Health
from selfheal.model.trigger import Source, Trigger
from selfheal.model.workflow import WorkflowStatus
from selfheal.policy.triggers import priority_of, type_of
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.keeping import Keeping
from selfheal.protocol.plain import plain_steps
from selfheal.protocol.starting import Starting
from selfheal.settings.file import parse

LAST = PIPELINE.last.index
ALL = tuple(range(LAST + 1))
EVENTS = "agog_orchestration_events"
_AGED = text(
    "UPDATE workflow_state SET started_at = now() - interval '9 hours', updated_at = now() - interval '9 hours',"
    " under_way_since = now() + :since * interval '1 minute' WHERE req_number LIKE :like"
)
Row = tuple[Any, ...]


@dataclass(kw_only=True)
class RealEstate:
    """What went wrong happens here.

    Attributes:
        world: the request file, and where the stores are.
        broker: with the streams of the profile.
        engine: the database.
    """

    world: World
    broker: DeliverableBroker
    engine: Engine

    @contextmanager
    def wired(self, **tables: Any) -> Iterator[Estate]:
        """What heals it, by settings of these tables beside the workflows' own; its waits are a tenth as long."""
        workflows = self.broker.settings(request_file=self.world.file) | tables.pop("workflows", {})
        healing = {"allow": ["workflows"], "lease": 3, **WIDE} | tables.pop("healing", {})
        tables = {"breakers": NEVER_TRIPS} | tables
        settings = parse({"workflows": workflows, "healing": healing, **tables}, source="the test")
        estate = wire(settings, database_url=self.world.database)
        starting, keeping, clock = started(estate), kept(estate), Ahead()
        try:
            yield replace(
                estate,
                healer=replace(estate.healer, clock=Impatient()),
                starting=replace(starting, clock=clock),
                keeping=replace(keeping, sources=replace(keeping.sources, clock=clock)),
            )
        finally:
            estate.close()

    @property
    def bytes(self) -> bytes:
        """Of the request file."""
        return Path(self.world.file).read_bytes()

    def silent(self, like: str = "%", *, since_minutes: int = 1) -> None:
        """Nothing was heard of these workflows for nine hours; the streams are as old as they, or as is said."""
        with self.engine.begin() as connection:
            connection.execute(_AGED, {"like": like, "since": since_minutes})

    def deliver(self, stages: Mapping[str, Sequence[int]]) -> None:
        """Deliverables of these stages, by request."""
        self.broker.publish(
            [
                {f"{PIPELINE.stages[one].subject}.{name}": payload(name, one) for one in of_it}
                for name, of_it in stages.items()
            ]
        )

    def started(self) -> list[tuple[str, int]]:
        """Whose work was started at which stage, as the agents are told."""
        state = self.broker.api(f"STREAM.INFO.{EVENTS}")["state"]

        async def work(client: Client) -> list[tuple[str, int]]:
            stream = client.jetstream()
            sequences = range(state["first_seq"], state["last_seq"] + 1)
            return [_event((await stream.get_msg(EVENTS, one)).data) for one in sequences]

        return self.broker.talk(work)

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """Of the database."""
        with self.engine.connect() as connection:
            return [tuple(one) for one in connection.execute(text(sql), values)]

    def run(self, sql: str, **values: Any) -> None:
        """A statement, as a moment that passes or a hand that meddles."""
        with self.engine.begin() as connection:
            connection.execute(text(sql), values)

    def states(self) -> dict[str, tuple[str, int, int]]:
        """Status, stage and version of each workflow."""
        found = self.rows("SELECT req_number, status, current_stage, version FROM workflow_state")
        return {name: (status, stage, version) for name, status, stage, version in found}

    def alerts(self) -> list[str]:
        """What people are told, in order."""
        return [one for (one,) in self.rows("SELECT message FROM alert_outbox ORDER BY created_at, id")]


def kept(estate: Estate) -> Keeping:
    """What keeps the states."""
    assert estate.keeping is not None
    return estate.keeping


def started(estate: Estate) -> Starting:
    """What starts workflows."""
    assert estate.starting is not None
    return estate.starting


def running(estate: Estate) -> list[str]:
    """The names of those that run."""
    return [one.req_number for one in started(estate).states.all(status=WorkflowStatus.RUNNING)]


def sick(estate: Estate, component: str) -> Trigger:
    """What a watcher raises for what it sees of this component, which is not well."""
    one = estate.healer.components[component]
    seen = estate.observer(one)
    assert seen.health is Health.SICK, seen
    kind = type_of(one, seen)
    return Trigger(
        id=uuid7(),
        type=kind,
        component=component,
        source=Source.WATCHER,
        priority=priority_of(one, kind),
        reason=seen.detail,
        detected_at=datetime.now(UTC),
    )


def healed(estate: Estate, trigger: Trigger) -> Result:
    """What becomes of it."""
    return heal(plain_steps(estate.healer), trigger)


def _event(data: bytes) -> tuple[str, int]:
    told = json.loads(data)
    return told["req_number"], told["stage"]


@pytest.fixture
def place(empty: Engine, database_url: str, broker: DeliverableBroker, tmp_path: Path) -> RealEstate:
    """No request yet."""
    world = World(
        database=database_url, broker=broker.url, login=broker.login, file=str(tmp_path / "OWNER_REQUESTS.md")
    )
    world.write(replace=True)
    return RealEstate(world=world, broker=broker, engine=empty)
