"""A maintenance window: nothing in its scope is healed meanwhile."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Scope(StrEnum):
    """What a window is about."""

    ESTATE = "estate"
    GROUP = "group"
    COMPONENT = "component"


@dataclass(frozen=True, kw_only=True)
class Window:
    """One window.

    Attributes:
        id: its key.
        scope: what it is about.
        name: of the group or component; empty for the estate.
        begins_at: aware.
        ends_at: aware; ended early: that moment.
        zone: IANA name of the zone in which the person gave the times.
        who: the person.
        why: their reason.
    """

    id: UUID
    scope: Scope
    name: str
    begins_at: datetime
    ends_at: datetime
    zone: str
    who: str
    why: str
