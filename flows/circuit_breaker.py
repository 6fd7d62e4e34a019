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

from flows.forms import BreakerName, DryRun, Hours, Who, Why, titled
from flows.names import breaker_run
from selfheal.bootstrap import current
from selfheal.model.breaker import Breaker, BreakerDeed
from selfheal.model.errors import SelfhealError
from selfheal.policy.asking import unproven
from selfheal.store.engine import rehearsing
from tasks.reporting.breakers import show_breakers
from tasks.signing import signed_in

Choice = Annotated[Literal["look", "open", "close", "automatic", "reset"], titled("What to do")]


@flow(name="circuit-breaker", flow_run_name=breaker_run, persist_result=False)
def circuit_breaker(  # noqa: PLR0913, PLR0917 - the fields of a form, which Prefect fills in by name
    deed: Choice = "look",
    breaker: BreakerName = "",
    who: Who = "",
    why: Why = "",
    hours: Hours = None,
    dry_run: DryRun = False,  # noqa: FBT002 - the form's tick box
) -> State[None]:
    """Look after the circuit breakers, or decide in place of one.

    Args:
        deed: Look after all of them; or decide about one: open keeps it open and close keeps it closed, automatic ends
            that, reset makes it as new.
        breaker: Which one is decided about: an action like restart-service, or agent:NAME, or agent:TENANT/NAME.
        who: Who decides; it is recorded as your word, for Prefect knows no persons, and told to whom it refuses.
        why: Why; it is recorded, and told with your name.
        hours: How long open or close lasts; empty: until somebody ends it.
        dry_run: Only tell how the breakers would be afterwards.
    """
    estate = current()

    def looked() -> Sequence[Breaker]:
        if deed != "look":
            lasts = None if hours is None else timedelta(hours=hours)
            name, by = estate.breaker_name(breaker), unproven(who)
            estate.breakers.decide(name, BreakerDeed(deed), who=by, why=why, lasts=lasts)
        return [estate.breakers.look(one.name) for one in estate.breakers.all()]

    try:
        if dry_run:
            with rehearsing(estate.engine):
                return Completed(name="DryRun", message=_told(looked()))
        with signed_in("circuit-breaker"):
            now = looked()
            show_breakers(now, return_state=True)  # its failure stands in its own state
    except SelfhealError as error:
        return Failed(name="NotDone", message=str(error))
    closed = sum(one.state == "CLOSED" for one in now)
    decided = "" if deed == "look" else f"{deed} {breaker}, by {unproven(who)}: {why}; "
    return Completed(
        name="Decided" if decided else "Looked", message=f"{decided}{closed} of {len(now)} breakers are closed"
    )


def _told(breakers: Sequence[Breaker]) -> str:
    """How they would be."""
    return "; ".join(f"{one.name} would be {one.state} ({one.mode})" for one in breakers) or "there are no breakers yet"
