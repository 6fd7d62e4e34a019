"""Controls the containers of one Docker engine; the observer, restart-container and the watcher call this.

Docker has habits that this client hides: a name may be given to another container, a name in a path reaches another
path, the list does not tell when a container started, and nothing but the engine's short memory of events tells a
container that was stopped on request from one that died.
"""

import re
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from selfheal.clients import docker_checks, docker_state
from selfheal.clients.docker_streams import Changes, EntryStream
from selfheal.clients.docker_usage import usage_of
from selfheal.model.errors import NotAllowed, Permanent, SelfhealError
from selfheal.model.observation import Incarnation
from selfheal.model.usage import ContainerUsage

if TYPE_CHECKING:
    from selfheal.clients.docker_api import Api

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
ID = re.compile(r"[0-9a-f]{64}")
TELLING = ["die", "oom", "health_status", "destroy", "start", "pause", "unpause", "rename"]
"""The events after which a container may look different."""
LEAST_SECONDS = 1.0
EVENT_DELAY_SECONDS = 0.5
"""How long after an end the event of the signal that caused it may still be written."""
EVENT_POLL_SECONDS = 0.1
USAGE_SECONDS = 5.0
"""What a container uses is told within a second by an engine that looks once a second."""
_USAGES_AT_ONCE = 16


