"""What people were told, how that went, and what they said about it."""

from datetime import datetime

import strawberry

from console.graphql.page_types import PageInfo
from selfheal.model.alert import DeliveryState, MessageKind, Severity, Silence
from selfheal.model.alert_report import AlertLine, AlertState, DeliveryLine
from selfheal.model.page import Cursor, Page

strawberry.enum(Severity, name="AlertSeverity")
strawberry.enum(MessageKind, name="AlertMessageKind")
strawberry.enum(DeliveryState, name="AlertDeliveryState")
strawberry.enum(AlertState)


@strawberry.type
class Alert:
    """What has happened under one key."""

    id: strawberry.ID
    key: str
    group: str
    severity: Severity
    state: AlertState
    message: str
    component: str
    occurrences: int
    silenced: bool
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    acknowledged_why: str
    resolved_at: datetime | None

    @classmethod
    def of(cls, line: AlertLine) -> "Alert":
        """From the line."""
        return cls(
            id=strawberry.ID(str(line.id)),
            key=line.dedup_key,
            group=line.group,
            severity=line.severity,
            state=line.state,
            message=line.message,
            component=line.component,
            occurrences=line.occurrences,
            silenced=line.silenced,
            raised_at=line.raised_at,
            acknowledged_at=line.acknowledged_at,
            acknowledged_by=line.acknowledged_by,
            acknowledged_why=line.acknowledged_why,
            resolved_at=line.resolved_at,
        )


@strawberry.type
class AlertConnection:
    """One page of alerts, the latest raised first."""

    nodes: list[Alert]
    page_info: PageInfo

    @classmethod
    def of(cls, page: Page[AlertLine]) -> "AlertConnection":
        """From the page."""
        info = PageInfo.of(page, lambda one: Cursor(at=one.raised_at, id=one.id))
        return cls(nodes=[Alert.of(one) for one in page.items], page_info=info)


@strawberry.type
class AlertDelivery:
    """One message on one channel."""

    id: strawberry.ID
    channel: str
    kind: MessageKind
    state: DeliveryState
    severity: Severity
    key: str
    message: str
    tries: int
    error: str
    created_at: datetime
    sent_at: datetime | None

    @classmethod
    def of(cls, line: DeliveryLine) -> "AlertDelivery":
        """From the line."""
        return cls(
            id=strawberry.ID(str(line.id)),
            channel=line.channel,
            kind=line.kind,
            state=line.state,
            severity=line.severity,
            key=line.dedup_key,
            message=line.message,
            tries=line.tries,
            error=line.error,
            created_at=line.created_at,
            sent_at=line.sent_at,
        )


@strawberry.type
class AlertDeliveryConnection:
    """One page of deliveries, the newest first."""

    nodes: list[AlertDelivery]
    page_info: PageInfo

    @classmethod
    def of(cls, page: Page[DeliveryLine]) -> "AlertDeliveryConnection":
        """From the page."""
        info = PageInfo.of(page, lambda one: Cursor(at=one.created_at, id=one.id))
        return cls(nodes=[AlertDelivery.of(one) for one in page.items], page_info=info)


@strawberry.type
class AlertSilence:
    """A time in which nobody is told of some alerts."""

    id: strawberry.ID
    pattern: str
    since: datetime
    until: datetime
    who: str
    why: str

    @classmethod
    def of(cls, one: Silence) -> "AlertSilence":
        """From the silence."""
        return cls(
            id=strawberry.ID(str(one.id)),
            pattern=one.pattern,
            since=one.since,
            until=one.until,
            who=one.who,
            why=one.why,
        )
