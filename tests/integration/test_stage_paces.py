"""How long a stage usually takes: by the starts of ours that delivered, of the same stage and agent."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from uuid6 import uuid7
from workflow_values import PIPELINE, a_workflow

from selfheal.store.stage_paces import StagePaces
from selfheal.store.workflows import WorkflowStates

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
M = timedelta(minutes=1)
NAME = "REQ-OPEN-1"


class Past:
    """What was started before, and one that is under way for 50 min."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.count = engine, 0
        self.started(NAME, ending=None, begun=NOON - 50 * M)

    def started(
        self,
        name: str = "",
        *,
        took: timedelta = M,
        ending: str | None = "COMPLETED",
        stage: int = 0,
        agent: str = "ada",
        published: bool = True,
        begun: datetime = NOON,
    ) -> None:
        self.count += 1
        name = name or f"REQ-PAST-{self.count}"
        WorkflowStates(self.engine, PIPELINE).create(a_workflow(name), who="test", why="test")
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO workflow_starts (id, req_number, stage, agent, breaker, generation, file_before,"
                    " state, claimed_at, published_at, ended_at, ending, reason)"
                    " VALUES (:id, :name, :stage, :agent, 'agent:ada', 1, 'NEW', :state, :begun, :published, :ended,"
                    " :ending, :reason)"
                ),
                {
                    "id": uuid7(),
                    "name": name,
                    "stage": stage,
                    "agent": agent,
                    "state": "PUBLISHED" if published else "CLAIMED",
                    "begun": begun,
                    "published": begun if published else None,
                    "ended": None if ending is None else begun + took,
                    "ending": ending,
                    "reason": None if ending is None else "so",
                },
            )


@pytest.fixture
def past(empty: Engine) -> Past:
    return Past(empty)


def test_a_pace_is_of_deliveries_of_the_same_stage_and_agent(past: Past) -> None:
    """What failed, timed out, was another agent's, or another stage's, tells nothing of how long it takes."""
    for minutes in (3, 12, 7):
        past.started(took=minutes * M)
    past.started(took=40 * M, ending="TIMED_OUT")
    past.started(took=40 * M, ending="FAILED")
    past.started(took=40 * M, stage=1)
    past.started(took=40 * M, agent="bob")
    pace = StagePaces(past.engine).of(NAME, 0)
    assert pace is not None
    assert (pace.since, pace.known, pace.slowest) == (NOON - 50 * M, 3, 12 * M)


def test_only_the_latest_hundred_count(past: Past) -> None:
    """A stage that has become faster is judged by what it takes now."""
    past.started(took=40 * M, begun=NOON - timedelta(days=9))
    for _ in range(100):
        past.started(took=5 * M)
    pace = StagePaces(past.engine).of(NAME, 0)
    assert pace is not None
    assert (pace.known, pace.slowest) == (100, 5 * M)


def test_without_a_start_of_ours_there_is_none(past: Past) -> None:
    """Another stage, one that was never published, one that nobody of ours has started; and nothing is known of it."""
    past.started("REQ-CLAIMED-1", ending=None, published=False)
    paces = StagePaces(past.engine)
    assert (paces.of(NAME, 1), paces.of("REQ-CLAIMED-1", 0), paces.of("REQ-ABSENT-1", 0)) == (None, None, None)
    pace = paces.of(NAME, 0)
    assert pace is not None
    assert (pace.known, pace.slowest) == (0, timedelta(0))
