"""`prefect.yaml`: every deployment with its entrypoint, schedule, queue and limit."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from selfheal.policy.watching import LOGS

WORKFLOWS = "workflows"
"""The queue of the mechanisms that look after workflows."""
HEALS = "heals"
"""The queue of heals that are not done by a watcher itself; the worker keeps one slot for it."""
FILE = Path(__file__).parent.parent / "prefect.yaml"


def deployments() -> list[dict[str, Any]]:
    """The deployments, as they are written there."""
    declared: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["deployments"]
    return declared


def scheduled(deployment: Mapping[str, Any], *, workflows: bool, logs: bool) -> bool:
    """Whether a schedule begins it: what looks after workflows, or logs, has nothing to do where there are none."""
    idle = deployment["work_pool"]["work_queue_name"] == WORKFLOWS and not workflows
    return bool(deployment["schedules"]) and not idle and (logs or deployment["name"] != LOGS)


def schedules(*, workflows: bool, logs: bool) -> dict[str, timedelta]:
    """How often each of those is to run that a schedule begins, by name.

    Args:
        workflows: whether the settings name a request file.
        logs: whether they name a log.
    """
    return {
        one["name"]: min(timedelta(seconds=each["interval"]) for each in one["schedules"])
        for one in deployments()
        if scheduled(one, workflows=workflows, logs=logs)
    }


def slugs() -> set[str]:
    """The names that schedules of ours have."""
    return {each["slug"] for one in deployments() for each in one["schedules"]}


def flow_names() -> list[str]:
    """The names of their flows, without importing them: a flow is named like its function."""
    return sorted({one["entrypoint"].rpartition(".")[2].replace("_", "-") for one in deployments()})
