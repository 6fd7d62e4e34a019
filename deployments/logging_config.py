"""Prefect's logging configuration for the worker and the flow runs: its own, with our level, filter and format."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import yaml

from deployments.embedded.files import write_private
from selfheal.model.errors import Permanent
from selfheal.settings.logs import Logging

OURS = ("selfheal", "flows", "tasks")


def write(path: Path, settings: Logging) -> dict[str, str]:
    """Write the file; gives the environment that makes Prefect's clients use it."""
    config = _prefects()
    level = settings.level.upper()
    config["filters"] = {"masked": {"()": "selfheal.logs.Masked"}}
    config["formatters"]["ours"] = {"()": "selfheal.logs.JsonFormatter"}
    if settings.format == "json":
        plain = {"class": "logging.StreamHandler", "level": 0, "formatter": "ours", "stream": "ext://sys.stderr"}
        config["handlers"] |= {"console": plain, "debug": dict(plain)}
    for handler in config["handlers"].values():
        handler["filters"] = ["masked"]
    config["loggers"] |= {name: {"level": level} for name in OURS}
    write_private(path, json.dumps(config, indent=1))  # JSON is YAML
    return {
        "PREFECT_LOGGING_SETTINGS_PATH": str(path),
        "PREFECT_LOGGING_LEVEL": level,
        "PREFECT_LOGGING_EXTRA_LOGGERS": ",".join(OURS),
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # a thread of ours has no run: its lines are in the log
    }


def _prefects() -> dict[str, Any]:
    """The configuration that comes with Prefect, found without importing it."""
    spec = importlib.util.find_spec("prefect")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(location) / "logging" / "logging.yml"
        if file.exists():
            found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
            return found
    raise Permanent("Prefect's logging.yml is missing", hint="install prefect again")
