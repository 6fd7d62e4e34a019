"""Which flow runs say that they work on a workflow, for the comparison of its stores.

A run of ours names what it works on in its parameter `component`; a workflow is a component by its request's id.
"""

import logging
from collections.abc import Sequence

import httpx
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun

from selfheal.bootstrap import current
from selfheal.model.disagreement import ClaimedRun
from selfheal.policy.catalogue import is_request
from tasks.lost_runs import AT_A_TIME, UNDER_WAY, is_lost

_log = logging.getLogger(__name__)


def claimed_runs() -> Sequence[ClaimedRun] | None:
    """Runs that Prefect has as running and that name a workflow; None: the Prefect server cannot be asked.

    Raises:
        Transient: our database does not answer.
    """
    running = FlowRunFilter.model_validate({"state": {"type": {"any_": UNDER_WAY}}})
    with get_client(sync_client=True) as client:
        try:
            runs = client.read_flow_runs(flow_run_filter=running, limit=AT_A_TIME)
            claims = {run.id: _named(run) for run in runs}
            holders = current().runs.holders([run.id for run in runs])  # also of those that they are part of
            return [
                ClaimedRun(run=f"{run.name} ({run.id})", req_number=claims[run.id], gone=is_lost(client, run, holders))
                for run in runs
                if claims[run.id]
            ]
        except (httpx.HTTPStatusError, httpx.TransportError) as error:
            _log.warning("runs that claim workflows are not compared: %s", error)
            return None


def _named(run: FlowRun) -> str:
    """The workflow that it says it works on; empty: none."""
    name = str(run.parameters.get("component", ""))
    return name if is_request(name) else ""
