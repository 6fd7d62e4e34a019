"""reconcile: settles what dead or frozen healers left behind, at start, every 5 minutes and by hand.

It also heals what open breakers have raised, and delivers alerts.

The watchers run the same turn every 30 s; this flow is for when none of them runs, and for Prefect's own view:
runs whose process has gone without a word are ended there too.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.healing_dispatch import dispatch
from selfheal.bootstrap import current
from selfheal.model.errors import SelfhealError
from tasks.heal import task_steps
from tasks.lost_runs import end_lost_runs
from tasks.signing import signed_in


@flow(name="reconcile", persist_result=False)
def reconcile() -> State[None]:
    """Settle attempts whose lease is over, heal what breakers raised, tell people, end lost runs, forget answers."""
    with signed_in("reconcile"):
        try:
            settled = current().turn(task_steps())
            ended = end_lost_runs()
            current().starts.forget()
            raised = [dispatch(trigger) for trigger in current().due()]
        except SelfhealError as error:
            return Failed(name="NotReconciled", message=str(error))
    done = sum(one.outcome is not None for one in settled)
    return Completed(
        name="Reconciled" if done == len(settled) else "PartlyReconciled",
        message=f"{done} of {len(settled)} attempts settled, {len(raised)} raised by breakers, {ended} lost runs ended",
    )
