"""Another team's objects on a Prefect server, and a full dump of all that is there."""

from collections.abc import Mapping
from typing import Any

from deployments.prefect_api import PrefectApi

EVERYTHING = {
    "flows": "/flows/filter",
    "flow_runs": "/flow_runs/filter",
    "task_runs": "/task_runs/filter",
    "deployments": "/deployments/filter",
    "work_pools": "/work_pools/filter",
    "work_queues": "/work_queues/filter",
    "limits": "/v2/concurrency_limits/filter",
    "tag_limits": "/concurrency_limits/filter",
    "automations": "/automations/filter",
    "artifacts": "/artifacts/filter",
    "variables": "/variables/filter",
    "blocks": "/block_documents/filter",
}
VOLATILE = {"last_polled", "status", "estimated_start_time_delta", "estimated_run_time", "total_run_time"}
"""What the server's clock and pollers change by themselves."""


def dump(api: PrefectApi) -> dict[str, dict[str, Any]]:
    """Every object of every kind by its id, as the server describes it; runs that are only scheduled left out."""
    return {kind: _by_id(api.all_of(path, {})) for kind, path in EVERYTHING.items()}


def _by_id(found: list[Any]) -> dict[str, Any]:
    return {
        one["id"]: {name: one[name] for name in one if name not in VOLATILE}
        for one in sorted(found, key=lambda one: str(one.get("name")))
        if one.get("state_type") != "SCHEDULED"
    }


def another_team(api: PrefectApi) -> Mapping[str, str]:
    """A pool with a queue, a flow with finished runs, a deployment, an automation, limits, a variable, an artifact.

    Returns:
        Where each can be deleted.
    """

    def make(path: str, body: Mapping[str, Any]) -> str:
        return str(api.call("POST", path, body)["id"])

    make("/work_pools/", {"name": "their-pool", "type": "process"})
    make("/work_pools/their-pool/queues", {"name": "their-queue"})
    flow = make("/flows/", {"name": "their-flow", "tags": ["theirs"]})
    deployment = make(
        "/deployments/",
        {
            "name": "theirs",
            "flow_id": flow,
            "work_pool_name": "their-pool",
            "work_queue_name": "their-queue",
            "tags": ["selfheal", "theirs"],  # a tag is nobody's property
            "schedules": [{"schedule": {"interval": 3600}, "slug": "hourly", "active": False}],
        },
    )
    for kind in ("COMPLETED", "FAILED", "RUNNING"):
        make("/flow_runs/", {"flow_id": flow, "deployment_id": deployment, "state": {"type": kind}})
    trigger = {"type": "event", "posture": "Reactive", "threshold": 1, "within": 0, "expect": ["theirs"]}
    act = {"type": "run-deployment", "source": "selected", "deployment_id": deployment}
    automation = make("/automations/", {"name": "their automation", "trigger": trigger, "actions": [act]})
    return {
        "automation": f"/automations/{automation}",
        "limit": "/v2/concurrency_limits/" + make("/v2/concurrency_limits/", {"name": "their-limit", "limit": 3}),
        "tag": "/concurrency_limits/" + make("/concurrency_limits/", {"tag": "their-tag", "concurrency_limit": 2}),
        "variable": "/variables/" + make("/variables/", {"name": "selfheal", "value": "theirs"}),
        "artifact": "/artifacts/" + make("/artifacts/", {"key": "their-table", "type": "table", "data": "[]"}),
        "deployment": f"/deployments/{deployment}",
        "flow": f"/flows/{flow}",
        "pool": "/work_pools/their-pool",
    }


def end_team(api: PrefectApi, team: Mapping[str, str]) -> None:
    """Delete it again: the server is the session's."""
    for place in team.values():
        api.call("DELETE", place)
