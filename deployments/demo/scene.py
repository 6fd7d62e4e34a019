"""Everything that the demo breaks: the supervised programs, and containers where an engine can be started."""

from dataclasses import dataclass

from deployments.demo.containers import NAMES, Containers
from deployments.demo.estate import Estate


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is there to break.

    Attributes:
        estate: programs under a supervisord.
        containers: None where there is no engine.
        why_none: the reason for that.
    """

    estate: Estate
    containers: Containers | None
    why_none: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The components."""
        return (*self.estate.programs, *(() if self.containers is None else NAMES))

    def starts(self) -> dict[str, int]:
        """How often each program has begun, by its own account."""
        starts = {name: self.estate.starts(name) for name in self.estate.programs}
        if self.containers is not None:
            starts |= {name: self.containers.starts(name) for name in NAMES}
        return starts
