"""Which mechanisms really run."""

from datetime import UTC, datetime, timedelta

import pytest

from selfheal.model.turn import Turn, TurnState
from selfheal.policy.turns import stands

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
    assert stands(newest, every=EVERY, up_since=NOW - timedelta(minutes=up_minutes)) is state
