"""Whether what a container's health check says tells anything of now; only `clients.docker` and `docker_state` ask.

Docker shows the result of the last check for ever: after dockerd has died and found its containers alive again it
checks none of them any more, and goes on calling them healthy. docs/decisions/docker.md tells what was measured.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

DEFAULT = timedelta(seconds=30)
"""Docker's own interval and time-out of a check."""
LEAST_SLACK, MOST_SLACK = timedelta(seconds=10), timedelta(minutes=5)
"""A check may come two intervals late, within these bounds: a busy machine is no dead engine, and a day is too late."""
_NANO = 1e-9


def last_look(found: Mapping[str, Any]) -> datetime | None:
    """When Docker's last check of this life ended, or when the life began; None if it never began.

    Args:
        found: Docker's inspection.
    """
    ends = [moment(str(one["End"])) for one in _log(found)[-1:]]
    known = [one for one in (*ends, moment(str(found["State"]["StartedAt"]))) if one is not None]
    return max(known, default=None)


def is_late(found: Mapping[str, Any], *, thawed: datetime | None = None, now: datetime) -> bool:
    """Whether a check should have ended long ago; never of a container that Docker need not check.

    The first check comes one interval after a start or a thaw, whatever the start period. An end in the future, as
    after a clock was set back, is not late.

    Args:
        found: Docker's inspection.
        thawed: when it was paused no longer, if that is known.
        now: aware time, on the engine's clock.
    """
    looked = last_look(found)
    if looked is None or not _is_checked(found):
        return False
    return now - max(looked, thawed or looked) > _patience(found)


def why_not(found: Mapping[str, Any], *, thawed: datetime | None, now: datetime) -> str:
    """Why what the check says tells nothing of now; empty: it does. The words stay the same from look to look."""
    health = found["State"].get("Health") or {}
    if _is_checked(found) and health.get("Status") == "unhealthy" and not health.get("FailingStreak"):
        return "not checked again since it was thawed"  # Docker calls it unhealthy from the pause on
    looked = last_look(found)
    if looked is not None and is_late(found, thawed=thawed, now=now):
        return (
            f"Docker has not checked it since {looked:%Y-%m-%d %H:%M:%S} UTC, although it should every "
            f"{_words(_pace(found))}: it looks at it no more; restart the container, or pause and unpause it"
        )
    return ""


def moment(written: str) -> datetime | None:
    """A time of Docker's; None for the year 1, which means never."""
    time = datetime.fromisoformat(written)
    return None if time.year == 1 else time.astimezone(UTC)


def _is_checked(found: Mapping[str, Any]) -> bool:
    """Whether it runs, and Docker should be checking it."""
    state = found["State"]
    word = str((state.get("Health") or {}).get("Status") or "none")
    return str(state["Status"]) == "running" and word != "none"


def _patience(found: Mapping[str, Any]) -> timedelta:
    """How old a check may be: its own pace and time-out, and what a busy machine adds."""
    pace = _pace(found)
    return pace + _seconds(found, "Timeout") + min(max(2 * pace, LEAST_SLACK), MOST_SLACK)


def _pace(found: Mapping[str, Any]) -> timedelta:
    """The longest that may lie between two checks: a start interval counts where it is the longer one."""
    return max(_seconds(found, "Interval"), _seconds(found, "StartInterval", timedelta(0)))


def _seconds(found: Mapping[str, Any], name: str, default: timedelta = DEFAULT) -> timedelta:
    check = found["Config"].get("Healthcheck") or {}
    return timedelta(seconds=float(check.get(name) or 0) * _NANO) or default


def _words(length: timedelta) -> str:
    seconds = length.total_seconds()
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:g} min"  # noqa: PLR2004 - two minutes


def _log(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((found["State"].get("Health") or {}).get("Log") or [])
