"""How people are told, as the settings say it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from selfheal.model.alert import Severity


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How people are told.

    Attributes:
        channels: the names of all of them.
        routes: channels by severity; a severity without a route goes to every channel.
        window: so long single messages are counted.
        singles: so many of one group and severity are sent in it, then one summary at its end.
        remind: an open CRITICAL alert that nobody has is told again after so long.
        groups: the group of each component.
    """

    channels: Sequence[str]
    routes: Mapping[Severity, Sequence[str]] = field(default_factory=dict)
    window: timedelta = timedelta(minutes=5)
    singles: int = 3
    remind: timedelta = timedelta(hours=1)
    groups: Mapping[str, str] = field(default_factory=dict)

    def channels_of(self, severity: Severity) -> tuple[str, ...]:
        """Where a message of this severity goes."""
        routed = self.routes.get(severity, self.channels)
        return tuple(name for name in self.channels if name in routed)
