"""STUCK_SOON: workflows that near their stage's limit, by what the request file, the state and the broker say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from workflow_fixtures import Shop

from selfheal.model.deliverable import Result
from selfheal.protocol.predicting import Predicting, Turn

FIVE = timedelta(minutes=5)
ROWS = "SELECT component, outcome, ended_at IS NOT NULL AS ended FROM predictions WHERE rule = 'STUCK_SOON' ORDER BY 1"


class Later:
    """A clock that is `ahead` of the real one, by more with each run."""

    def __init__(self) -> None:
        self.ahead = -FIVE

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def setup(shop: Shop) -> tuple[Predicting, Later, timedelta]:
    """What foretells, its clock, and the limit of the first stage."""
    found, clock = shop.estate().predicting, Later()
    assert found.workflows is not None
    made: Any = clock
    return replace(found, clock=made), clock, found.workflows.pipeline.stages[0].timeout


def run(predicting: Predicting, clock: Later) -> Turn:
    clock.ahead += FIVE
    return predicting.turn()


def under_way(shop: Shop, name: str, clock: Later, silent: timedelta, priority: str = "P1") -> None:
    """One of which nothing was heard for so long when the next run looks."""
    shop.add(name, priority=priority, ago=silent - clock.ahead - FIVE)


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
