"""What a replay reads of the past, as it was recorded."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from selfheal.model.health import HealthStatus, Look


@dataclass(frozen=True, kw_only=True)
class LookRow:
    """One look of a watcher at a component, as it was recorded.

    Attributes:
        at: when.
        status: as people were told it.
        response_ms: of the probe; None without an answer.
        detail: why it was not OPERATIONAL.
        look: what was seen.
        gap_s: so many seconds nobody had looked before, where that is longer than a watcher lets pass; else 0.
        plain: what was seen was not written down: its status alone tells.
    """

    at: datetime
    status: HealthStatus
    response_ms: int | None
    detail: str
    look: Look
    gap_s: float = 0.0
    plain: bool = False


@dataclass(frozen=True, kw_only=True)
class Tried:
    """An attempt as it was recorded.

    Attributes:
        id: of its row.
        component: whose.
        target: the physical thing.
        action: its name.
        trigger_type: why.
        began_at: when it was admitted.
        ended_at: None: it has not ended.
        acted: whether it did anything.
        healed: verified.
        dollars: what it saved, negative what it cost, as `selfheal rates` reckons.
        harmed: it did not help, and its way back failed too.
        unknown: nobody could tell what came of it.
        metric: of which something was foretold; empty: it was for what was sick.
    """

    id: UUID
    component: str
    target: str
    action: str
    trigger_type: str
    began_at: datetime
    ended_at: datetime | None
    acted: bool
    healed: bool
    dollars: float
    harmed: bool = False
    unknown: bool = False
    metric: str = ""


@dataclass(frozen=True, kw_only=True)
class FoundFault:
    """A fault as it was recorded.

    Attributes:
        id: of its row.
        component: whose.
        target: the physical thing.
        kind: type of the trigger that opened it.
        since: sick since.
        found_at: when its row was written.
        ended_at: None: it is open.
        by_itself: it recovered.
    """

    id: UUID
    component: str
    target: str
    kind: str
    since: datetime
    found_at: datetime
    ended_at: datetime | None
    by_itself: bool


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A time in which nothing in its scope was healed: a pause, or a maintenance window.

    Attributes:
        what: PAUSED or MAINTENANCE, as admission calls it.
        scope: estate, group or component.
        name: of the group or component; empty for the estate.
        begins_at: from then
        ends_at: to then; None: it lasts.
    """

    what: str
    scope: str
    name: str
    begins_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class LogCount:
    """Lines of a pattern in a log within ten seconds.

    Attributes:
        at: their beginning.
        hits: so many.
    """

    at: datetime
    hits: int
