"""Tells and changes how many containers of a set run; `scale` calls this.

A replica is made like the component's own container: the same image, settings, mounts, networks and labels, and one
label more, `MARK`, by which we know what we made. Only that is ever ended or removed by us. What cannot be twice is
refused before anything is made.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from selfheal.clients import docker_state
from selfheal.model.check import Replicas, Scale
from selfheal.model.component import Component
from selfheal.model.errors import Overrun, Permanent

if TYPE_CHECKING:
    from selfheal.clients.docker_api import Api

MARK = "selfheal.replica-of"
"""The label of what we made; its value is the container that it was made like."""
_ENDED = frozenset({"created", "exited", "dead"})
_NO_NETWORK_OF_ITS_OWN = frozenset({"", "default", "bridge", "none", "host"})
_LEAST_S = 1.0
Found = Mapping[str, Any]


class DockerReplicas:
    """Fulfils `ports.ReplicaSets` for one engine; any number of threads may call it.

    Args:
        url: `unix:///PATH` or `tcp://HOST:PORT`.
        timeout: for each look.
    """

    def __init__(self, *, url: str, timeout: timedelta = timedelta(seconds=5)) -> None:
        self._url, self._timeout = url, timeout

    def look(self, component: Component) -> Replicas:
        """The containers that have the label, and how those of ours are."""
        own, found = self._set(component)
        _refuse_alone(own, component)
        running = [one for one in found if _runs(one)]
        unready = (_name(one) for one in running if _ours(one, component) and not _ready(one))
        return Replicas(running=len(running), there=len(found), unready=tuple(sorted(unready)))

    def bring_to(self, component: Component, number: int) -> str:
        """Make and start what is missing, or end what is too much of ours, the newest first.

        What an earlier call has left of ours that does not run is removed first.
        """
        own, found = self._set(component)
        ends = time.monotonic() + _scale(component).timeout.total_seconds()
        left = [one for one in found if _ours(one, component) and one["State"]["Status"] in _ENDED]
        running = [one for one in found if _runs(one)]
        extra = max(0, len(running) - number)
        ours = sorted((one for one in running if _ours(one, component)), key=_place, reverse=True)
        if extra > len(ours):
            raise Permanent(
                f"{extra} of {len(running)} containers are too many, and {len(ours)} of them were made by us",
                hint="end the others by hand",
            )
        gone = [*left, *ours[:extra]]
        for one in gone:
            self._remove(one, ends)
        taken = {_name(one) for one in found} - {_name(one) for one in gone}
        names = _free(component.container, taken, max(0, number - len(running)))
        for name in names:
            self._make(own, component, name, ends)
        return _told(names, [_name(one) for one in gone])

    def _set(self, component: Component) -> tuple[Found, Sequence[Found]]:
        """The component's own container, and all of the set.

        Raises:
            Permanent: there is none of this name, or it does not have the label.
        """
        label = _scale(component).label
        rows = self._api.call("a list", lambda client: client.containers(all=True, filters={"label": label}))
        found = [one for row in rows if (one := self._inspected(str(row["Id"])))]
        own = next((one for one in found if _name(one) == component.container), None)
        if own is None:
            raise Permanent(
                f"no container {component.container!r} has the label {label}",
                hint="correct scale.label of the component, or create the container with it",
            )
        return own, found

    def _inspected(self, container_id: str) -> Found | None:
        """None: it has gone meanwhile."""
        try:
            return dict(self._api.call("an inspection", lambda client: client.inspect_container(container_id)))
        except docker_state.Gone:
            return None

    def _make(self, own: Found, component: Component, name: str, ends: float) -> None:
        """Create one like ours and start it."""
        config, others = _like(own, component)
        made = self._api.call(
            "a new container", lambda client: client.create_container_from_config(config, name), seconds=_left(ends)
        )["Id"]
        for network, endpoint in others.items():
            self._api.call(
                "a network",
                lambda client, network=network, endpoint=endpoint: client.connect_container_to_network(  # type: ignore[misc]
                    made, network, aliases=endpoint["Aliases"]
                ),
            )
        self._api.call("a start", lambda client: client.start(made), seconds=_left(ends))

    def _remove(self, one: Found, ends: float) -> None:
        """Stop it with its own signal and grace, and remove it with the volumes that nobody named."""
        container_id, grace = str(one["Id"]), round(docker_state.stop_grace(one).total_seconds())
        try:
            if _runs(one):
                left = _left(ends)
                self._api.call("a stop", lambda client: client.stop(container_id, timeout=grace), seconds=left)
            self._api.call("a removal", lambda client: client.remove_container(container_id, v=True, force=True))
        except docker_state.Gone:  # it was created to be removed at its end
            return

    @cached_property
    def _api(self) -> "Api":
        """Docker-py takes a while to import: only estates with containers pay for it."""
        from selfheal.clients.docker_api import Api  # noqa: PLC0415  see above

        return Api(self._url, self._timeout.total_seconds())


def _scale(component: Component) -> Scale:
    if component.scale is None or not component.scale.label:
        raise Permanent(f"{component.name} has no scale.label", hint="set it in the settings of the component")
    return component.scale


def _refuse_alone(own: Found, component: Component) -> None:
    """Raise `Permanent` where a second one would want what the first one has."""
    bindings = (own["HostConfig"].get("PortBindings") or {}).values()
    fixed = sorted({str(one["HostPort"]) for several in bindings for one in several or () if one.get("HostPort")})
    if fixed:
        raise Permanent(
            f"{component.container} publishes the port {fixed[0]} of its host, which a second one cannot",
            hint="publish it without a port of the host, behind a proxy",
        )


def _like(own: Found, component: Component) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a container like this one is created from, and the further networks that it is connected to."""
    settings, host = dict(own["Config"]), dict(own["HostConfig"])
    if settings.get("Hostname") == str(own["Id"])[:12]:
        settings.pop("Hostname")
    settings.pop("MacAddress", None)
    host.pop("ContainerIDFile", None)
    settings |= {
        "Image": own["Image"],  # the very one: a name may mean another one by now
        "Labels": {**(settings.get("Labels") or {}), MARK: component.container},
        "HostConfig": host,
    }
    networks = {
        name: {"Aliases": [one for one in known.get("Aliases") or () if one != str(own["Id"])[:12]]}
        for name, known in ((own.get("NetworkSettings") or {}).get("Networks") or {}).items()
        if name not in _NO_NETWORK_OF_ITS_OWN
    }
    first = host.get("NetworkMode", "")
    if first in networks:
        settings["NetworkingConfig"] = {"EndpointsConfig": {first: networks.pop(first)}}
    return settings, networks


