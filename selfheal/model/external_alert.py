"""An alert of another system: it only suggests that a component is sick."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from selfheal.model.trigger import Priority


class AlertState(StrEnum):
    """Where an alert stands that we were told of."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"  # its sender says so
    QUIET = "QUIET"  # not delivered again for so long that it counts as over
    REFUSED = "REFUSED"  # nothing came of it; refused ones that are alike are one


@dataclass(frozen=True, kw_only=True)
class ExternalAlert:
    """One alert of a delivery, as the settings understand it.

    Attributes:
        key: SHA-256 of what its sender knows it by: the same alert, delivered again, has the same.
        component: of ours; where it is refused, what the alert names.
        reason: why, for a person; without secrets.
        priority: never CRITICAL, which is for what we see ourselves.
        resolved: whether its sender says that it is over.
        once: whether the key names this start of it, so that one that is over never comes back.
        refusal: why nothing can come of it; empty: something may.
    """

    key: str
    component: str
    reason: str
    priority: Priority = Priority.MEDIUM
    resolved: bool = False
    once: bool = False
    refusal: str = ""

    def as_json(self) -> dict[str, Any]:
        """As the database takes it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """How the body of one generic webhook is read: each is a JSON pointer, or a dotted path; empty: it is not told.

    Attributes:
        component: what it is about.
        reason: why.
        severity: how urgent.
        id: what its sender knows it by; empty: the component, so that there is one for each.
        resolved: whether it is over.
        items: the list of alerts in a body; empty: the body is one alert.
    """

    component: str
    reason: str = ""
    severity: str = ""
    id: str = ""
    resolved: str = ""
    items: str = ""


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How alerts name our components.

    Attributes:
        labels: of Alertmanager's: the first that an alert has is the name.
        aliases: our names by theirs.
        components: all of ours.
    """

    labels: tuple[str, ...]
    aliases: Mapping[str, str]
    components: Collection[str]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of one delivery.

    Attributes:
        raised: triggers that were raised.
        counted: alerts that were known already, or joined a trigger that waits.
        resolved: open alerts that are over now.
        refused: alerts of which nothing can come.
    """

    raised: int
    counted: int
    resolved: int
    refused: int


@dataclass(frozen=True, kw_only=True)
class KnownAlert:
    """One alert that we were told of, for a person.

    Attributes:
        webhook: how it came in.
        component: of ours; of a refused one: as it named it.
        state: where it stands.
        reason: why, as its sender says; of a refused one: why it was refused.
        deliveries: how often it came.
        sent_by: who delivered it last.
        first_at: when it came first.
        last_at: when it came last.
        decision: what admission answered to its trigger; empty: nothing yet.
    """

    webhook: str
    component: str
    state: AlertState
    reason: str
    deliveries: int
    sent_by: str
    first_at: datetime
    last_at: datetime
    decision: str = ""
