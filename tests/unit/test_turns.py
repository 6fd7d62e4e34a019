"""Which mechanisms really run."""

from datetime import UTC, datetime, timedelta

import pytest

from selfheal.model.trigger import Source, TriggerType
from selfheal.model.turn import Mechanism, Turn, TurnState
from selfheal.policy.turns import late_trigger, stands

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
EVERY = timedelta(minutes=5)


def turn(*, ago: float | None, ended: bool = True, error: str = "") -> Turn:
    """The newest turn began so many minutes ago; None: there was none."""
    began = None if ago is None else NOW - timedelta(minutes=ago)
    done = began if ended else None
    return Turn(
        mechanism="reconcile",
        began_at=began,
        ended_at=done,
        done_began_at=done,
        done_ended_at=done,
        error=error,
        at=NOW,
    )


@pytest.mark.parametrize(
    ("newest", "up_minutes", "state"),
    [
        (turn(ago=4), 60, TurnState.RAN),
        (turn(ago=4, error="the broker is away"), 60, TurnState.FAILED),
        (turn(ago=4, ended=False), 60, TurnState.RUNNING),
        (turn(ago=None), 3, TurnState.WAITING),
        (turn(ago=None), 12, TurnState.LATE),
        (turn(ago=12), 60, TurnState.LATE),
        (turn(ago=12, ended=False), 60, TurnState.LATE),
        (turn(ago=600), 3, TurnState.RAN),
    ],
)
def test_what_did_not_run_for_two_turns_is_late(newest: Turn, up_minutes: float, state: TurnState) -> None:
    """Only turns count that really began, and only the time in which somebody was there to begin one."""
    assert stands(Mechanism(turn=newest, every=EVERY, since=NOW - timedelta(minutes=up_minutes))) is state


def test_how_far_behind_it_is() -> None:
    """By its next turn, which is due from its last one on, or from when there was somebody to run it."""
    up = NOW - timedelta(hours=1)
    assert Mechanism(turn=turn(ago=7), every=EVERY, since=up).behind == timedelta(minutes=2)
    assert Mechanism(turn=turn(ago=3), every=EVERY, since=up).behind == timedelta(0)
    assert Mechanism(turn=turn(ago=None), every=EVERY, since=up).behind == timedelta(minutes=55)


def test_a_late_one_is_a_reason_to_mend_ourselves() -> None:
    """Its trigger says what is late, and since when."""
    raised = late_trigger(Mechanism(turn=turn(ago=60), every=EVERY, since=NOW - timedelta(hours=2)))
    assert (raised.type, raised.source, raised.component) == (TriggerType.MECHANISM_LATE, Source.OWN_HEALTH, "selfheal")
    told = "the mechanism reconcile is late: it is to run every 0:05:00, and began last at 2026-01-01 11:00:00 UTC"
    assert raised.reason == told