def _free(container: str, taken: set[str], number: int) -> list[str]:
    """The next names that nobody has."""
    names = (f"{container}-replica-{place}" for place in range(1, len(taken) + number + 1))
    return [name for name in names if name not in taken][:number]


def _told(made: Sequence[str], gone: Sequence[str]) -> str:
    said = [f"started {', '.join(made)}"] if made else []
    said += [f"removed {', '.join(gone)}"] if gone else []
    return "; ".join(said) or "nothing was to be done"


def _name(one: Found) -> str:
    return str(one["Name"]).removeprefix("/")


def _place(one: Found) -> int:
    """Which of ours it is; the higher, the newer."""
    tail = _name(one).rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0


def _ours(one: Found, component: Component) -> bool:
    return (one["Config"].get("Labels") or {}).get(MARK) == component.container


def _runs(one: Found) -> bool:
    return str(one["State"]["Status"]) == "running"


def _ready(one: Found) -> bool:
    health = (one["State"].get("Health") or {}).get("Status")
    return health in {None, "", "none", "healthy"}


def _left(ends: float) -> float:
    """What remains of the time.

    Raises:
        Overrun: nothing.
    """
    left = ends - time.monotonic()
    if left < _LEAST_S:
        raise Overrun("the change of the replicas takes too long")
    return left
