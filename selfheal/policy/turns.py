"""Whether a mechanism that a schedule begins really runs; `status` asks here."""

from datetime import datetime, timedelta

from selfheal.model.turn import Turn, TurnState

MISSED = 2
"""So many turns may pass before it is late: one may be taken by another worker's restart."""
BEGINNING = timedelta(minutes=1)
"""A run needs so long from its time to its first line, on a slow machine."""


def stands(turn: Turn, *, every: timedelta, up_since: datetime) -> TurnState:
    """How it stands.

    Args:
        turn: what ran last.
        every: how often it is to run.
        up_since: since when there is somebody to run it; before that nothing was missed.
    """
    last = max(turn.began_at or up_since, up_since)
    if turn.at - last > MISSED * every + BEGINNING:
        return TurnState.LATE
    if turn.began_at is not None and turn.ended_at is None:
        return TurnState.RUNNING
    if turn.error:
        return TurnState.FAILED
    return TurnState.WAITING if turn.began_at is None else TurnState.RAN
