"""What is known of ourselves: which mechanisms run."""

from datetime import datetime

import strawberry

from selfheal.model import turn
from selfheal.model.turn import TurnState
from selfheal.policy.turns import stands

strawberry.enum(TurnState)


@strawberry.type
class Mechanism:
    """A mechanism that a schedule begins, and what really ran of it last."""

    name: str
    state: TurnState
    every_seconds: float
    began_at: datetime | None
    took_seconds: float | None
    error: str
    next_at: datetime
    behind_seconds: float

    @classmethod
    def of(cls, one: turn.Mechanism) -> "Mechanism":
        """From what ran."""
        took = one.turn.took
        return cls(
            name=one.name,
            state=stands(one),
            every_seconds=one.every.total_seconds(),
            began_at=one.turn.began_at,
            took_seconds=None if took is None else took.total_seconds(),
            error=one.turn.error,
            next_at=one.due_at,
            behind_seconds=one.behind.total_seconds(),
        )
