"""What predictive-health has foretold, replayed over what was measured: as it is set it is what was recorded."""

from datetime import timedelta

import pytest
from fakes import FakeClock
from prediction_worlds import ESTATE, World, calm, leak
from sqlalchemy import Engine

from selfheal.actions.table import Toolbox, build
from selfheal.model.page import Slice
from selfheal.model.prediction import Prediction
from selfheal.model.replay import Replayed, Rule
from selfheal.replay.asking import question_of
from selfheal.replay.compare import AS_SET, RECORDED, WOULD_BE
from selfheal.replay.foretold import PastPredictions, foretold
from selfheal.settings.file import parse
from selfheal.store.reading.predictions import PredictionReports
from selfheal.wiring.replay import replay_of


@pytest.fixture
def world(empty: Engine) -> World:
    """A calm past, then a leak that reaches its limit, with a run of predictive-health every five minutes."""
    world = World(engine=empty)
    world.measured(calm(600))
    world.turn()
    world.go([*leak(40), *calm(6)])
    return world


def replayed(world: World, *changes: str, rules: tuple[str, ...] = ()) -> Replayed:
    settings, until = parse(dict(ESTATE), source="the test"), world.now
    question = question_of(settings, since=until - timedelta(hours=6), until=until, changes=changes, rules=rules)
    actions = build(Toolbox(controls={}, observe=None, broker=None, http=None, clock=FakeClock()))  # type: ignore[arg-type] # only asked what fits
    return replay_of(world.engine, question, actions, clock=world.clock).run()


def key(one: Prediction) -> tuple[object, ...]:
    ended_at = one.ended_at and one.ended_at.replace(second=0, microsecond=0)  # a run begins when it begins
    return one.rule, one.component, one.metric, one.raised_at, one.threshold, one.breach_at, ended_at, one.outcome


def test_as_it_is_set_it_is_what_was_foretold(world: World) -> None:
    """The same predictions, raised and ended with the same five minutes, and the same is known of them."""
    predicting = world.predicting()
    written = PredictionReports(world.engine).page(Slice(limit=50)).items
    recorded, began = [key(one) for one in written], min(one.raised_at for one in written) - timedelta(hours=1)
    past = PastPredictions(measured=predicting.store, since=began, tried={}, faults={})
    found = [key(one) for one, _ in foretold(predicting, past, since=began, until=world.now)]
    assert found
    assert sorted(found, key=str) == sorted(recorded, key=str)


def test_a_lower_mark_notices_earlier(world: World) -> None:
    """With 60 percent in place of 85 the leak is noticed before; beside it stands what was recorded."""
    lines = {
        one.variant: one for one in replayed(world, "prediction.memory_high=60").counted if one.rule is Rule.FORETOLD
    }
    assert lines[RECORDED].found == lines[AS_SET].found > 0
    assert lines[WOULD_BE].earlier >= 1
    assert lines[WOULD_BE].later == 0
    assert lines[WOULD_BE].heals == 0  # prediction.preempt.mode is observe


def test_it_is_left_out_unless_it_matters(world: World) -> None:
    """It takes minutes: where no setting of it is otherwise, a note says how to ask for it."""
    found = replayed(world, "watching.strikes=2")
    assert Rule.FORETOLD not in {one.rule for one in found.counted}
    assert any("--rule foretold" in note for note in found.notes)
    asked = replayed(world, rules=("foretold",))
    assert {one.rule for one in asked.counted} == {Rule.FORETOLD}
    assert asked.differences == 0
