"""What Docker's inspection of a container means; only `clients.docker` calls this.

The words of `Incarnation.state` are made here. docs/decisions/docker.md tells what was measured about them.
"""

import signal
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from selfheal.clients import docker_checks
from selfheal.clients.docker_checks import moment
from selfheal.model.errors import Permanent
from selfheal.model.observation import Incarnation

LOOP_RESTARTS = 3
"""So many restarts by Docker itself, the last life shorter than `YOUNG`: a crash loop."""
YOUNG = timedelta(seconds=10)
"""Docker's own restart delay begins anew after a life of that length."""
RESTARTS_ALWAYS = frozenset({"always", "unless-stopped"})
DEFAULT_GRACE = timedelta(seconds=10)
LONGEST_OUTPUT = 120
UNCHECKED = "unchecked"

REMOVED = Incarnation(pid=0, started_at=0, state="REMOVED", note="there is no container of this name")


class Gone(Permanent):
    """The engine knows no such container."""


def life_of(found: Mapping[str, Any], *, asked: bool, now: datetime, thawed: datetime | None = None) -> Incarnation:
    """The container as an incarnation.

    Args:
        found: Docker's inspection.
        asked: whether somebody asked it to stop; only looked at when it has ended.
        now: aware time, on the engine's clock.
        thawed: when it was paused no longer, if that is known.
    """
    state = found["State"]
    unchecked = docker_checks.why_not(found, thawed=thawed, now=now)
    started = moment(state["StartedAt"])
    return Incarnation(
        pid=int(state["Pid"]),
        started_at=int(started.timestamp()) if started is not None else 0,
        state=_word(found, asked=asked, now=now),
        id=str(found["Id"]),
        exact_start=str(state["StartedAt"]),
        health=UNCHECKED if unchecked else _health(state),
        note=unchecked or _note(found),
    )


def has_ended(found: Mapping[str, Any]) -> bool:
    """Whether it ran, ended, and Docker is not about to start it again."""
    return str(found["State"]["Status"]) == "exited"


def was_asked(found: Mapping[str, Any], kills: Iterable[Mapping[str, Any]]) -> bool:
    """Whether somebody asked a container that has ended to stop.

    Args:
        found: Docker's inspection.
        kills: its `kill` events between its last start and its end, as far as the engine remembers.
    """
    wanted = stop_signal(found)
    signals = [str(event.get("Actor", {}).get("Attributes", {}).get("signal", "")) for event in kills]
    if str(int(wanted)) in signals:
        return True
    if signals:
        return False
    if _policy(found) in RESTARTS_ALWAYS:
        return True  # Docker starts such a one again unless it was asked not to
    return int(found["State"]["ExitCode"]) == 128 + wanted  # as every shell tells a signal


def stop_signal(found: Mapping[str, Any]) -> signal.Signals:
    """The signal by which this container is asked to stop."""
    name = str(found["Config"].get("StopSignal") or "SIGTERM").upper()
    try:
        return signal.Signals(int(name)) if name.isdigit() else signal.Signals["SIG" + name.removeprefix("SIG")]
    except (KeyError, ValueError):
        return signal.SIGTERM


def stop_grace(found: Mapping[str, Any]) -> timedelta:
    """How long it may take to stop, as it was created."""
    seconds = found["Config"].get("StopTimeout")
    return DEFAULT_GRACE if seconds is None else timedelta(seconds=max(0, int(seconds)))


def worth_keeping(found: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an inspection that tell why it failed; never environment and arguments, which hold passwords."""
    host, config = found["HostConfig"], found["Config"]
    return {
        "id": found["Id"],
        "created": found["Created"],
        "image": config.get("Image"),
        "program": found["Path"],
        "state": dict(found["State"]),
        "restart_count": found["RestartCount"],
        "restart_policy": host.get("RestartPolicy"),
        "memory_limit": host.get("Memory"),
        "stop_signal": stop_signal(found).name,
        "stop_grace_s": stop_grace(found).total_seconds(),
        "healthcheck": {key: value for key, value in (config.get("Healthcheck") or {}).items() if key != "Test"},
    }


def _word(found: Mapping[str, Any], *, asked: bool, now: datetime) -> str:
    word = str(found["State"]["Status"]).upper()
    if word == "EXITED" and asked:
        return "STOPPED"
    if word in {"RUNNING", "RESTARTING", "EXITED"} and _loops(found, now=now):
        return "CRASH_LOOP"
    return word


def _loops(found: Mapping[str, Any], *, now: datetime) -> bool:
    """Whether Docker has restarted it several times, and its last life was, or still is, a short one."""
    state = found["State"]
    began, ended = moment(state["StartedAt"]), moment(state["FinishedAt"])
    if int(found["RestartCount"]) < LOOP_RESTARTS or began is None:
        return False
    alive = int(state["Pid"]) > 0 or ended is None
    return ((now if alive or ended is None else ended) - began) < YOUNG


def _policy(found: Mapping[str, Any]) -> str:
    return str((found["HostConfig"].get("RestartPolicy") or {}).get("Name") or "no")


def _health(state: Mapping[str, Any]) -> str:
    word = str((state.get("Health") or {}).get("Status") or "")
    return "" if word == "none" else word


def _note(found: Mapping[str, Any]) -> str:
    """Why it ended, or what its failing health check wrote; without numbers that change from look to look."""
    state = found["State"]
    if state["OOMKilled"] and not state["Pid"]:
        return f"out of memory, exit code {state['ExitCode']}"
    if state.get("Error"):
        return str(state["Error"])[:LONGEST_OUTPUT]
    if state["Status"] in {"exited", "restarting", "dead"}:
        return f"exit code {state['ExitCode']}"
    log = (state.get("Health") or {}).get("Log") or []
    if _health(state) == "unhealthy" and log:
        return " ".join(str(log[-1].get("Output", "")).split())[:LONGEST_OUTPUT]
    return ""
