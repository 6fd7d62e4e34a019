"""circuit-breaker: looks after the breakers of actions and agents, and carries out a person's override of one.

Results and asks go to the breakers where they happen, inside the transactions of heals or from the workflows; what is
left for a schedule is time: an open breaker becomes half-open, an override ends, a lost probe gives its permit back.
None of that needs a turn of this flow: whoever asks is answered by the database's clock.
"""

from datetime import timedelta
from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from selfheal.bootstrap import current
from selfheal.model.breaker import Deed
from selfheal.model.errors import SelfhealError
from tasks.breakers import show_breakers
from tasks.signing import signed_in

Hours = Annotated[float, Field(gt=0, le=366 * 24)]


@flow(name="circuit-breaker", persist_result=False)
def circuit_breaker(
    deed: Literal["look", "open", "close", "automatic", "reset"] = "look",
    breaker: str = "",
    who: str = "",
    why: str = "",
    hours: Hours | None = None,
) -> State[None]:
    """Look after the circuit breakers, or decide in place of one.

    Args:
        deed: Look after all of them, or what to do with one.
        breaker: Which one; only for a decision: an action like restart-service, or agent:NAME, or agent:TENANT/NAME.
        who: Who decides; it is recorded, and told to whom it refuses.
        why: Why; the same.
        hours: How long open or close lasts; empty: until somebody ends it.
    """
    estate = current()
    with signed_in("circuit-breaker"):
        try:
            if deed != "look":
                lasts = None if hours is None else timedelta(hours=hours)
                estate.breakers.decide(estate.breaker_name(breaker), Deed(deed), who=who, why=why, lasts=lasts)
            now = [estate.breakers.look(one.name) for one in estate.breakers.all()]
            show_breakers(now)
        except SelfhealError as error:
            return Failed(name="NotDone", message=str(error))
    closed = sum(one.state == "CLOSED" for one in now)
    return Completed(name="Looked", message=f"{closed} of {len(now)} breakers are closed")
