"""Health by memory: the use of a container or process, or a figure that it tells, stays below a limit.

What nobody can count is UNKNOWN: a figure that is missing is no sickness of the component.
"""

import json
from collections.abc import Mapping
from typing import Any

from selfheal.model.check import MIB, MemoryLimit, MemoryUse
from selfheal.model.component import Component
from selfheal.model.errors import Permanent, Transient
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.policy.names import named
from selfheal.policy.usage import memory_values
from selfheal.ports import Clock, ContainerInside, HttpClient, LocalProcesses
from selfheal.probes.look import Seen, look


class MemoryProbe:
    """Fulfils `ports.Probe` for components with `probe = "memory"`.

    Args:
        insides: of the containers, by engine.
        processes: of this machine; None: there are none to look at.
        http: asks endpoints.
        clock: for the time of an observation.
    """

    def __init__(
        self,
        insides: Mapping[str, ContainerInside],
        processes: LocalProcesses | None,
        http: HttpClient,
        clock: Clock,
    ) -> None:
        self._insides, self._processes, self._http, self._clock = insides, processes, http, clock

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Look once."""
        return look(component, incarnation, self._clock, lambda: self._ask(component, incarnation))

    def _ask(self, component: Component, incarnation: Incarnation | None) -> Seen:
        limit = component.memory
        if limit is None:
            raise Permanent(f"{component.name} has no memory limit", hint="set memory in the settings of the component")
        try:
            return _judge(self._use(component, limit, incarnation), limit)
        except Transient as error:
            raise Permanent(f"its use of memory cannot be told: {error.message}") from error

    def _use(self, component: Component, limit: MemoryLimit, incarnation: Incarnation | None) -> MemoryUse:
        if limit.url:
            said = self._http.read(limit.url, token=limit.token, timeout=component.probe_timeout)
            return _told(said, limit)
        if incarnation is None:
            raise Permanent("whoever keeps it cannot be asked")
        if component.container:
            return named(component.docker, self._insides, kind="engine").memory(incarnation.id)
        if self._processes is None:
            raise Permanent("processes of this machine are not looked at here")
        return self._processes.memory(incarnation)


def _judge(use: MemoryUse, limit: MemoryLimit) -> Seen:
    if limit.mib:
        most, words = limit.mib * MIB, f"{limit.mib:g} MiB"
    else:
        if not use.limit:
            raise Permanent("it has no limit of which share could be a share", hint="give it one, or set memory.mib")
        most, words = limit.share * use.limit, f"{limit.share:.0%} of {use.limit / MIB:.0f} MiB"
    said = f"uses {use.used / MIB:.0f} MiB of memory, the limit is {words}"
    health = Health.SICK if use.used > most else Health.HEALTHY
    return Seen(health=health, detail=said, values=memory_values(use.used, most))


def _told(said: str, limit: MemoryLimit) -> MemoryUse:
    """The figures in what an endpoint tells."""
    try:
        values = json.loads(said)
    except ValueError as error:
        raise Permanent("what its url tells is no JSON of at most 64 KiB") from error
    whole = _figure(values, limit.limit_field) if limit.limit_field else 0
    return MemoryUse(used=_figure(values, limit.field), limit=whole)


def _figure(values: Any, place: str) -> int:
    for name in place.split("."):
        values = values.get(name) if isinstance(values, Mapping) else None
    if isinstance(values, bool) or not isinstance(values, int | float) or not 0 <= values < float("inf"):
        raise Permanent(f"what its url tells has no figure {place}", hint="correct memory.field or memory.limit_field")
    return int(values)
