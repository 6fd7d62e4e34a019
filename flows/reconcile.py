"""reconcile: settles what dead or frozen healers left behind, at start, every 5 minutes and by hand.

It also heals what open breakers have raised and people have approved, and delivers alerts.

The watchers run the same turn every 30 s; this flow is for when none of them runs, and for Prefect's own view:
runs whose process has gone without a word are ended there too.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms import DryRun
from flows.healing_dispatch import dispatch
from flows.names import reconcile_run
from selfheal.bootstrap import current
from selfheal.model.errors import SelfhealError
from selfheal.protocol.reconcile import would_settle
from selfheal.store.engine import rehearsing
from tasks.heal import task_steps
from tasks.lost_runs import end_lost_runs
from tasks.reporting.heals import report_settled
from tasks.reporting.rates import show_rates
from tasks.signing import signed_in


@flow(name="reconcile", flow_run_name=reconcile_run, persist_result=False)
def reconcile(dry_run: DryRun = False) -> State[None]:  # noqa: FBT002 - the form's tick box
    """Settle attempts whose lease is over, heal what was raised, tell people, end lost runs, forget answers.

    Args:
        dry_run: Only tell what would be done; nothing is settled, ended, sent or forgotten.
    """
    try:
        if dry_run:
            return Completed(name="DryRun", message=_told())
        with signed_in("reconcile"):
            settled = current().turn(task_steps())
            ended = end_lost_runs()
            current().starts.forget()
            current().rates.refresh()
            raised = [dispatch(trigger) for trigger in current().due()]
            for one in settled:
                report_settled(one, return_state=True)  # its failure stands in its own state, as that of the next
            show_rates(return_state=True)
    except SelfhealError as error:
        return Failed(name="NotReconciled", message=str(error))
    done = sum(one.outcome is not None for one in settled)
    return Completed(
        name="Reconciled" if done == len(settled) else "PartlyReconciled",
        message=f"{done} of {len(settled)} attempts settled, {len(raised)} raised or approved, {ended} lost runs ended",
    )


def _told() -> str:
    """What a turn would do now."""
    estate = current()
    with rehearsing(estate.engine):
        left = would_settle(estate.healer)
        raised = [f"{one.component} would be healed: {one.reason}" for one in estate.due()]
        late, alerts = estate.starts.note_missed(), estate.outbox.unsent()
    counted = f"{late} late starts would be told of, {alerts} alerts wait, {end_lost_runs(dry_run=True)} runs are lost"
    return "; ".join([*left, *raised, counted])
