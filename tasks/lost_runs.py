"""Ends flow runs whose process is gone without a word; `reconcile` runs it.

A worker killed with -9 leaves its runs Running for ever in Prefect, and the heals inside them too. Only runs of
processes on this host are judged, and the state is read again just before it is set.
"""

import socket

import psutil
from prefect import get_client, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

from tasks.retries import ONCE

_RUNNING = FlowRunFilter.model_validate(
    {"state": {"type": {"any_": [StateType.RUNNING.value, StateType.CANCELLING.value]}}}
)


@task(name="end-lost-runs", cache_policy=NO_CACHE, **ONCE)
def end_lost_runs() -> int:
    """Set every Running flow run to Crashed whose process on this host is gone; how many that were."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=_RUNNING, limit=200)
        return sum(_end(client, run) for run in runs if _is_lost(client, run))


def _is_lost(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether the run's own process, or that of the run it belongs to, is gone."""
    if run.parent_task_run_id is not None:
        parent_id = client.read_task_run(run.parent_task_run_id).flow_run_id
        if parent_id is None:
            return False
        parent = client.read_flow_run(parent_id)
        return (parent.state is not None and parent.state.is_final()) or _is_lost(client, parent)
    host, _, pid = (run.infrastructure_pid or "").rpartition(":")
    return host == socket.gethostname() and pid.isdigit() and not psutil.pid_exists(int(pid))


def _end(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Crash the run unless it has moved since it was read."""
    now = client.read_flow_run(run.id).state
    if now is None or run.state is None or now.id != run.state.id:
        return False
    client.set_flow_run_state(run.id, Crashed(message="its process is gone"), force=True)
    return True
