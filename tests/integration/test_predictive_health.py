"""predictive-health on a real Postgres: what begins, stands, ends and is settled, and what it remembers."""

import pytest
from prediction_worlds import World, calm, leak
from sqlalchemy import Engine

from selfheal.model.trigger import TriggerType


@pytest.fixture
def world(empty: Engine) -> World:
    """An estate of which nothing is known yet."""
    return World(engine=empty)


def test_a_leak_is_foretold_once_with_its_trigger(world: World) -> None:
    """The prediction, its trigger under the same id, and one run every five minutes that remembers the others."""
    world.measured(calm(600))
    first = world.turn()
    assert (first.series, first.standing, first.note) == (1, [], "nothing was remembered: it begins with the last week")
    turns = world.go(leak(24))
    raised = [one for turn in turns for one in turn.raised]
    assert [(one.rule, one.component, one.threshold) for one in raised] == [
        (TriggerType.BREACH_FORETOLD, "backend", 95.0)
    ]
    assert raised[0].breach_at is not None
    assert {turn.note for turn in turns} == {""}
    assert turns[-1].standing == raised
    rows = world.all("SELECT t.id, t.trigger_type, t.source, t.component, t.priority FROM raised_triggers t")
    assert [tuple(row) for row in rows] == [(raised[0].id, "BREACH_FORETOLD", "predictive-health", "backend", "HIGH")]
    assert world.all("SELECT prediction_stands(:id)", id=raised[0].id)[0][0]
