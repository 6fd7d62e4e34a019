"""Recovery on the real stores at once: a request file, `workflow_state`, JetStream, and heals in Postgres."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from deliverable_fixtures import DeliverableBroker
from fakes import WIDE
from request_files import HEAD, entry
from sqlalchemy import Engine, text
from workflow_fixtures import Impatient, recovery, take_turn
from workflow_values import a_workflow

from selfheal.bootstrap import Estate, wire
from selfheal.model.request import RequestStatus
from selfheal.model.workflow import STATUS_OF
from selfheal.settings.file import parse
from selfheal.store.workflows import WorkflowStates

LATER = timedelta(hours=3)


class Later(Impatient):
    """The clock of three hours from now: what was delivered just now is silent since then."""

    def now(self) -> datetime:
        return super().now() + LATER


@dataclass(kw_only=True)
class Real:
    """An estate of real stores.

    Attributes:
        file: the request file.
        broker: with the streams of the profile, which may have kept everything since the requests began.
        engine: the database.
        estate: wired by the settings alone.
        since: its streams have kept everything since then.
    """

    file: Path
    broker: DeliverableBroker
    engine: Engine
    estate: Estate
    since: datetime

    def add(self, *names: str, status: str = "IN_PROGRESS") -> None:
        """Requests in the file and in the state, under way since the streams were made."""
        written = "".join(entry(index, status=status, priority="P1", name=name) for index, name in enumerate(names))
        self.file.write_text(HEAD + written)
        states = WorkflowStates(self.engine, self.estate.settings.workflows.pipeline())
        for name in names:
            row = a_workflow(
                name,
                status=STATUS_OF[RequestStatus(status)],
                file_status=status,
                updated_at=self.since,
                under_way_since=self.since,
            )
            assert states.create(row, who="the test", why="begun")

    def says(self, name: str) -> tuple[str, str, int]:
        found = recovery(self.estate).file.read().entry(name)
        row = recovery(self.estate).states.get(name)
        assert found is not None
        assert row is not None
        return found.status, row.status.value, row.current_stage


@pytest.fixture
def real(database_url: str, empty: Engine, broker: DeliverableBroker, tmp_path: Path) -> Iterator[Real]:
    """No request yet."""
    broker.clear()
    since = broker.make_streams()
    file = tmp_path / "OWNER_REQUESTS.md"
    file.write_text(HEAD)
    values = {
        "workflows": broker.settings(request_file=str(file)),
        "healing": {"allow": ["workflows"], "lease": 3, **WIDE},
    }
    estate = wire(parse(values, source="the test"), database_url=database_url)
    clock = Later()
    healer = replace(estate.healer, clock=clock)
    found = recovery(estate)
    found.looks._clock = clock
    estate = replace(estate, healer=healer, recovery=replace(found, clock=clock))
    yield Real(file=file, broker=broker, engine=empty, estate=estate, since=since)
    estate.close()


def test_file_state_and_stream_agree_afterwards(real: Real) -> None:
    """In between, from the beginning, and complete: each in the file, in the state and in the history, once."""
    real.add("REQ-BETWEEN-1", "REQ-NOTHING-1", "REQ-WHOLE-1")
    real.broker.deliver("REQ-BETWEEN-1", 0, 1, 3)
    real.broker.deliver("REQ-WHOLE-1", *range(7))
    before = real.file.read_bytes()
    _, storm, ended = take_turn(real.estate)
    assert (storm, {one.name for one in ended.values()}) == ("", {"Healed"})
    assert real.says("REQ-BETWEEN-1") == ("PENDING", "pending", 2)
    assert real.says("REQ-NOTHING-1") == ("PENDING", "pending", 0)
    assert real.says("REQ-WHOLE-1") == ("COMPLETE", "complete", 6)
    changed = [
        (old, new)
        for old, new in zip(before.splitlines(), real.file.read_bytes().splitlines(), strict=True)
        if old != new
    ]
    assert len(changed) == 3
    assert {old for old, _ in changed} == {b"**Status**: IN_PROGRESS"}
    with real.engine.connect() as connection:
        rows = connection.execute(text("SELECT recovery_type, success FROM workflow_recovery_history")).tuples().all()
    assert sorted(rows) == [("AUTO_RESUME", True), ("MARK_COMPLETE", True), ("MARK_PENDING", True)]
    assert recovery(real.estate).states.recoveries(["REQ-BETWEEN-1", "REQ-WHOLE-1"]) == {
        "REQ-BETWEEN-1": 1,
        "REQ-WHOLE-1": 0,
    }


def test_with_the_broker_down_nothing_moves(real: Real) -> None:
    """No byte of the file, no state, no attempt; once it is back, the same workflows are recovered."""
    names = [f"REQ-DOWN-{index}" for index in range(4)]
    real.add(*names)
    before = real.file.read_bytes()
    real.broker.stop()
    try:
        turn, storm, ended = take_turn(real.estate)
    finally:
        real.broker.start()
    assert (turn.chosen, storm, ended) == ((), "", {})
    assert real.file.read_bytes() == before
    with real.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM healing_actions")) == 0
        assert connection.scalar(text("SELECT max(version) FROM workflow_state")) == 1
    assert len(take_turn(real.estate)[2]) == 4


def test_streams_that_are_gone_move_nothing(real: Real) -> None:
    """A broker that answers and has lost its streams tells of nothing that is absent."""
    real.add("REQ-GONE-1")
    real.broker.clear()
    before = real.file.read_bytes()
    assert take_turn(real.estate)[2] == {}
    assert real.file.read_bytes() == before


def test_a_file_that_was_wiped_moves_nothing(real: Real) -> None:
    """Nineteen lines in place of sixty requests: nothing is stuck, nothing is written, and the state stays."""
    real.add(*[f"REQ-WIPED-{index}" for index in range(60)])
    recovery(real.estate).file.read()
    real.file.write_text("# Owner requests\n\n### REQ-WIPED-1: one\n\n**Status**: IN_PROGRESS\n")
    turn, _, ended = take_turn(real.estate)
    assert (turn.chosen, ended) == ((), {})
    assert real.says("REQ-WIPED-1")[:2] == ("IN_PROGRESS", "running")
