"""`prefect.yaml`: every deployment with its entrypoint, schedule, queue and limit."""

from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent.parent / "prefect.yaml"


def deployments() -> list[dict[str, Any]]:
    """The deployments, as they are written there."""
    declared: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["deployments"]
    return declared


def flow_names() -> list[str]:
    """The names of their flows, without importing them: a flow is named like its function."""
    return sorted({one["entrypoint"].rpartition(".")[2].replace("_", "-") for one in deployments()})
