"""What is kept of looks at a host: `ports.HostStore`, used by agent-health."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Interval, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from selfheal.model.health import HealthStatus, Measured
from selfheal.store.engine import transaction
from selfheal.store.health_writing import HealthWriter
from selfheal.store.text import clean, identifier, shorten

_RECENT = text(
    """SELECT component, metric, value, status, checked_at, coalesce(error, '') AS error FROM health_history
       WHERE component = :component AND checked_at > now() - :since ORDER BY checked_at, metric"""
).bindparams(bindparam("since", type_=Interval))
_TELL = text("SELECT tell(:key, :on, :severity, :message, :details)").bindparams(bindparam("details", type_=JSONB))
_OPEN = text(
    """SELECT dedup_key, severity, message FROM (
           SELECT DISTINCT ON (o.dedup_key) o.dedup_key, o.kind, o.severity, o.message FROM alert_outbox o
           WHERE starts_with(o.dedup_key, :prefix) ORDER BY o.dedup_key, o.created_at DESC, o.id DESC) newest
       WHERE kind = 'RAISED' AND NOT dedup_key = ANY (:but) ORDER BY dedup_key"""
)
_LONGEST_KEY, _LONGEST_MESSAGE = 200, 500


class Hosts:
    """The store of looks at hosts.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = HealthWriter(engine)

    def recent(self, component: str, *, since: timedelta) -> Sequence[Measured]:
        """See `ports.HostStore.recent`."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_RECENT, {"component": component, "since": since}).all()
        return [
            Measured(
                component=row.component,
                metric=row.metric,
                value=row.value,
                status=HealthStatus(row.status),
                checked_at=row.checked_at,
                detail=row.error,
            )
            for row in rows
        ]

    def record(self, rows: Sequence[Measured]) -> None:
        """See `ports.HostStore.record`."""
        self._writer.record(rows)

    def tell(self, key: str, message: str, *, severity: str, details: Mapping[str, Any]) -> bool:
        """See `ports.HostStore.tell`."""
        key = identifier(key, _LONGEST_KEY)
        values = {"key": key, "message": shorten(message, _LONGEST_MESSAGE), "severity": severity}
        with transaction(self._engine) as connection:
            return bool(connection.scalar(_TELL, {**values, "on": True, "details": clean(dict(details))}))

    def over(self, prefix: str, *, but: Iterable[str]) -> Sequence[str]:
        """See `ports.HostStore.over`."""
        still = [identifier(key, _LONGEST_KEY) for key in but]
        ended = []
        with transaction(self._engine) as connection:
            for row in connection.execute(_OPEN, {"prefix": prefix, "but": still}).all():
                message = shorten(row.message, _LONGEST_MESSAGE)  # what is sent puts "over:" before it
                values = {"key": row.dedup_key, "severity": row.severity, "message": message, "details": {}}
                if connection.scalar(_TELL, {**values, "on": False}):
                    ended.append(row.dedup_key)
        return ended
