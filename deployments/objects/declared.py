"""`prefect.yaml`: every deployment with its entrypoint, schedule, queue and limit."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent.parent / "prefect.yaml"


def deployments() -> list[dict[str, Any]]:
    """The deployments, as they are written there."""
    declared: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["deployments"]
    return declared


def schedules() -> dict[str, timedelta]:
    """How often each of those is to run that a schedule begins, by name."""
    return {
        one["name"]: min(timedelta(seconds=each["interval"]) for each in one["schedules"])
        for one in deployments()
        if one["schedules"]
    }


def flow_names() -> list[str]:
    """The names of their flows, without importing them: a flow is named like its function."""
    return sorted({one["entrypoint"].rpartition(".")[2].replace("_", "-") for one in deployments()})
