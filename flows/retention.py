"""retention: forgets what is old: measured values by dropping partitions, alerts, counts of logs; hourly and by hand.

Complete workflows and their deliverables are forgotten by workflow-persistence, answers to triggers by reconcile,
Prefect's own runs and events by Prefect's server.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms import DryRun
from flows.names import retention_run
from selfheal.bootstrap import current
from selfheal.model.errors import SelfhealError
from tasks.retention import (
    drop_old,
    forget_alerts,
    forget_logs,
    forget_predictions,
    forget_records,
    forget_runs,
    prepare_days,
)
from tasks.signing import signed_in


@flow(name="retention", flow_run_name=retention_run, persist_result=False)
def retention(dry_run: DryRun = False) -> State[None]:  # noqa: FBT002 - the form's tick box
    """Forget what is older than the settings keep it.

    Args:
        dry_run: Only tell what would be forgotten.
    """
    try:
        if dry_run:
            return Completed(name="DryRun", message=_told())
        with signed_in("retention"):
            prepare_days()
            dropped, runs, alerts, counts = drop_old(), forget_runs(), forget_alerts(), forget_logs()
            foretold, records = forget_predictions(), forget_records()
    except SelfhealError as error:
        return Failed(name="NotForgotten", message=str(error))
    named = f": {', '.join(dropped)}" if dropped else ""
    told = f"{runs} signatures, {alerts} rows of alerts, {counts} counts of logs, {foretold} rows of predictions"
    others = f"{told} and {records} records forgotten"
    return Completed(name="Forgotten", message=f"{len(dropped)} partitions dropped{named}; {others}")


def _told() -> str:
    """What would be dropped now, and how large it is."""
    old = current().retention.old()
    lines = [f"{one.name} (before {one.until:%Y-%m-%d}, {one.size_bytes / 2**20:.1f} MiB)" for one in old]
    return f"{len(old)} partitions would be dropped{': ' * bool(old)}{', '.join(lines)}"
