"""Looks and acts within the containers of one Docker engine; the probes and actions of what is inside call this."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from selfheal.clients.docker import checked_id
from selfheal.model.check import Executed, MemoryUse, PathStanding, PathState
from selfheal.model.errors import Permanent, SelfhealError

if TYPE_CHECKING:
    from selfheal.clients.docker_api import Api

NOT_FOUND, FIRST_ERROR = 404, 400
_OVERHEAD_S = 5.0
_LOOKS = {0: "PRESENT", 1: "MISSING"}


class DockerInside:
    """Fulfils `ports.ContainerInside`; any number of threads may call it.

    Args:
        url: `unix:///PATH` or `tcp://HOST:PORT`.
        timeout: for each look; a command brings its own.
    """

    def __init__(self, *, url: str, timeout: timedelta = timedelta(seconds=5)) -> None:
        self._url, self._timeout = url, timeout

    def execute(self, container_id: str, command: tuple[str, ...], *, timeout: timedelta) -> Executed:
        """Run a command and wait for its end."""
        from selfheal.clients.docker_exec import execute  # noqa: PLC0415  see `_api`

        checked_id(container_id)
        seconds = timeout.total_seconds()
        return self._api.call(
            "a command", lambda client: execute(client, container_id, command, seconds), seconds=seconds + _OVERHEAD_S
        )

    def path(self, container_id: str, path: str, *, mounted: bool) -> PathStanding:
        """As its own processes see it; where nobody can tell that, as the engine would show it to a new container."""
        found = self._found(container_id)
        if mounted and not _is_mounted(found, path):
            return PathStanding(
                state=PathState.NOT_MOUNTED, detail=f"{path} is no mount of the container, nor below one"
            )
        inside = self._inside(found, path)
        if inside == "PRESENT":
            return PathStanding(state=PathState.PRESENT)
        if inside == "UNREADABLE":
            return PathStanding(state=PathState.UNREADABLE, detail=f"{path} may not be read inside the container")
        shown = self._shown(container_id, path)
        if inside is None and shown is None:
            raise Permanent(f"Docker cannot look for {path}", hint="see the engine's log")
        if not shown:
            return PathStanding(state=PathState.MISSING, detail=f"{path} is not there")
        if inside is None:
            return PathStanding(state=PathState.PRESENT)
        return PathStanding(
            state=PathState.STALE,
            detail=f"{path} is not there inside the container; what it mounts was replaced outside after its start",
        )

    def memory(self, container_id: str) -> MemoryUse:
        """What it uses, without the page cache that is not in use; the limit is 0 where it was given none."""
        found = self._found(container_id)
        said = self._api.call("its usage", lambda client: client.stats(container_id, stream=False, one_shot=True))
        told = said.get("memory_stats") or {}
        if "usage" not in told:
            raise Permanent(
                "Docker tells no use of memory of this container",
                hint="it may have just ended, or the machine counts no memory for containers; use mib and a url",
            )
        more = told.get("stats") or {}
        idle = int(more.get("total_inactive_file", more.get("inactive_file", 0)))
        limit = int(told.get("limit") or 0) if found["HostConfig"].get("Memory") else 0
        return MemoryUse(used=max(0, int(told["usage"]) - idle), limit=limit)

    def signal(self, container_id: str, name: str) -> None:
        """Send a signal to its first process."""
        checked_id(container_id)
        self._api.call("a signal", lambda client: client.kill(container_id, signal=name))

    @cached_property
    def _api(self) -> "Api":
        """Docker-py takes a while to import: only estates with containers pay for it."""
        from selfheal.clients.docker_api import Api  # noqa: PLC0415  see above

        return Api(self._url, self._timeout.total_seconds())

    def _found(self, container_id: str) -> dict[str, Any]:
        checked_id(container_id)
        return dict(self._api.call("an inspection", lambda client: client.inspect_container(container_id)))

    def _inside(self, found: Mapping[str, Any], path: str) -> str | None:
        """What its processes see: from outside where we may look, else by a command in it; None: nobody can tell."""
        from selfheal.clients.inside_path import seen_inside  # noqa: PLC0415  see `_api`

        seen = seen_inside(int(found["State"]["Pid"]), str(found["Id"]), path)
        if seen is not None:
            return seen
        try:
            done = self.execute(str(found["Id"]), ("test", "-r", path), timeout=self._timeout)
        except SelfhealError:
            return None
        return _LOOKS.get(done.exit_code)

    def _shown(self, container_id: str, path: str) -> bool | None:
        """Whether the engine finds it, with all that it would mount for a start; None: it cannot tell."""
        answer = self._api.call(
            "a look at a file",
            lambda client: client.head(
                client._url("/containers/{0}/archive", container_id),  # noqa: SLF001 - docker-py has no call for it
                params={"path": path},
                timeout=client.timeout,
            ),
        )
        if answer.status_code == NOT_FOUND:
            return False
        return None if answer.status_code >= FIRST_ERROR else True


def _is_mounted(found: Mapping[str, Any], path: str) -> bool:
    """Whether the path is a mount of the container, or lies below one."""
    return any(f"{path}/".startswith(f"{str(one['Destination']).rstrip('/')}/") for one in found["Mounts"])
