"""Which names may stand in a label: those of the settings, so that no stranger makes a series of their own."""

from collections.abc import Collection
from dataclasses import dataclass

OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Known:
    """The names.

    Attributes:
        actions: that there are now.
        components: of the settings.
    """

    actions: Collection[str]
    components: Collection[str]

    def action(self, name: str) -> str:
        """The name, if it is one."""
        return name if name in self.actions else OTHER

    def component(self, name: str) -> str:
        """The same of a component."""
        return name if name in self.components else OTHER