class Docker:
    """Fulfils `ports.ContainerControl`; any number of threads may call it.

    Args:
        url: `unix:///PATH` or `tcp://HOST:PORT`.
        timeout: for each look; acts bring their own.
    """

    def __init__(self, *, url: str, timeout: timedelta = timedelta(seconds=5)) -> None:
        self._url, self._timeout = url, timeout
        self._ends: dict[str, tuple[str, bool]] = {}  # id -> (its last start, whether it was asked to end)

    def containers(self, names: Collection[str] | None = None) -> Mapping[str, Incarnation]:
        """These containers (None: all) by name; REMOVED where none has the name."""
        for name in names or ():
            _checked(name)
        listed = self._listed({})
        wanted = listed.keys() if names is None else names
        self._forget(listed.values())
        return {name: self._life(listed[name]) if name in listed else docker_state.REMOVED for name in wanted}

    def container(self, name: str) -> Incarnation:
        """One container; REMOVED if none has the name."""
        pattern = _checked(name).replace(".", r"\.")
        container_id = self._listed({"name": f"^/{pattern}$"}).get(name)
        return docker_state.REMOVED if container_id is None else self._life(container_id)

    def inspect(self, container_id: str) -> dict[str, Any]:
        """What is worth keeping as evidence."""
        found = self._found(container_id)
        return docker_state.worth_keeping(found) | {"usage": self._usage(found)}

    def stop_grace(self, container_id: str) -> timedelta:
        """How long it may take to stop before it is killed."""
        return docker_state.stop_grace(self._found(container_id))

    def restart(self, container_id: str, *, timeout: timedelta) -> None:
        """Stop with its own signal and grace, and start; one call, which the engine finishes without us."""
        grace = round(self.stop_grace(container_id).total_seconds())
        left = timeout.total_seconds() - grace
        self._api.call("a restart", lambda client: client.restart(container_id, timeout=grace), seconds=_least(left))

    def start(self, container_id: str, *, timeout: timedelta) -> None:
        """Start; no error if it runs."""
        self._found(container_id)  # an engine that does not answer is found out within a look's time
        self._api.call("a start", lambda client: client.start(container_id), seconds=_least(timeout.total_seconds()))

    def stop(self, container_id: str, *, timeout: timedelta) -> None:
        """Stop with its own signal and grace; no error if it does not run."""
        grace = round(self.stop_grace(container_id).total_seconds())
        left = timeout.total_seconds() - grace
        self._api.call("a stop", lambda client: client.stop(container_id, timeout=grace), seconds=_least(left))

    def pause(self, container_id: str) -> None:
        """Freeze its processes; no error if they are."""
        if self._found(container_id)["State"]["Status"] != "paused":
            self._api.call("a pause", lambda client: client.pause(container_id))

    def unpause(self, container_id: str) -> None:
        """Let its processes run; no error if they do."""
        if self._found(container_id)["State"]["Status"] == "paused":
            self._api.call("an unpause", lambda client: client.unpause(container_id))

    def log_tail(self, container_id: str, *, lines: int) -> str:
        """Its last lines, decoded; empty with a log driver that cannot be read back."""
        checked_id(container_id)
        try:
            said = self._api.call("its log", lambda client: client.logs(container_id, tail=lines))
        except Permanent as error:
            if "does not support reading" in error.message:
                return ""
            raise
        return str(said.decode(errors="replace"))

    def log(self, container_id: str, *, since: int) -> "EntryStream":
        """What it says from this second on; see `ports.logs.ContainerLogs`."""
        found = self._found(container_id)
        terminal = bool((found.get("Config") or {}).get("Tty"))
        return EntryStream(self._api.follow_log(container_id, since), terminal=terminal)

    def usages(self, names: Collection[str]) -> Mapping[str, ContainerUsage]:
        """What these use, asked at the same time: an older engine answers with its next look, a second later."""
        listed = self._listed({"status": "running"})
        running = {name: listed[name] for name in names if name in listed}
        with ThreadPoolExecutor(_USAGES_AT_ONCE, thread_name_prefix="usage") as pool:
            found = dict(zip(running, pool.map(self._used, running.values()), strict=True))
        return {name: usage for name, usage in found.items() if usage is not None}

    def changes(self) -> "Changes":
        """Subscribe to what happens to containers."""
        return Changes(self._api.subscribe(TELLING))

    @cached_property
    def _api(self) -> "Api":
        """Docker-py takes a while to import: only estates with containers pay for it."""
        from selfheal.clients.docker_api import Api  # noqa: PLC0415  see above

        return Api(self._url, self._timeout.total_seconds())

    def _listed(self, filters: dict[str, str]) -> dict[str, str]:
        """Ids by name, without the aliases that links give."""
        rows = self._api.call("a list", lambda client: client.containers(all=True, filters=filters))
        names = ((name.removeprefix("/"), row["Id"]) for row in rows for name in row["Names"] or ())
        return {name: str(container_id) for name, container_id in names if NAME.fullmatch(name)}

    def _found(self, container_id: str) -> dict[str, Any]:
        return self._told(container_id)[0]

    def _told(self, container_id: str) -> tuple[dict[str, Any], datetime]:
        """Docker's inspection, and when it was made, on the engine's clock."""
        checked_id(container_id)
        found, at = self._api.told("an inspection", lambda client: client.inspect_container(container_id))
        return dict(found), at

    def _life(self, container_id: str) -> Incarnation:
        try:
            found, at = self._told(container_id)
        except docker_state.Gone:  # between the list and the look
            return docker_state.REMOVED
        return docker_state.life_of(found, asked=self._asked(found), now=at, thawed=self._thawed(found, at))

    def _thawed(self, found: dict[str, Any], at: datetime) -> datetime | None:
        """When it was paused no longer, where that may be why its check is late; only the engine's events tell."""
        looked = docker_checks.last_look(found)
        if looked is None or not docker_checks.is_late(found, now=at):
            return None
        wanted = {"type": "container", "container": found["Id"], "event": "unpause"}
        asked = {"since": int(looked.timestamp()), "until": int(at.timestamp()), "filters": wanted, "decode": True}
        events = self._api.call("its events", lambda client: list(client.events(**asked)))
        return max((datetime.fromtimestamp(one["time"], UTC) for one in events), default=None)

    def _asked(self, found: dict[str, Any]) -> bool:
        """Whether a container that has ended was asked to: found out once, while the engine still remembers."""
        if not docker_state.has_ended(found):
            return False
        key, started = str(found["Id"]), str(found["State"]["StartedAt"])
        known = self._ends.get(key)
        if known is None or known[0] != started:
            known = self._ends[key] = (started, docker_state.was_asked(found, self._kills(found)))
        return known[1]

    def _kills(self, found: dict[str, Any]) -> list[dict[str, Any]]:
        """Its `kill` events of its last life.

        The engine writes the event of a signal when it has been delivered: on a busy machine that is after the end
        that it caused. So the events of an end that is younger than a moment are asked for again before they count
        as none.
        """
        state = found["State"]
        since, end = _event_time(state["StartedAt"]), _event_time(state["FinishedAt"])
        if float(end) <= float(since):
            return []  # it was stopped while Docker waited to start it again: nothing was killed
        wanted = {"type": "container", "container": found["Id"], "event": "kill"}
        while True:
            now = time.time()
            until = f"{min(now, float(end) + EVENT_DELAY_SECONDS):.9f}"  # in the past: else the engine waits for it

            asked = {"since": since, "until": until, "filters": wanted, "decode": True}
            kills: list[dict[str, Any]] = self._api.call(
                "its events",
                lambda client, asked=asked: list(client.events(**asked)),  # type: ignore[misc]
            )
            if kills or now > float(end) + EVENT_DELAY_SECONDS:
                return kills
            time.sleep(EVENT_POLL_SECONDS)

    def _usage(self, found: dict[str, Any]) -> dict[str, Any]:
        """What it uses now; not worth giving up a heal for."""
        if not found["State"]["Pid"]:
            return {}
        try:
            said = self._stats(found["Id"])
        except SelfhealError as error:
            return {"unread": error.message}
        memory = said.get("memory_stats") or {}
        return {
            "memory": memory.get("usage"),
            "memory_limit": memory.get("limit"),
            "processes": (said.get("pids_stats") or {}).get("current"),
        }

    def _used(self, container_id: str) -> ContainerUsage | None:
        """The same in figures; None: it has just ended, or the engine does not tell."""
        try:
            return usage_of(self._stats(container_id))
        except SelfhealError:  # of this one nothing is told; of the others it is
            return None

    def _stats(self, container_id: str) -> dict[str, Any]:
        return dict(
            self._api.call(
                "its usage",
                lambda client: client.stats(container_id, stream=False, one_shot=True),
                seconds=max(self._timeout.total_seconds(), USAGE_SECONDS),
            )
        )

    def _forget(self, listed: Collection[str]) -> None:
        for gone in self._ends.keys() - set(listed):
            self._ends.pop(gone, None)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise NotAllowed(f"{name[:120]!r} is no name of a container", hint="use 1-128 of A-Z a-z 0-9 _ . -")
    return name


def checked_id(container_id: str) -> None:
    """Raise `NotAllowed` for what is no id of a container."""
    if not ID.fullmatch(container_id):
        raise NotAllowed(f"{container_id[:120]!r} is no id of a container", hint="look the container up by its name")


def _least(seconds: float) -> float:
    return max(LEAST_SECONDS, seconds)


def _event_time(written: str) -> str:
    """Docker's own time as its events want it: seconds and nanoseconds, nothing rounded."""
    whole = docker_checks.moment(written)
    fraction = re.search(r"\.(\d+)", written)
    return f"{0 if whole is None else int(whole.timestamp())}.{fraction[1] if fraction else '0'}"
