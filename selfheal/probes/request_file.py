"""Health of the request file: it can be read, and it is whole. The observer calls this.

Where nobody can tell whether it has shrunk (its copies cannot be read) nothing is known: that is UNKNOWN.
"""

from dataclasses import replace

from selfheal.model.component import Component
from selfheal.model.errors import Permanent
from selfheal.model.file_change import FileStanding, FileState
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.ports import Clock, KeptFile
from selfheal.probes.look import Seen, look


class RequestFileProbe:
    """Fulfils `ports.Probe` for the component `request-file`.

    Args:
        file: what is looked at; None: the settings name none.
        clock: for the time of an observation.
    """

    def __init__(self, file: KeptFile | None, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """Look once; the observation's incarnation is the file's content."""
        found: list[FileStanding] = []

        def ask() -> Seen:
            if self._file is None:
                raise Permanent("workflows.request_file is empty: there is no request file")
            found.append(self._file.standing())
            sick = found[0].state is not FileState.PRESENT
            return Seen(health=Health.SICK if sick else Health.HEALTHY, detail=found[0].detail)

        seen = look(component, incarnation, self._clock, ask)
        return replace(seen, incarnation=content_of(found[0])) if found else seen


def content_of(standing: FileStanding) -> Incarnation:
    """Which content the file has, as the heal protocol compares it: another content is another life."""
    return Incarnation(pid=0, started_at=0, state=standing.state.value, exact_start=standing.sha256)
