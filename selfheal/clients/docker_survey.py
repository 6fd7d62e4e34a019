"""Looks over a whole Docker engine once: `selfheal discover` and `doctor` call this. It changes nothing."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from selfheal.clients import docker_state
from selfheal.discovery.found import FoundContainer, HealthCheck

COMPOSE = "com.docker.compose."
INTERVAL_S, RETRIES = 30.0, 3
"""Docker's own defaults of a health check."""
NANO = 1e-9


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What a Docker engine says of itself.

    Attributes:
        version: of the engine.
        live_restore: whether containers outlive dockerd.
    """

    version: str
    live_restore: bool


class Survey:
    """One engine.

    Args:
        url: `unix:///PATH` or `tcp://HOST:PORT`.
        timeout: for each call.
    """

    def __init__(self, url: str, *, timeout: timedelta = timedelta(seconds=5)) -> None:
        from selfheal.clients.docker_api import Api  # noqa: PLC0415  docker-py takes a while to import

        self._api = Api(url, timeout.total_seconds())

    def engine(self) -> Engine:
        """Its version and how it is set up."""
        said: dict[str, Any] = self._api.call("its state", lambda client: client.info())
        return Engine(version=str(said.get("ServerVersion", "")), live_restore=bool(said.get("LiveRestoreEnabled")))

    def containers(self) -> list[FoundContainer]:
        """All of them, also those that do not run, by name; one that vanishes meanwhile is left out."""
        return sorted(self._looked_at(), key=lambda one: one.name)

    def _looked_at(self) -> Iterator[FoundContainer]:
        rows = self._api.call("a list", lambda client: client.containers(all=True))
        for row in rows:
            with suppress(docker_state.Gone):
                yield _found(self._inspected(str(row["Id"])))

    def _inspected(self, container_id: str) -> dict[str, Any]:
        return dict(self._api.call("an inspection", lambda client: client.inspect_container(container_id)))


def _found(said: Mapping[str, Any]) -> FoundContainer:
    state, host, config = said["State"], said["HostConfig"], said["Config"]
    labels = config.get("Labels") or {}
    needs = str(labels.get(f"{COMPOSE}depends_on") or "").split(",")  # "db:service_healthy:false,cache:..."
    return FoundContainer(
        id=str(said["Id"]),
        name=str(said["Name"]).removeprefix("/"),
        image=str(config.get("Image") or ""),
        state=str(state["Status"]),
        exit_code=int(state.get("ExitCode") or 0),
        restart_policy=str((host.get("RestartPolicy") or {}).get("Name") or "no"),
        auto_remove=bool(host.get("AutoRemove")),
        check=_check(config.get("Healthcheck") or {}),
        stop_grace=docker_state.stop_grace(said),
        ports=tuple(sorted(_ports(host.get("PortBindings") or {}))),
        project=str(labels.get(f"{COMPOSE}project") or ""),
        service=str(labels.get(f"{COMPOSE}service") or ""),
        needs=frozenset(name for one in needs if (name := one.partition(":")[0].strip())),
        mounts=tuple(sorted(str(one["Destination"]) for one in said["Mounts"] if one["Type"] == "bind")),
        memory_limit=int(host.get("Memory") or 0),
        one_off=str(labels.get(f"{COMPOSE}oneoff") or "").lower() == "true",
    )


def _check(said: Mapping[str, Any]) -> HealthCheck | None:
    """None without a health check, also where the image's own was switched off."""
    test = said.get("Test") or []
    if not test or test[0] == "NONE":
        return None
    return HealthCheck(
        interval=timedelta(seconds=float(said.get("Interval") or 0) * NANO or INTERVAL_S),
        retries=int(said.get("Retries") or RETRIES),
        start_period=timedelta(seconds=float(said.get("StartPeriod") or 0) * NANO),
    )


def _ports(bindings: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """The published TCP ports that Docker was told; one that it picks itself changes with each start."""
    for inside, outside in bindings.items():
        number, _, kind = inside.partition("/")
        for one in outside or ():
            if kind in {"tcp", ""} and str(one.get("HostPort") or "").isdigit() and one["HostPort"] != "0":
                yield int(one["HostPort"]), int(number)
