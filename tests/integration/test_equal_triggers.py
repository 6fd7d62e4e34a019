"""Ten thousand equal triggers from sixteen processes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from admission_desk import Desk
from racers import RACERS, Move, Racers
from sqlalchemy import Engine, text

from selfheal.model.admission import Decision
from selfheal.settings.estate import Settings
from selfheal.store.reports import Reports
from selfheal.store.starts import Starts

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def each(request: pytest.FixtureRequest) -> int:
    """How many triggers each process raises."""
    return 625 if request.config.getoption("--campaign") else 30


def test_equal_triggers_are_one_heal_and_one_line(
    desk: Callable[..., Desk], racers: Racers, empty: Engine, each: int
) -> None:
    """One is admitted; all others are one row with a count, which is the one line that a person sees."""
    total = each * RACERS
    answers = racers.race(Move(limits=desk().limits, component="backend", turns=each))
    assert answers == {Decision.ADMITTED: 1, Decision.ALREADY_HEALING: total - 1}
    assert desk().one("SELECT count(*) FROM healing_actions") == 1
    assert desk().one("SELECT count(*) FROM healing_triggers") == 2
    (line,) = Reports(empty).refusals(limit=5)
    assert (line.component, line.decision, line.occurrences) == ("backend", "ALREADY_HEALING", total - 1)
    assert desk().one("SELECT count(*) FROM alert_outbox") == 0


def test_answers_to_refused_triggers_are_forgotten_after_a_day(desk: Callable[..., Desk], empty: Engine) -> None:
    """Their counted row stays; what was admitted keeps its answer for ever."""
    one = desk()
    for _ in range(5):
        one.ask("backend")
    starts = Starts(empty, one.limits, Settings().starts.within())
    assert starts.forget() == 0
    with one.engine.begin() as connection:
        moved = text("UPDATE trigger_answers SET answered_at = answered_at - :ago")
        connection.execute(moved, {"ago": timedelta(days=2)})
    assert starts.forget() == 4
    kept = "SELECT t.decision FROM trigger_answers a JOIN healing_triggers t ON t.id = a.decision_id"
    assert one.one(f"SELECT array_agg(decision) FROM ({kept}) k") == ["ADMITTED"]  # noqa: S608 - written above
    assert one.one("SELECT max(occurrences) FROM healing_triggers") == 4
