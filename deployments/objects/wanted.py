"""What Selfheal wants on a Prefect server.

The deployments of `prefect.yaml`, their pool, queues and flows, the limits of the components, the automation.

The only place here that imports Prefect and the flows, which costs seconds: parameter forms come from them.
"""

import importlib
from collections.abc import Iterable
from typing import Any

from prefect import Flow
from prefect.utilities.callables import parameter_schema
from prefect.workers.process import ProcessWorker

from deployments.objects import declared
from deployments.objects.kinds import POOL, TAG, Body, Ids, Kind, Wanted
from selfheal.policy.watching import WATCHERS
from tasks.slots import limit_name

_DEPLOYMENT_FIELDS = (
    "description",
    "tags",
    "entrypoint",
    "schedules",
    "concurrency_limit",
    "work_pool_name",
    "work_queue_name",
    "parameter_openapi_schema",
    "enforce_parameter_schema",
    "job_variables",
)


def everything(
    components: Iterable[str], *, workflows: bool = True, logs: bool = True, worker: str = "prefork"
) -> list[Wanted]:
    """All objects, in the order in which they are made.

    Args:
        components: names of the configured components; each gets its visible limit of 1.
        workflows: whether there are any; otherwise no schedule begins what looks after them.
        logs: the same of logs.
        worker: type of the worker that the pool is made for.
    """
    deployments = declared.deployments()
    queues = {one["work_pool"]["work_queue_name"] for one in deployments}
    flows = {one["name"]: _flow(one["entrypoint"]) for one in deployments}
    return [
        _pool(worker),
        *(_queue(name) for name in sorted(queues)),
        *(_of_flow(flow.name) for flow in flows.values()),
        *(
            _deployment(one, flows[one["name"]], begun=declared.scheduled(one, workflows=workflows, logs=logs))
            for one in deployments
        ),
        *(_limit(name) for name in sorted(components)),
        *(_replace_crashed(watcher) for watcher in sorted(WATCHERS)),
    ]


def _flow(entrypoint: str) -> Flow[..., Any]:
    module, _, name = entrypoint.rpartition(".")
    flow: Flow[..., Any] = getattr(importlib.import_module(module), name)
    return flow


def _fixed(kind: Kind, name: str, body: Body, *compared: str) -> Wanted:
    """An object that needs no id of another."""
    return Wanted(kind=kind, name=name, body=lambda _: body, compared=compared)


def _pool(worker: str) -> Wanted:
    """The pool; its job template is the operator's once it is made, and is the same for both types of worker.

    A pool's type cannot be changed, and need not: a worker of either type serves a pool of the other.
    """
    body = {
        "name": POOL,
        "type": worker,
        "description": "Selfheal's flow runs; made by `selfheal deployments apply`.",
        "base_job_template": ProcessWorker.get_default_base_job_template(),
    }
    return Wanted(kind=Kind.POOL, name=POOL, body=lambda _: body, lasting=("type",))


def _queue(name: str) -> Wanted:
    return _fixed(Kind.QUEUE, name, {"name": name, "description": "Made by Selfheal."})


def _of_flow(name: str) -> Wanted:
    return _fixed(Kind.FLOW, name, {"name": name, "tags": [TAG]}, "tags")


def _deployment(written: dict[str, Any], flow: Flow[..., Any], *, begun: bool) -> Wanted:
    """One deployment. It names no command and no folder: a worker anywhere uses its own interpreter."""
    every = written["schedules"] if begun else ()
    schedules = [{"slug": one["slug"], "schedule": {"interval": float(one["interval"])}} for one in every]
    fixed = {
        "name": written["name"],
        "description": written["description"],
        "tags": [TAG],
        "entrypoint": written["entrypoint"],
        "schedules": schedules,
        "concurrency_limit": written.get("concurrency_limit"),
        "work_pool_name": POOL,
        "work_queue_name": written["work_pool"]["work_queue_name"],
        "parameter_openapi_schema": parameter_schema(flow).model_dump(mode="json"),
        "enforce_parameter_schema": True,
        "job_variables": {},
    }

    def body(ids: Ids) -> Body:
        return {**fixed, "flow_id": ids.get((Kind.FLOW, flow.name))}

    return Wanted(kind=Kind.DEPLOYMENT, name=f"{flow.name}/{written['name']}", body=body, compared=_DEPLOYMENT_FIELDS)


def _limit(component: str) -> Wanted:
    """The visible dedup of a component's heals."""
    name = limit_name(component)
    return _fixed(Kind.LIMIT, name, {"name": name, "limit": 1}, "limit")


def _replace_crashed(watcher: str) -> Wanted:
    """The automation that begins a new run of a watcher as soon as one has crashed."""
    name = f"replace a crashed {watcher}"

    def body(ids: Ids) -> Body:
        deployment = ids.get((Kind.DEPLOYMENT, f"{watcher}/{watcher}"))
        return {
            "name": name,
            "description": "A watcher that crashed is replaced at once instead of at its next scheduled time.",
            "tags": [TAG],
            "trigger": {
                "type": "event",
                "expect": ["prefect.flow-run.Crashed"],
                "match_related": {"prefect.resource.id": f"prefect.deployment.{deployment}"},
                "posture": "Reactive",
                "threshold": 1,
                "within": 0.0,
            },
            "actions": [{"type": "run-deployment", "source": "selected", "deployment_id": deployment}],
        }

    return Wanted(kind=Kind.AUTOMATION, name=name, body=body, compared=("description", "tags", "trigger", "actions"))
