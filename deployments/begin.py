"""Begins what must not wait for its schedule: after a worker's start, and after a reload. `up` calls this."""

from collections.abc import Sequence

from deployments.prefect_api import PrefectApi, in_bulk
from selfheal.model.errors import SelfhealError, Transient

RECONCILE = "reconcile/reconcile"
WATCHER = "application-health/application-health"
LOGS = "log-monitor/log-monitor"
PERSISTENCE = "workflow-persistence/workflow-persistence"
RECOVERY = "recovery-health-check/recovery-health-check"
FORECAST = "predictive-health/predictive-health"
RETENTION = "retention/retention"
AT_START = (RECONCILE, WATCHER, FORECAST, RETENTION)
AT_START_OF_WORKFLOWS = (PERSISTENCE, RECOVERY)
AT_START_OF_LOGS = (LOGS,)


def begin(api: PrefectApi, deployments: Sequence[str], *, key: str) -> None:
    """Begin one run of each, in place of all that came too late.

    On a server of somebody else's the schedules go on while no worker of ours runs: without this a night without
    one would be followed by a hundred watchers, each of which hands over to the next.

    Args:
        api: the Prefect server.
        deployments: FLOW/NAME of each.
        key: of this start; asked again, also after a lost answer, it begins nothing more.

    Raises:
        Transient: it could not be done.
    """
    try:
        for name in deployments:
            _forget_late(api, name)
            api.start(name, {}, key=f"{name}/{key}")
    except SelfhealError as error:
        raise Transient(f"the first runs could not be begun: {error}") from error


def _forget_late(api: PrefectApi, name: str) -> None:
    """Runs whose time passed while nobody was there to carry them out."""
    deployment = api.call("GET", f"/deployments/name/{name}")
    late = api.all_of(
        "/flow_runs/filter",
        {"deployments": {"id": {"any_": [deployment["id"]]}}, "flow_runs": {"state": {"name": {"any_": ["Late"]}}}},
    )
    for some in in_bulk(late):
        api.call("POST", "/flow_runs/bulk_delete", {"flow_runs": some})
