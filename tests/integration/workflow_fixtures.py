"""An estate with workflows whose heals are real: admission, attempts, storms and alerts in Postgres.

`tests/conftest.py` imports the fixture `shop`.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest
from fakes import WIDE
from sqlalchemy import Engine, text
from workflow_memory import HOUR, MemoryDeliverables, MemoryFile, MemoryPaces, MemoryStates

from selfheal.bootstrap import Estate, wire
from selfheal.clients.clock import SystemClock
from selfheal.model.recovery import Standing
from selfheal.model.trigger import Trigger
from selfheal.policy.recovery_turn import Turn
from selfheal.ports import WorkflowStore
from selfheal.protocol.escalated_work import causes, going_on, tell_of_unknown
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.plain import plain_steps
from selfheal.protocol.recovery import Recovery, dispatched, stuck_trigger
from selfheal.settings.file import parse
from selfheal.wiring.workflows import WorkflowPorts


class Impatient(SystemClock):
    """Of each wait a tenth, and time limits come as much earlier: what is verified is in memory, and not late."""

    def monotonic(self) -> float:
        return super().monotonic() * 10

    def wait(self, seconds: float) -> None:
        super().wait(seconds / 10)


@dataclass(kw_only=True)
class Shop:
    """The estate, and what its workflows are read from."""

    database_url: str
    engine: Engine
    file: MemoryFile = field(default_factory=MemoryFile)
    states: MemoryStates = field(default_factory=MemoryStates)
    broker: MemoryDeliverables = field(default_factory=MemoryDeliverables)
    paces: MemoryPaces = field(default_factory=MemoryPaces)
    estates: list[Estate] = field(default_factory=list)

    def estate(self, **values: Any) -> Estate:
        """Wired anew, as another process would be."""
        workflows = {"request_file": "/srv/OWNER_REQUESTS.md", **values.pop("workflows", {})}
        healing = {"allow": ["workflows"], "lease": 3, **WIDE, **values.pop("healing", {})}
        settings = parse({"workflows": workflows, "healing": healing, **values}, source="the test")
        ports = WorkflowPorts(
            file=self.file,
            states=cast("WorkflowStore", self.states),
            deliverables=self.broker,
            escalations=self.broker,
            paces=self.paces,
        )
        estate = wire(settings, database_url=self.database_url, ports=ports)
        estate = replace(estate, healer=replace(estate.healer, clock=Impatient()))
        self.estates.append(estate)
        return estate

    def add(
        self,
        name: str,
        status: str = "IN_PROGRESS",
        *,
        priority: str = "P1",
        ago: timedelta = 4 * HOUR,
        words: str = "",
    ) -> str:
        """A request that the file and the state know."""
        self.file.add(name, status, priority=priority, text=words)
        self.states.add(name, status, priority=priority, ago=ago)
        return name

    def says(self, name: str) -> tuple[str, str, int]:
        """What file and state say of it."""
        row = self.states.rows[name]
        return self.file.entries[name].status, row.status.value, row.current_stage

    def rows(self, sql: str, **values: Any) -> list[Mapping[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(one) for one in connection.execute(text(sql), values).mappings()]


def recovery(estate: Estate) -> Recovery:
    assert estate.recovery is not None
    return estate.recovery


def dispatcher(estate: Estate) -> Callable[[Trigger], Result]:
    """Dispatch without a Prefect server, as where that does not answer."""
    return lambda trigger: heal(plain_steps(estate.healer), trigger)


def take_turn(estate: Estate) -> tuple[Turn, str, Mapping[str, Any]]:
    """One turn of recovery-health-check, its steps in its order."""
    found = recovery(estate)
    survey = found.looks.all()
    turn, storm = found.choose(survey)
    stuck = {one.verdict.req_number: one for one in survey.standing(Standing.STUCK)}
    plans = [(stuck[name], plan) for name in turn.chosen if (plan := stuck[name].verdict.plan)]
    now = found.clock.now()
    ended = dispatched(dispatcher(estate), [stuck_trigger(look, plan, now=now) for look, plan in plans])
    found.close_recovered(survey)
    found.tell_persons(survey)
    return turn, storm, ended


def complete_escalated(estate: Estate) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """One turn of workflow-recovery, its steps in its order: what was healed, and what went on."""
    found = recovery(estate)
    survey = found.looks.all()
    healed = dispatched(dispatcher(estate), [one.trigger for one in causes(found, survey)])
    ended = dispatched(dispatcher(estate), going_on(found, survey, healed))
    tell_of_unknown(found, survey)
    return healed, ended


def shuffled(names: list[str]) -> list[str]:
    return random.Random(7).sample(names, len(names))  # noqa: S311 - an order, not a secret


@pytest.fixture
def shop(database_url: str, empty: Engine) -> Iterator[Shop]:
    """No workflow yet."""
    made = Shop(database_url=database_url, engine=empty)
    yield made
    for estate in made.estates:
        estate.close()


__all__ = ["Shop", "complete_escalated", "dispatcher", "recovery", "shop", "shuffled", "take_turn"]
