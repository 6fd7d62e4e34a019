"""Asks systemd which services run; only `selfheal discover` calls this.

Unproved: it was tried against a recorded answer only, where systemd is not the first process.
"""

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

from selfheal.discovery.found import FoundUnit
from selfheal.model.errors import Permanent, Transient

QUESTION = ("list-units", "--type=service", "--state=running", "--no-pager", "--output=json")
RUNS = Path("/run/systemd/system")
"""There only where systemd is the first process: `sd_booted(3)`."""


def booted() -> bool:
    """Whether systemd runs this machine and can be asked."""
    return RUNS.is_dir() and shutil.which("systemctl") is not None


def running_units(*, timeout: timedelta = timedelta(seconds=5)) -> list[FoundUnit]:
    """The services that run.

    Raises:
        Transient: systemd does not answer in time, or says that it cannot.
        Permanent: it answers what we do not understand.
    """
    try:
        done = subprocess.run(
            ["systemctl", *QUESTION],  # noqa: S607 - the one of the machine, wherever it is
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout.total_seconds(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Transient(f"systemd cannot be asked: {type(error).__name__}", hint="see `systemctl status`") from error
    if done.returncode:
        raise Transient(f"systemd does not tell: {done.stderr.strip()[:200]}", hint="see `systemctl status`")
    return units_of(done.stdout)


def units_of(answer: str) -> list[FoundUnit]:
    """The services in what `systemctl list-units --output=json` wrote.

    Raises:
        Permanent: it is something else.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(answer)
        found = [
            FoundUnit(name=str(one["unit"]), description=str(one.get("description", "")))
            for one in rows
            if one["active"] == "active" and one["sub"] == "running"
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise Permanent("systemctl answered no list of units", hint="its version may be older than 246") from error
    return sorted(found, key=lambda one: one.name)
