"""STUCK_SOON: workflows that near their stage's limit, by what the request file, the state and the broker say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from workflow_fixtures import Shop, dispatcher

from selfheal.bootstrap import Estate
from selfheal.model.attempt import Attempt
from selfheal.model.deliverable import Result
from selfheal.model.prediction import Outcome
from selfheal.model.recovery import Pace
from selfheal.model.trigger import Trigger
from selfheal.protocol.deciding import refused_for_now
from selfheal.protocol.dry_run import preview
from selfheal.protocol.heal import Result as Healed
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps
from selfheal.protocol.predicting import Predicting, Turn
from selfheal.store.storms import Storms

FIVE = timedelta(minutes=5)
ROWS = "SELECT component, outcome, ended_at IS NOT NULL AS ended FROM predictions WHERE rule = 'STUCK_SOON' ORDER BY 1"


class Later:
    """A clock that is `ahead` of the real one, by more with each run."""

    def __init__(self) -> None:
        self.ahead = -FIVE

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def setup(shop: Shop, estate: Estate | None = None) -> tuple[Predicting, Later, timedelta]:
    """What foretells, its clock, and the limit of the first stage."""
    found, clock = (estate or shop.estate()).predicting, Later()
    assert found.workflows is not None
    made: Any = clock
    return replace(found, clock=made), clock, found.workflows.pipeline.stages[0].timeout


def run(predicting: Predicting, clock: Later) -> Turn:
    clock.ahead += FIVE
    return predicting.turn()


def under_way(shop: Shop, name: str, clock: Later, silent: timedelta, priority: str = "P1") -> None:
    """One of which nothing was heard for so long when the next run looks."""
    shop.add(name, priority=priority, ago=silent - clock.ahead - FIVE)


NAME = "REQ-A-1"
AUTO = {"prediction": {"preempt": {"actions": {"retry-workflow": "auto"}}}}


def near(shop: Shop, estate: Estate, *, slowest: float = 0.5, known: int = 20) -> tuple[Predicting, Later, Trigger]:
    """One that has used 0.8 of its limit; the slowest of its stage's deliveries used this share of it."""
    predicting, clock, limit = setup(shop, estate)
    under_way(shop, NAME, clock, 0.8 * limit)
    shop.paces.add(NAME, took=0.8 * limit, slowest=slowest * limit, known=known)
    run(predicting, clock)
    (trigger,) = estate.raised.due(limit=10, pause=timedelta(seconds=1))
    return predicting, clock, trigger


def unmoved(shop: Shop) -> bool:
    return shop.says(NAME) == ("IN_PROGRESS", "running", 0) and shop.file.written == []


def outcomes(shop: Shop) -> dict[str, tuple[str | None, bool]]:
    return {row["component"]: (row["outcome"], row["ended"]) for row in shop.rows(ROWS)}


def test_a_workflow_that_nears_its_limit_is_foretold_and_what_became_of_it(shop: Shop) -> None:
    """From three quarters of its time on, of a P0 of half of it; stuck is a hit, going on is none, told at once."""
    predicting, clock, limit = setup(shop)
    under_way(shop, "REQ-A-1", clock, 0.8 * limit)
    under_way(shop, "REQ-A-2", clock, 0.5 * limit)
    under_way(shop, "REQ-A-3", clock, 0.4 * limit, "P0")
    turn = run(predicting, clock)
    assert {one.component for one in turn.standing} == {"REQ-A-1", "REQ-A-3"}
    assert outcomes(shop) == {"REQ-A-1": (None, False), "REQ-A-3": (None, False)}
    triggers = shop.rows("SELECT component, trigger_type, priority FROM raised_triggers ORDER BY 1")
    assert [tuple(row.values()) for row in triggers] == [
        ("REQ-A-1", "STUCK_SOON", "HIGH"),
        ("REQ-A-3", "STUCK_SOON", "HIGH"),
    ]
    under_way(shop, "REQ-A-1", clock, 2 * limit)
    shop.broker.said["REQ-A-3"], shop.broker.ago = {0: Result.DONE}, timedelta(0)
    turn = run(predicting, clock)
    assert turn.standing == []
    assert outcomes(shop) == {"REQ-A-1": ("HIT", True), "REQ-A-3": ("MISS", True)}


def test_what_cannot_be_told_foretells_nothing_and_ends_nothing(shop: Shop) -> None:
    """The broker is away, then the file: what stands goes on to stand, and the run says what it could not look at."""
    predicting, clock, limit = setup(shop)
    under_way(shop, "REQ-A-1", clock, 0.8 * limit)
    assert len(run(predicting, clock).raised) == 1
    shop.broker.away = "the broker is away"
    under_way(shop, "REQ-A-2", clock, 0.76 * limit)
    turn = run(predicting, clock)
    assert ([one.component for one in turn.standing], turn.raised) == (["REQ-A-1"], [])
    shop.file.away = "the file is away"
    turn = run(predicting, clock)
    assert "nothing is foretold of workflows: the file is away" in turn.note
    assert [one.component for one in turn.standing] == ["REQ-A-1"]
    shop.file.away = shop.broker.away = ""
    del shop.file.entries["REQ-A-1"]
    turn = run(predicting, clock)
    assert [one.component for one in turn.raised] == ["REQ-A-2"]
    assert outcomes(shop) == {"REQ-A-1": ("MISS", True), "REQ-A-2": (None, False)}


