"""retention: forgets what is old: measured values by dropping partitions, alerts, counts of logs; hourly and by hand.

Complete workflows and their deliverables are forgotten by workflow-persistence, answers to triggers by reconcile,
Prefect's own runs and events by Prefect's server.
"""

from collections.abc import Callable, Mapping, Sequence

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms import DryRun
from flows.names import retention_run
from selfheal.bootstrap import current
from selfheal.model.errors import SelfhealError, Transient
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
            return Completed(name="Forgotten", message=_forgotten())
    except SelfhealError as error:
        return Failed(name="NotForgotten", message=str(error))


def _forgotten() -> str:
    """Each kind, whatever became of the one before: whoever reads for hours keeps only partitions from going.

    Raises:
        Transient: some of it stays until the next run.
    """
    prepare_days()
    told, failed = list[str](), list[str]()
    steps: Mapping[str, Callable[[], object]] = {
        "partitions": lambda: _dropped(drop_old()),
        "signatures": forget_runs,
        "rows of alerts": forget_alerts,
        "counts of logs": forget_logs,
        "rows of predictions": forget_predictions,
        "records": forget_records,
    }
    for what, forget in steps.items():
        try:
            told.append(f"{forget()} {what}")
        except SelfhealError as error:
            failed.append(f"{what}: {error.message}")
    done = f"{', '.join(told)} forgotten"
    if failed:
        raise Transient(f"{'; '.join(failed)}; {done}")
    return done


def _dropped(names: Sequence[str]) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else "0"


def _told() -> str:
    """What would be dropped now, and how large it is."""
    old = current().retention.old()
    lines = [f"{one.name} (before {one.until:%Y-%m-%d}, {one.size_bytes / 2**20:.1f} MiB)" for one in old]
    return f"{len(old)} partitions would be dropped{': ' * bool(old)}{', '.join(lines)}"
