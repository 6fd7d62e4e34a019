"""When a container's health check tells nothing of now, whatever Docker goes on saying."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from selfheal.clients.docker_checks import is_late, why_not
from selfheal.clients.docker_state import life_of

CHECKED = datetime(2026, 1, 1, 12, tzinfo=UTC)
NEVER = "0001-01-01T00:00:00Z"
HOUR_S = 3600


def inspection(
    *, interval: float = 5, timeout: float = 5, started: float = -HOUR_S, checked: bool = True, **changes: Any
) -> dict[str, Any]:
    """Docker's inspection of a container that was checked at `CHECKED`, started so many seconds after it."""
    log = [{"Start": stamp(-1), "End": stamp(0), "ExitCode": 0, "Output": ""}] if checked else None
    health = {"Status": "healthy", "FailingStreak": 0, "Log": log}
    state = {
        "Status": "running",
        "Pid": 7,
        "ExitCode": 0,
        "OOMKilled": False,
        "Error": "",
        "StartedAt": stamp(started),
        "FinishedAt": NEVER,
        "Health": health | {key: changes.pop(key) for key in list(changes) if key in health},
    }
    check = {"Test": ["CMD", "true"], "Interval": int(interval * 1e9), "Timeout": int(timeout * 1e9)}
    check["StartInterval"] = int(changes.pop("start_interval", 0) * 1e9)
    host = {"RestartPolicy": {"Name": "no"}}
    return {
        "Id": "a" * 64,
        "RestartCount": 0,
        "State": state | changes,
        "Config": {"Healthcheck": check},
        "HostConfig": host,
    }


def stamp(seconds: float) -> str:
    """Docker's way to write a moment after `CHECKED`."""
    return f"{CHECKED + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%f}789Z"


def late_after(found: dict[str, Any], seconds: float) -> bool:
    return is_late(found, now=CHECKED + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("changes", "patience_s"),
    [
        ({}, 3 * 5 + 5),
        ({"interval": 0, "timeout": 0}, 3 * 30 + 30),
        ({"interval": 1, "timeout": 1}, 1 + 1 + 10),
        ({"interval": HOUR_S, "timeout": 60}, HOUR_S + 60 + 300),
        ({"interval": 1, "timeout": 1, "start_interval": 20}, 3 * 20 + 1),
        ({"started": 100}, 100 + 20),
        ({"started": 100, "Status": "starting"}, 100 + 20),
        ({"started": 100, "checked": False}, 100 + 20),
    ],
    ids=["usual", "defaults", "short", "hourly", "start interval", "restarted", "starting", "never checked"],
)
def test_how_long_a_check_may_be_away(changes: dict[str, Any], patience_s: float) -> None:
    """Three intervals and a time-out after the last check or the start; at least 10 s, at most 5 min beyond its due."""
    found = inspection(**changes)
    assert not late_after(found, patience_s)
    assert late_after(found, patience_s + 0.1)


@pytest.mark.parametrize("status", ["paused", "exited", "restarting", "created"])
def test_what_does_not_run_need_not_be_checked(status: str) -> None:
    """A container that is paused or has ended is judged by that alone."""
    found = inspection()
    found["State"]["Status"] = status
    assert not late_after(found, HOUR_S)


def test_without_a_check_nothing_is_late() -> None:
    """No health check, or one that was switched off."""
    found = inspection(Status="none")
    assert not late_after(found, HOUR_S)
    del found["State"]["Health"]
    assert not late_after(found, HOUR_S)


def test_a_thawed_container_is_given_time_for_its_next_check() -> None:
    """After a pause of an hour the first check comes one interval after its end."""
    now = CHECKED + timedelta(hours=1)
    assert not is_late(inspection(), thawed=now - timedelta(seconds=20), now=now)
    assert is_late(inspection(), thawed=now - timedelta(seconds=21), now=now)


def test_a_clock_that_was_set_back_is_no_lateness() -> None:
    """A check that has ended in the future counts as new."""
    assert not late_after(inspection(), -HOUR_S)


@pytest.mark.parametrize("status", ["healthy", "unhealthy", "starting"])
def test_what_is_late_tells_nothing(status: str) -> None:
    """Whatever Docker calls it, the word is `unchecked`, and the note tells since when and what helps."""
    found = inspection(Status=status, FailingStreak=3)
    one, later = (life_of(found, asked=False, now=CHECKED + timedelta(minutes=minutes)) for minutes in (4, 5))
    assert one.health == "unchecked"
    assert one.note.startswith("Docker has not checked it since 2026-01-01 12:00:00 UTC, although it should every 5 s")
    assert "restart the container" in one.note
    assert one == later


def test_a_thaw_makes_nothing_unhealthy() -> None:
    """Docker calls a container unhealthy from its pause to its next check: no check has said so."""
    now = CHECKED + timedelta(seconds=10)
    thawed = inspection(Status="unhealthy", FailingStreak=0)
    assert life_of(thawed, asked=False, now=now).health == "unchecked"
    assert "thawed" in why_not(thawed, thawed=None, now=now)
    failed = inspection(Status="unhealthy", FailingStreak=1)
    assert life_of(failed, asked=False, now=now).health == "unhealthy"
