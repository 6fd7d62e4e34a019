"""Whether a mechanism that a schedule begins really runs; whoever shows, tells or measures it asks here."""

from datetime import datetime, timedelta

from uuid6 import uuid7

from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.model.turn import Mechanism, TurnState

MISSED = 2
"""So many turns may pass before it is late: one may be taken by another worker's restart."""
OURSELVES = "selfheal"
"""What is sick where a mechanism is late."""
BEGINNING = timedelta(minutes=1)
"""A run needs so long from its time to its first line, on a slow machine."""


def stands(one: Mechanism) -> TurnState:
    """How it stands, by what really began and only by the time in which somebody was there to begin one."""
    turn = one.turn
    if one.behind > (MISSED - 1) * one.every + BEGINNING:
        return TurnState.LATE
    if turn.began_at is not None and turn.ended_at is None:
        return TurnState.RUNNING
    if turn.error:
        return TurnState.FAILED
    return TurnState.WAITING if turn.began_at is None else TurnState.RAN


def late_trigger(one: Mechanism) -> Trigger:
    """The reason to mend ourselves where a mechanism does not run."""
    began = one.turn.began_at
    last = "never began" if began is None else f"began last at {began:%Y-%m-%d %H:%M:%S} UTC"
    reason = f"the mechanism {one.name} is late: it is to run every {one.every}, and {last}"
    return own_trigger(reason, at=one.turn.at)


def own_trigger(reason: str, *, at: datetime) -> Trigger:
    """A reason to mend ourselves. No action of the estate can: a person is told, and `selfheal up` keeps its parts."""
    return Trigger(
        id=uuid7(),
        type=TriggerType.MECHANISM_LATE,
        component=OURSELVES,
        source=Source.OWN_HEALTH,
        priority=Priority.HIGH,
        reason=reason,
        detected_at=at,
    )
