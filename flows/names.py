"""What flow runs are called, so that a list of them in the Prefect UI can be read."""

from datetime import UTC, datetime

from prefect.runtime import flow_run

from selfheal.logs import without_secrets
from selfheal.store.text import shorten

_LONGEST = 120


def heal_run() -> str:
    """Component, and the action that somebody chose, or why it is healed."""
    asked = flow_run.parameters
    return _name(f"heal {asked['component']}: {asked['action'] or asked['reason']}", dry_run=asked["dry_run"])


def reconcile_run() -> str:
    """What it does, and when."""
    return _name(f"settle what was left behind, {_now()}", dry_run=flow_run.parameters["dry_run"])


def breaker_run() -> str:
    """What a person decides, or that nobody does."""
    asked = flow_run.parameters
    if asked["deed"] == "look":
        return _name(f"look after the breakers, {_now()}", dry_run=asked["dry_run"])
    return _name(f"{asked['deed']} {asked['breaker']}: {asked['why']}", dry_run=asked["dry_run"])


def persistence_run() -> str:
    """What it does, and when."""
    return _name(f"keep the states of workflows, {_now()}", dry_run=flow_run.parameters["dry_run"])


def admission_run() -> str:
    """What it does, and when."""
    return _name(f"start workflows, {_now()}", dry_run=flow_run.parameters["dry_run"])


def recovery_run() -> str:
    """Which workflow a person wants back, or all."""
    asked = flow_run.parameters
    words = f"recover {asked['workflow']}" if asked["workflow"] else f"look after the workflows, {_now()}"
    return _name(words, dry_run=asked["dry_run"])


def escalated_run() -> str:
    """What it does, and when."""
    return _name(f"complete escalated work, {_now()}", dry_run=flow_run.parameters["dry_run"])


def retention_run() -> str:
    """What it does, and when."""
    return _name(f"forget what is old, {_now()}", dry_run=flow_run.parameters["dry_run"])


def replay_run() -> str:
    """Since when, and what would be set otherwise."""
    asked = flow_run.parameters
    return _name(f"replay {asked['since']}: {', '.join(asked['changes']) or 'as it is set'}")


def host_run() -> str:
    """What it does, and when."""
    return _name(f"look at the host, {_now()}", dry_run=flow_run.parameters["dry_run"])


def predicting_run() -> str:
    """What it does, and when."""
    return _name(f"foretell what will break, {_now()}", dry_run=flow_run.parameters["dry_run"])


def watch_run() -> str:
    """From when on it watches."""
    return _name(f"watch from {_now()}")


def log_run() -> str:
    """From when on it follows."""
    return _name(f"follow the logs from {_now()}")


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _name(words: str, *, dry_run: bool = False) -> str:
    """One line of clean text without secrets: it comes from forms and from what probes said."""
    line = " ".join(without_secrets(words).split())
    return shorten(f"dry run: {line}" if dry_run else line, _LONGEST)
