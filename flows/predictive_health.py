"""predictive-health: foretells what will break, from what was measured in the last 7 days; every 5 minutes and by hand.

What it foretells is a trigger of its own kind: admission decides what may be done before anything is sick, which begins
with observing. docs/forecast.md tells how it decides, and what it cannot tell.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms import DryRun
from flows.names import predicting_run
from selfheal.bootstrap import current
from selfheal.logs import without_secrets
from selfheal.model.errors import SelfhealError
from selfheal.protocol.predicting import Turn
from tasks.predicting import foretell
from tasks.reporting.predictions import show_predictions
from tasks.signing import signed_in


@flow(name="predictive-health", flow_run_name=predicting_run, persist_result=False)
def predictive_health(dry_run: DryRun = False) -> State[None]:  # noqa: FBT002 - the form's tick box
    """Look at every series of the estate, and foretell which will reach its limit.

    Args:
        dry_run: Only tell what would be foretold now; nothing is written, and nobody told.
    """
    try:
        if dry_run:
            return Completed(name="DryRun", message=without_secrets(_words(current().predicting.turn(dry_run=True))))
        with signed_in("predictive-health"):
            turn = foretell()
            show_predictions(turn, return_state=True)  # its failure stands in its own state
    except SelfhealError as error:
        return Failed(name="NotLooked", message=without_secrets(str(error)))
    return Completed(name=_name(turn), message=without_secrets(_words(turn)))


def _name(turn: Turn) -> str:
    """Overtaken: another run was faster. NotDue: no five minutes are over since the last run."""
    if turn.overtaken:
        return "Overtaken"
    if turn.at is None:
        return "NotDue"
    return "Foretold" if turn.standing else "Quiet"


def _words(turn: Turn) -> str:
    """What stands, and how the look went."""
    if turn.overtaken:
        return "another run has looked at the same time, and was faster: nothing of this one was written"
    if turn.at is None:
        return f"no five minutes are over since the last look; {len(turn.standing)} predictions stand"
    stands = "; ".join(f"{one.component}: {one.why}" for one in turn.standing) or "nothing is foretold"
    done = f"{len(turn.raised)} new, {len(turn.ended)} taken back, {len(turn.settled)} settled"
    looked = f"{turn.series} series, {turn.judged} times, until {turn.at:%H:%M} UTC"
    return "; ".join(filter(None, (stands, done, looked, turn.note)))