def test_one_that_is_slower_than_all_before_goes_on_early(shop: Shop) -> None:
    """By the path of every recovery; it counts as one, and the prediction as prevented."""
    estate = shop.estate(**AUTO)
    predicting, clock, trigger = near(shop, estate)
    result = dispatcher(estate)(trigger)
    assert result.name == "Healed", result.message
    assert "none of its last 20 deliveries took more than 22 min" in result.message
    assert (shop.says(NAME), len(shop.file.written)) == (("PENDING", "pending", 0), 1)
    (told,) = shop.rows("SELECT recovery_type, stuck_duration_minutes, success FROM workflow_recovery_history")
    assert told == {"recovery_type": "MARK_PENDING", "stuck_duration_minutes": 36, "success": True}
    assert shop.rows("SELECT 1 FROM faults WHERE closed_at IS NULL") == []
    run(predicting, clock)
    assert outcomes(shop) == {NAME: (Outcome.PREVENTED, True)}


@pytest.mark.parametrize(
    ("slowest", "known", "recoveries", "away"),
    [(0.9, 20, 0, ""), (0.5, 19, 0, ""), (0.5, 20, 3, ""), (0.5, 20, 0, "the broker is away")],
    ids=["slow before", "too few known", "recovered too often", "cannot be told"],
)
def test_one_that_may_only_be_slow_is_not_moved(
    shop: Shop,
    slowest: float,
    known: int,
    recoveries: int,
    away: str,
) -> None:
    """Nor one that a person must look at, or of which nobody can tell; where it may be, a person gets the evidence."""
    estate = shop.estate(prediction={"preempt": {"mode": "auto"}})
    _, _, trigger = near(shop, estate, slowest=slowest, known=known)
    shop.states.counts[NAME], shop.broker.away = recoveries, away
    result = dispatcher(estate)(trigger)
    assert unmoved(shop), shop.says(NAME)
    assert result.name == "NotHealed"
    assert [row["action_name"] for row in shop.rows("SELECT action_name FROM healing_actions")] == ["investigate"]


@pytest.mark.parametrize(
    ("preempt", "name", "for_now"),
    [
        ({}, "NotAllowed", True),
        ({"mode": "approve"}, "AwaitingApproval", False),
        ({"mode": "auto", "actions": {"retry-workflow": "observe"}}, "NotAllowed", True),
    ],
    ids=["default", "approve", "observe"],
)
def test_how_far_it_goes_is_a_setting(shop: Shop, preempt: dict[str, Any], name: str, for_now: bool) -> None:  # noqa: FBT001 - a case
    """By default nothing is done; what only observes is not worth a flow run."""
    estate = shop.estate(prediction={"preempt": preempt})
    _, _, trigger = near(shop, estate)
    assert refused_for_now(estate.healer, trigger) is for_now
    assert dispatcher(estate)(trigger).name == name
    assert unmoved(shop)


def test_a_dry_run_tells_why_it_would_go_on_early(shop: Shop) -> None:
    """And where; nothing is written."""
    estate = shop.estate(**AUTO)
    _, _, trigger = near(shop, estate)
    told = preview(estate.healer, trigger)
    assert (told.decision, told.action) == ("ADMITTED", "retry-workflow")
    assert "none of its last 20 deliveries took more than 22 min" in told.steps[1]
    assert unmoved(shop)


def test_one_that_delivers_right_before_is_left_alone(shop: Shop) -> None:
    """Its agent was slow and alive: something new was heard of it after it was planned."""
    estate = shop.estate(**AUTO)
    _, _, trigger = near(shop, estate)
    steps = plain_steps(estate.healer)

    def prepared(attempt: Attempt) -> Attempt:
        ready = steps.prepare(attempt)
        shop.broker.said[NAME], shop.broker.ago = {0: Result.DONE}, timedelta(0)
        return ready

    result: Healed = heal(replace(steps, prepare=prepared), trigger)
    assert (result.name, "has moved meanwhile" in result.message) == ("Unknown", True), result
    assert unmoved(shop)


def test_of_many_at_once_a_person_is_told_and_none_is_moved(shop: Shop) -> None:
    """Six that near their limit, or are stuck, have one cause."""
    estate = shop.estate(**AUTO)
    predicting, clock, limit = setup(shop, estate)
    for index in range(5):
        under_way(shop, f"REQ-A-{index}", clock, 0.8 * limit)
        shop.paces.known[f"REQ-A-{index}"] = Pace(since=datetime.now(UTC) - limit, known=20, slowest=0.5 * limit)
    under_way(shop, "REQ-B-1", clock, 1.5 * limit)
    assert len(run(predicting, clock).raised) == 5
    assert estate.raised.due(limit=10, pause=timedelta(seconds=1)) == []
    assert len(shop.rows("SELECT 1 FROM alert_outbox WHERE severity = 'WARNING' AND kind = 'RAISED'")) == 5


def test_while_too_many_are_stuck_none_goes_on_early(shop: Shop) -> None:
    """The storm of workflows holds for what is only foretold, too."""
    estate = shop.estate(**AUTO)
    _, _, trigger = near(shop, estate)
    Storms(shop.engine).blow("workflows", sick=6, message="a storm", quiet=timedelta(minutes=30))
    assert dispatcher(estate)(trigger).name == "Storm"
    assert unmoved(shop)
