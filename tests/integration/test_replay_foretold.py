"""What predictive-health has foretold, replayed over what was measured: as it is set it is what was recorded."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from fakes import FakeClock
from prediction_worlds import ESTATE, World, calm, leak
from sqlalchemy import Engine, text

from selfheal.actions.table import Toolbox, build
from selfheal.model.forecast import Name, Packed
from selfheal.model.page import Slice
from selfheal.model.prediction import Prediction
from selfheal.model.replay import Replayed, Rule
from selfheal.replay.asking import question_of
from selfheal.replay.compare import AS_SET, RECORDED, WOULD_BE, by_target
from selfheal.replay.foretold import PastPredictions, foretold
from selfheal.settings.file import parse
from selfheal.store.predictions import Predictions as Measured
from selfheal.store.reading.history import History
from selfheal.store.reading.predictions import PredictionReports
from selfheal.wiring.replay import replay_of

_HEALED = """
WITH first AS (SELECT p.* FROM predictions p WHERE p.rule = 'BREACH_FORETOLD' ORDER BY p.raised_at LIMIT 1),
     fault AS (INSERT INTO faults (target_key, component, trigger_type, detected_at, start_from, prediction_id,
                                   closed_at, verified_at, resolution)
               SELECT 'supervisor/main/backend', p.component, p.rule, p.raised_at, p.raised_at, p.id, p.raised_at,
                      p.raised_at, 'HEALED' FROM first p RETURNING id, prediction_id)
INSERT INTO healing_actions (trigger_type, action_type, action_name, target_component, target_key, estate_group, status,
                             success, verification, rollback_outcome, created_at, act_started_at, act_ended_at,
                             completed_at, execution_time_ms, fault_id, trigger_id, lease_until, mode, prediction_id)
SELECT p.rule, 'RESTART_SERVICE', 'restart-service', p.component, 'supervisor/main/backend', '', 'SUCCESS', true,
       'HEALED', 'NOT_PLANNED', p.raised_at + interval '20 seconds', p.raised_at + interval '21 seconds',
       p.raised_at + interval '22 seconds', p.raised_at + interval '30 seconds', 1000, f.id, p.id, :now, 'auto', p.id
FROM first p JOIN fault f ON f.prediction_id = p.id
"""


@pytest.fixture
def world(empty: Engine) -> World:
    """A calm past, then a leak that reaches its limit, with a run of predictive-health every five minutes."""
    world = World(engine=empty)
    world.measured(calm(600))
    world.turn()
    world.go([*leak(40), *calm(6)])
    return world


def replayed(world: World, *changes: str, rules: tuple[str, ...] = ()) -> Replayed:
    settings, until = parse({**ESTATE, **world.settings}, source="the test"), world.now
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


def test_what_became_of_predictions_is_counted_as_everywhere(world: World) -> None:
    """Hits, misses and breaches that nobody foretold, as set, are those that were recorded."""
    recorded, was, would = replayed(world, "prediction.memory_limit=60").foreseen
    assert replace(was, variant="", capped=None) == replace(recorded, variant="")
    assert (recorded.predictions, recorded.breaches) > (0, 0)
    record = next(one for one in PredictionReports(world.engine).record(within=None) if one.rule is None)
    assert (was.predictions, was.hits, was.late, was.misses) == (
        record.predictions,
        record.hits,
        record.late,
        record.misses,
    )
    assert would != replace(was, variant=would.variant)


class Reads(Measured):
    """The store, which counts how often a whole day is read."""

    days = 0

    def read(self, names: Sequence[Name], *, since: datetime, until: datetime) -> Sequence[Packed]:
        self.days += until - since == timedelta(days=1)
        return super().read(names, since=since, until=until)


def test_what_is_measured_later_is_not_followed_before(world: World) -> None:
    """A component that came to the estate lately: its week before is looked at once, and not every five minutes."""
    world.measured(calm(3), component="other")
    store, since = Reads(world.engine), world.now - timedelta(hours=3)
    past = PastPredictions(measured=store, since=since, tried={}, faults={})
    assert list(foretold(world.predicting(), past, since=since, until=world.now))
    assert 0 < store.days < 50, "a week for each of the two, and each day once for what is measured on it"


def test_caps_keep_back_what_is_foretold_at_once(empty: Engine) -> None:
    """Two leak together: with a cap of one an hour one of them is healed, with two both are."""
    parts = {name: {**ESTATE["components"]["backend"], "program": name} for name in ("backend", "worker")}
    world = World(engine=empty, settings={"components": parts, "healing": {"allow": list(parts)}})
    for name in parts:
        world.measured(calm(300), component=name)
    world.turn()
    for value in (*leak(24), *calm(3)):
        world.after()
        for name in parts:
            world.measured([value], component=name)
        world.turn()
    auto = "prediction.preempt.mode=auto", "prediction.preempt.at_once=2"
    _, was, would = replayed(world, *auto, "prediction.preempt.in_a_day=1", rules=("foretold",)).foreseen
    assert (was.heals, was.capped) == (0, 0)
    assert would.predictions == was.predictions > 1
    assert (would.heals, would.caps) == (1, ("in_a_day",))
    assert would.capped
    found = replayed(world, *auto, rules=("foretold",))
    assert found.foreseen[2].heals == 2
    assert any("takes no place" in note for note in found.notes)


def test_what_was_healed_ahead_of_time_is_foretold_no_more(world: World, owner_engine: Engine) -> None:
    """A recorded heal ends its prediction, as in the past: the same end, and what became of it the same."""
    with owner_engine.begin() as connection:
        connection.execute(text(_HEALED), {"now": world.now})
    since = world.now - timedelta(hours=6)
    tried = History(world.engine).tried(since, world.now)
    (heal,) = tried
    assert (heal.metric, heal.dollars, heal.healed) == ("memory_percent", 0.0, True)
    past = PastPredictions(measured=world.predicting().store, since=since, tried=by_target(tried), faults={})
    found = [one for one, _ in foretold(world.predicting(), past, since=since, until=world.now)]
    (ended,) = [one for one in found if one.rule.value == heal.trigger_type and one.raised_at < heal.began_at]
    assert ended.ended_at == heal.ended_at


def test_it_is_left_out_unless_it_matters(world: World) -> None:
    """It takes minutes: where no setting of it is otherwise, a note says how to ask for it."""
    found = replayed(world, "watching.strikes=2")
    assert Rule.FORETOLD not in {one.rule for one in found.counted}
    assert any("--rule foretold" in note for note in found.notes)
    asked = replayed(world, rules=("foretold",))
    assert {one.rule for one in asked.counted} == {Rule.FORETOLD}
    assert asked.differences == 0
