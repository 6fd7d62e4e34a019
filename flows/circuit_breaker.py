"""circuit-breaker: looks after the breakers of the actions, and carries out a person's override of one.

Results and asks go to the breakers where they happen, inside the transactions of heals; what is left for a schedule is
time: an open breaker becomes half-open, an override ends, a lost probe gives its permit back.
"""

from datetime import timedelta
from typing import Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from selfheal.bootstrap import current
from selfheal.model.breaker import Deed
from selfheal.model.errors import SelfhealError
from tasks.breakers import show_breakers
from tasks.signing import signed_in


@flow(name="circuit-breaker", persist_result=False)
def circuit_breaker(
    deed: Literal["look", "open", "close", "automatic", "reset"] = "look",
    action: str = "",
    who: str = "",
    why: str = "",
    hours: float | None = None,
) -> State[None]:
    """Look after the circuit breakers of the actions, or decide in place of one.

    Args:
        deed: Look after all of them, or what to do with one.
        action: Whose breaker, like restart-service; only for a decision.
        who: Who decides; it is recorded, and told to whom it refuses.
        why: Why; the same.
        hours: How long open or close lasts; empty: until somebody ends it.
    """
    estate = current()
    with signed_in("circuit-breaker"):
        try:
            if deed != "look":
                name = f"heal:{estate.healer.actions.get(action).name}"
                lasts = None if hours is None else timedelta(hours=hours)
                estate.breakers.decide(name, Deed(deed), who=who, why=why, lasts=lasts)
            now = [estate.breakers.look(one.name) for one in estate.breakers.all()]
            show_breakers(now)
        except SelfhealError as error:
            return Failed(name="NotDone", message=str(error))
    closed = sum(one.state == "CLOSED" for one in now)
    return Completed(name="Looked", message=f"{closed} of {len(now)} breakers are closed")
