"""Health by a file or folder: it is there, readable, and a mount where it must be one. The observer calls this.

A container's own view counts: a mount whose source was replaced is gone for the container, though the file is there.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace

from selfheal.model.check import PathStanding, PathState
from selfheal.model.component import Component
from selfheal.model.errors import Permanent, SelfhealError, Transient
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.policy.names import named
from selfheal.ports import Clock, ContainerInside, HostPaths
from selfheal.probes.look import Seen, look

_log = logging.getLogger(__name__)


class PathProbe:
    """Fulfils `ports.Probe` for components with `probe = "path"`.

    Args:
        insides: of the containers, by engine.
        host: this machine's files; None: there are none to look at.
        clock: for the time of an observation.
    """

    def __init__(self, insides: Mapping[str, ContainerInside], host: HostPaths | None, clock: Clock) -> None:
        self._insides, self._host, self._clock = insides, host, clock
        self._told: dict[str, str] = {}

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Look once; without a container the observation's incarnation is the file's own."""
        found: list[PathStanding] = []

        def ask() -> Seen:
            found.append(self._in_container(component, incarnation) if component.container else self._here(component))
            well = found[0].state is PathState.PRESENT
            return Seen(health=Health.HEALTHY if well else Health.SICK, detail=found[0].detail)

        seen = look(component, incarnation, self._clock, ask)
        if not found or component.container:
            return seen
        return replace(seen, incarnation=life_of(found[0]))

    def _in_container(self, component: Component, incarnation: Incarnation | None) -> PathStanding:
        if incarnation is None:
            raise Permanent("its Docker engine cannot be asked")
        inside = named(component.docker, self._insides, kind="engine")
        try:
            return inside.path(incarnation.id, component.path, mounted=component.mounted)
        except Transient as error:
            raise Permanent(f"{component.path} cannot be looked for: {error.message}") from error

    def _here(self, component: Component) -> PathStanding:
        """On this machine; what is well there is copied, so that it can be put back."""
        if self._host is None:
            raise Permanent("files of this machine are not looked at here")
        standing = self._host.standing(component.path, mounted=component.mounted, timeout=component.probe_timeout)
        if component.copies and standing.state is PathState.PRESENT:
            self._keep(component, self._host)
        return standing

    def _keep(self, component: Component, host: HostPaths) -> None:
        """Keep a copy; where that is not possible the file is well all the same, and the log says so once."""
        said = ""
        try:
            host.keep(component.path, component.copies, timeout=component.probe_timeout)
        except SelfhealError as error:
            said = str(error)
        if said and said != self._told.get(component.path):
            _log.warning("%s is not copied: %s", component.path, said)
        self._told[component.path] = said


def life_of(standing: PathStanding) -> Incarnation:
    """The file as an incarnation: another one under its name is another life."""
    return Incarnation(pid=0, started_at=0, state=standing.state.value, id=standing.id)
