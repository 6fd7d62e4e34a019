"""circuit-breaker: looks after the breakers of actions and agents, and carries out a person's override of one.

Results and asks go to the breakers where they happen, inside the transactions of heals or from the workflows; what is
left for a schedule is time: an open breaker becomes half-open, an override ends, a lost probe gives its permit back.
None of that needs a turn of this flow: whoever asks is answered by the database's clock.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from selfheal.bootstrap import current
from selfheal.model.breaker import Breaker, Deed
from selfheal.model.errors import SelfhealError
from selfheal.store.engine import rehearsing
from tasks.breakers import show_breakers
from tasks.signing import signed_in

Hours = Annotated[float, Field(gt=0, le=366 * 24)]


@flow(name="circuit-breaker", persist_result=False)
def circuit_breaker(  # noqa: PLR0913, PLR0917 - the fields of a form, which Prefect fills in by name
    deed: Literal["look", "open", "close", "automatic", "reset"] = "look",
    breaker: str = "",
    who: str = "",
    why: str = "",
    hours: Hours | None = None,
    dry_run: bool = False,  # noqa: FBT001, FBT002 - the form's tick box
) -> State[None]:
    """Look after the circuit breakers, or decide in place of one.

    Args:
        deed: Look after all of them, or what to do with one.
        breaker: Which one; only for a decision: an action like restart-service, or agent:NAME, or agent:TENANT/NAME.
        who: Who decides; it is recorded, and told to whom it refuses.
        why: Why; the same.
        hours: How long open or close lasts; empty: until somebody ends it.
        dry_run: Only tell how the breakers would be afterwards.
    """
    estate = current()

    def looked() -> Sequence[Breaker]:
        if deed != "look":
            lasts = None if hours is None else timedelta(hours=hours)
            estate.breakers.decide(estate.breaker_name(breaker), Deed(deed), who=who, why=why, lasts=lasts)
        return [estate.breakers.look(one.name) for one in estate.breakers.all()]

    try:
        if dry_run:
            with rehearsing(estate.engine):
                return Completed(name="DryRun", message=_told(looked()))
        with signed_in("circuit-breaker"):
            now = looked()
            show_breakers(now)
    except SelfhealError as error:
        return Failed(name="NotDone", message=str(error))
    closed = sum(one.state == "CLOSED" for one in now)
    return Completed(name="Looked", message=f"{closed} of {len(now)} breakers are closed")


def _told(breakers: Sequence[Breaker]) -> str:
    """How they would be."""
    return "; ".join(f"{one.name} would be {one.state} ({one.mode})" for one in breakers) or "there are no breakers yet"
