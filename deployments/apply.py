"""Brings the work pool, its queues, the deployments of `prefect.yaml`, the limits and the automation to a server.

`up` runs it as `python -m deployments.apply` each time the Prefect server has become ready; running it again
changes nothing that is right. It is a process of its own because importing Prefect and the flows costs seconds
and memory that the supervisor should not hold.
"""

import importlib
import os
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prefect import Flow, get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema
from prefect.workers.process import ProcessWorker

from deployments.embedded.worker import flow_run_command
from selfheal.model.errors import SelfhealError
from selfheal.settings.file import load
from tasks.slots import limit_name

POOL = "selfheal"
FILE = Path(__file__).parent.parent / "prefect.yaml"
WATCHER = "application-health"


def apply(components: Iterable[str]) -> None:
    """Bring everything to the server that `PREFECT_API_URL` names.

    Args:
        components: names of the configured components; each gets its visible limit of 1.
    """
    declared = yaml.safe_load(FILE.read_text(encoding="utf-8"))["deployments"]
    with get_client(sync_client=True) as client:
        _pool(client, {one["work_pool"]["work_queue_name"] for one in declared})
        ids = {one["name"]: _deployment(client, one) for one in declared}
        for name in components:
            client.upsert_global_concurrency_limit_by_name(name=limit_name(name), limit=1)
        _replace_crashed_watchers(client, ids[WATCHER])


def _pool(client: SyncPrefectClient, queues: set[str]) -> None:
    """The process pool and its queues."""
    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
    have = {queue.name for queue in client.read_work_queues(work_pool_name=POOL)}
    for name in sorted(queues - have):
        client.create_work_queue(name=name, work_pool_name=POOL)


def _deployment(client: SyncPrefectClient, declared: dict[str, Any]) -> UUID:
    """One deployment, made or brought up to date."""
    module, _, name = declared["entrypoint"].rpartition(".")
    flow: Flow[..., Any] = getattr(importlib.import_module(module), name)
    return client.create_deployment(
        flow_id=client.create_flow(flow),
        name=declared["name"],
        entrypoint=declared["entrypoint"],
        description=declared["description"],
        schedules=[
            DeploymentScheduleCreate(schedule=IntervalSchedule(interval=one["interval"]), slug=one["slug"], active=True)
            for one in declared["schedules"]
        ],
        concurrency_limit=declared.get("concurrency_limit"),
        work_pool_name=POOL,
        work_queue_name=declared["work_pool"]["work_queue_name"],
        parameter_openapi_schema=parameter_schema(flow).model_dump(),
        enforce_parameter_schema=True,
        job_variables={"command": flow_run_command()},
        tags=["selfheal"],
    )


def _replace_crashed_watchers(client: SyncPrefectClient, deployment_id: UUID) -> None:
    """The automation that begins a new run of the watcher as soon as one has crashed."""
    wanted = AutomationCore(
        name="replace a crashed application-health",
        description="A watcher that crashed is replaced at once instead of at its next scheduled time.",
        trigger=EventTrigger(
            expect={"prefect.flow-run.Crashed"},
            match_related=ResourceSpecification({"prefect.resource.id": f"prefect.deployment.{deployment_id}"}),
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[RunDeployment(source="selected", deployment_id=deployment_id)],
    )
    found = client.read_automations_by_name(wanted.name)
    if not found:
        client.create_automation(wanted)
    for one in found:
        client.update_automation(one.id, wanted)


def main() -> int:
    """Apply, in the words of an operator if it cannot be done."""
    try:
        path = os.environ.get("SELFHEAL_CONFIG")
        apply(load(Path(path) if path else None).components)
    except SelfhealError as error:
        print(f"selfheal: {error}", file=sys.stderr)  # noqa: T201 - the supervisor's log is this process's reader
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
