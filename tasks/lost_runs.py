"""Ends flow runs whose process is gone without a word; `reconcile` runs it.

A worker killed with -9 leaves its runs Running for ever in Prefect, and the heals inside them too. A run is judged
by the process that signed it in, on this host only, and its state is read again just before it is set.
"""

from collections.abc import Mapping
from uuid import UUID

import httpx
from prefect import get_client, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from selfheal.bootstrap import current
from selfheal.model.attempt import Holder
from selfheal.model.errors import Transient
from selfheal.protocol.holder import is_gone
from tasks.retries import RETRYING

UNDER_WAY = [StateType.RUNNING.value, StateType.CANCELLING.value]
AT_A_TIME = 200


@task(name="end-lost-runs", task_run_name="end runs whose process is gone", cache_policy=NO_CACHE, **RETRYING)
def end_lost_runs(*, dry_run: bool = False) -> int:
    """Set every running flow run to Crashed whose process on this host is gone; how many that were, or would be."""
    with get_client(sync_client=True) as client:
        running = FlowRunFilter.model_validate({"state": {"type": {"any_": UNDER_WAY}}})
        try:
            runs = client.read_flow_runs(flow_run_filter=running, limit=AT_A_TIME)
            holders = current().runs.holders([run.id for run in runs])
            lost = [run for run in runs if is_lost(client, run, holders)]
            return len(lost) if dry_run else sum(_end(client, run) for run in lost)
        except httpx.TransportError as error:
            raise Transient(f"the Prefect server cannot be asked which runs are lost: {error}") from error


def is_lost(client: SyncPrefectClient, run: FlowRun, holders: Mapping[UUID, Holder]) -> bool:
    """Whether the process of the run, or of the run that it is part of, is gone."""
    if run.parent_task_run_id is None:
        return run.id in holders and is_gone(holders[run.id])
    try:
        parent_id = client.read_task_run(run.parent_task_run_id).flow_run_id
    except ObjectNotFound:  # Prefect has not written it down, or has pruned it: nothing tells that the run is lost
        return False
    if parent_id is None:
        return False
    parent = client.read_flow_run(parent_id)
    if parent.state is not None and parent.state.is_final():
        return True
    return is_lost(client, parent, holders)


def _end(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Crash the run unless it has moved since it was read."""
    now = client.read_flow_run(run.id).state
    if now is None or run.state is None or now.id != run.state.id:
        return False
    client.set_flow_run_state(run.id, Crashed(message="its process is gone"), force=True)
    return True
