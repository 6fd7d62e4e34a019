"""What was measured, for people: the hosts as they are now, and rollups over time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, select, text

from selfheal.model.health import HealthStatus, HostNow, Rollup
from selfheal.store.engine import transaction
from selfheal.store.tables import health_rollup

_ROLLUPS = health_rollup.c
# From one component to the next, as in `store.health`; of each host all values of its newest look.
_HOSTS = text(
    """WITH RECURSIVE known (component) AS (
           (SELECT h.component FROM health_history h WHERE h.checked_at > now() - interval '10 minutes'
            ORDER BY h.component LIMIT 1)
           UNION ALL
           SELECT (SELECT h.component FROM health_history h
                   WHERE h.component > k.component AND h.checked_at > now() - interval '10 minutes'
                   ORDER BY h.component LIMIT 1)
           FROM known k WHERE k.component IS NOT NULL
       )
       SELECT n.component, n.checked_at, v.status, v.error, v.values FROM known k
       CROSS JOIN LATERAL (
           SELECT h.component, h.checked_at FROM health_history h
           WHERE h.component = k.component AND h.checked_at > now() - interval '10 minutes'
           ORDER BY h.checked_at DESC LIMIT 1) n
       CROSS JOIN LATERAL (
           SELECT min(h.status) AS status, min(h.error) AS error, jsonb_object_agg(h.metric, h.value) AS values
           FROM health_history h WHERE h.component = n.component AND h.checked_at = n.checked_at) v
       WHERE starts_with(k.component, 'host:') ORDER BY n.component"""
)


class Measurements:
    """Reads what was measured.

    Args:
        engine: the database, as any role that may read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def hosts(self) -> Sequence[HostNow]:
        """The newest look at each host, of the last ten minutes."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_HOSTS).all()
        return [
            HostNow(
                name=row.component.removeprefix("host:"),
                status=HealthStatus(row.status),
                detail=row.error or "",
                checked_at=row.checked_at,
                values=dict(row.values),
            )
            for row in rows
        ]

    def rollups(
        self,
        component: str,
        metric: str,
        *,
        limit: int,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[Rollup]:
        """What five minutes of one metric came to, the newest first.

        Args:
            component: whose; `host:NAME` of a host, `estate:NAME` of the whole.
            metric: which.
            limit: so many at most.
            since: none that began before.
            until: none that began then or later.
        """
        statement = select(health_rollup).where(_ROLLUPS.component == component, _ROLLUPS.metric == metric)
        if since is not None:
            statement = statement.where(_ROLLUPS.bucket >= since)
        if until is not None:
            statement = statement.where(_ROLLUPS.bucket < until)
        with transaction(self._engine) as connection:
            rows = connection.execute(statement.order_by(_ROLLUPS.bucket.desc()).limit(limit)).all()
        return [_rollup(row) for row in rows]


def _rollup(row: Row[Any]) -> Rollup:
    mean = row.sum / row.n if row.n else None
    return Rollup(
        component=row.component,
        metric=row.metric,
        bucket=row.bucket,
        n=row.n,
        min=row.min,
        max=row.max,
        mean=mean,
        deviation=None if mean is None else max(row.sum_squares / row.n - mean * mean, 0.0) ** 0.5,
        looks={one: getattr(row, one.value.lower()) for one in HealthStatus},
    )
