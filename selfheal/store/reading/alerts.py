"""Alerts and their deliveries, as people read them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, Row, case, select, text

from selfheal.model.alert import DeliveryState, MessageKind, Severity
from selfheal.model.alert_report import AlertCounts, AlertLine, AlertState, ChannelTrouble, DeliveryLine
from selfheal.model.page import Page, Slice
from selfheal.store.engine import transaction
from selfheal.store.reading.keyset import page_of
from selfheal.store.tables import alert_deliveries, alert_messages, alerts

_ALERTS, _DELIVERIES = alerts.c, alert_deliveries.c
_SAID = select(
    alert_deliveries,
    *(alert_messages.c[name] for name in ("kind", "severity", "dedup_key", "message")),
).join_from(alert_deliveries, alert_messages, alert_messages.c.id == _DELIVERIES.message_id)
_COUNTS = text(
    """SELECT (SELECT count(*) FROM alert_outbox o WHERE o.routed_at IS NULL) AS undecided,
              (SELECT count(DISTINCT d.message_id) FROM alert_deliveries d WHERE d.state = 'WAITING') AS waiting,
              (SELECT count(*) FROM alert_deliveries d
               WHERE d.state = 'FAILED' AND d.failed_at > now() - interval '24 hours') AS failed,
              (SELECT count(*) FROM alerts a WHERE a.resolved_at IS NULL AND a.acknowledged_at IS NULL) AS open"""
)
_TROUBLED = text(
    """SELECT d.channel, min(d.created_at) AS since,
              (array_agg(d.error ORDER BY d.next_try_at DESC) FILTER (WHERE d.error IS NOT NULL))[1] AS error
       FROM alert_deliveries d WHERE d.state = 'WAITING' GROUP BY d.channel
       HAVING bool_or(d.error IS NOT NULL AND d.created_at < now() - interval '10 minutes') ORDER BY d.channel"""
)


class Alerts:
    """Reads alerts.

    Args:
        engine: the database, as any role that may read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, wanted: Slice, *, ended: bool = False) -> Page[AlertLine]:
        """One page of those that are open, on demand also of those that are over, the latest raised first."""
        statement = select(alerts) if ended else select(alerts).where(_ALERTS.resolved_at.is_(None))
        return page_of(self._engine, statement, (_ALERTS.raised_at, _ALERTS.id), wanted, _line)

    def worst(self, *, limit: int) -> Sequence[AlertLine]:
        """Those that are open: what is nobody's before what somebody has, the worst first, then the latest raised."""
        rank = case({one.value: one.rank for one in Severity}, value=_ALERTS.severity)
        order = (_ALERTS.acknowledged_at.is_not(None), rank.desc(), _ALERTS.raised_at.desc(), _ALERTS.id.desc())
        statement = select(alerts).where(_ALERTS.resolved_at.is_(None)).order_by(*order).limit(limit)
        with transaction(self._engine) as connection:
            return [_line(row) for row in connection.execute(statement)]

    def deliveries(self, wanted: Slice, *, state: DeliveryState | None = None) -> Page[DeliveryLine]:
        """One page of the deliveries, of one state or of all, the newest first."""
        statement = _SAID if state is None else _SAID.where(_DELIVERIES.state == state.value)
        return page_of(self._engine, statement, (_DELIVERIES.created_at, _DELIVERIES.id), wanted, _delivery)

    def troubled(self) -> Sequence[ChannelTrouble]:
        """The channels that have not taken for ten minutes what they were to take, and were tried."""
        with transaction(self._engine) as connection:
            return [ChannelTrouble(**row._asdict()) for row in connection.execute(_TROUBLED)]

    def counts(self) -> AlertCounts:
        """How it goes."""
        with transaction(self._engine) as connection:
            return AlertCounts(**connection.execute(_COUNTS).one()._asdict())


def _line(row: Row[Any]) -> AlertLine:
    taken = AlertState.ACKNOWLEDGED if row.acknowledged_at is not None else AlertState.OPEN
    return AlertLine(
        id=row.id,
        dedup_key=row.dedup_key,
        group=row.alert_group,
        severity=Severity(row.severity),
        state=taken if row.resolved_at is None else AlertState.OVER,
        message=row.message,
        component=row.component,
        occurrences=row.occurrences,
        silenced=row.episode_id is None,
        raised_at=row.raised_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by or "",
        acknowledged_why=row.acknowledged_why or "",
        resolved_at=row.resolved_at,
    )


def _delivery(row: Row[Any]) -> DeliveryLine:
    return DeliveryLine(
        id=row.id,
        channel=row.channel,
        kind=MessageKind(row.kind),
        state=DeliveryState(row.state),
        severity=Severity(row.severity),
        dedup_key=row.dedup_key,
        message=row.message,
        tries=row.tries,
        next_try_at=row.next_try_at,
        error=row.error or "",
        created_at=row.created_at,
        sent_at=row.sent_at,
    )
