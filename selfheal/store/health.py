"""`health_history` and `watch_epoch`: `ports.HealthStore`, used by the watcher and by `status`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from selfheal.model.attempt import Holder
from selfheal.model.health import ComponentHealth, HealthStatus, Measured, Watch
from selfheal.store.engine import transaction
from selfheal.store.health_writing import HealthWriter
from selfheal.store.tables import watch_epoch

# From one component to the next: the index is asked twice for each, and no day of rows is read.
_LATEST = text(
    """WITH RECURSIVE known (component) AS (
           (SELECT h.component FROM health_history h WHERE h.checked_at > now() - interval '10 minutes'
            ORDER BY h.component LIMIT 1)
           UNION ALL
           SELECT (SELECT h.component FROM health_history h
                   WHERE h.component > k.component AND h.checked_at > now() - interval '10 minutes'
                   ORDER BY h.component LIMIT 1)
           FROM known k WHERE k.component IS NOT NULL
       )
       SELECT h.component, h.status, h.response_time, h.error, h.checked_at
       FROM known k CROSS JOIN LATERAL (
           SELECT * FROM health_history h
           WHERE h.component = k.component AND h.checked_at > now() - interval '10 minutes'
             AND h.metric = 'response_time_ms'
           ORDER BY h.checked_at DESC LIMIT 1) h
       ORDER BY h.component"""
)
_NEWEST = text(
    """SELECT component, metric, value, status, error, checked_at FROM health_history
       WHERE component = :component AND metric = :metric AND checked_at > now() - interval '1 day'
       ORDER BY checked_at DESC LIMIT 1"""
)
_TELL_UNKNOWN = text("SELECT tell_unknown(:after, :fresh)")


class HealthHistory:
    """The store of observations over time.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = HealthWriter(engine)

    def record(self, health: Sequence[ComponentHealth], further: Sequence[Measured] = ()) -> None:
        """See `ports.HealthStore.record`."""
        self._writer.record([*(one for item in health for one in item.measured()), *further])

    def latest(self) -> Sequence[ComponentHealth]:
        """See `ports.HealthStore.latest`."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_LATEST).all()
        return [
            ComponentHealth(
                component=row.component,
                status=HealthStatus(row.status),
                response_ms=row.response_time,
                detail=row.error or "",
                checked_at=row.checked_at,
            )
            for row in rows
        ]

    def newest(self, component: str, metric: str) -> Measured | None:
        """The newest value of a day; None: there is none."""
        with transaction(self._engine) as connection:
            row = connection.execute(_NEWEST, {"component": component, "metric": metric}).first()
        if row is None:
            return None
        return Measured(
            component=row.component,
            metric=row.metric,
            value=row.value,
            status=HealthStatus(row.status),
            checked_at=row.checked_at,
            detail=row.error or "",
        )

    def tell_unknown(self, *, after: timedelta, fresh: timedelta) -> bool:
        """Whether a person had to be told of components of which nobody could tell anything for `after`.

        What was not looked at within `fresh` is watched no more.
        """
        with transaction(self._engine) as connection:
            return bool(connection.scalar(_TELL_UNKNOWN, {"after": after, "fresh": fresh}))

    def begin_watch(self, mechanism: str, run_id: UUID, holder: Holder) -> None:
        """See `ports.HealthStore.begin_watch`."""
        values = {"run_id": run_id, "holder": asdict(holder), "began_at": func.now(), "beat_at": func.now()}
        values["retired_at"] = None
        statement = upsert(watch_epoch).values(mechanism=mechanism, **values)
        with transaction(self._engine) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["mechanism"], set_=values))

    def beat(self, mechanism: str, run_id: UUID) -> bool:
        """See `ports.HealthStore.beat`."""
        statement = (
            update(watch_epoch)
            .where(watch_epoch.c.mechanism == mechanism, watch_epoch.c.run_id == run_id)
            .values(beat_at=func.now())
        )
        with transaction(self._engine) as connection:
            return connection.execute(statement).rowcount > 0

    def retire_watch(self, mechanism: str, run_id: UUID) -> None:
        """See `ports.HealthStore.retire_watch`."""
        statement = (
            update(watch_epoch).where(watch_epoch.c.mechanism == mechanism).values(run_id=run_id, retired_at=func.now())
        )
        with transaction(self._engine) as connection:
            connection.execute(statement)

    def watches(self) -> Sequence[Watch]:
        """See `ports.HealthStore.watches`."""
        behind = func.extract("epoch", func.now() - watch_epoch.c.beat_at).label("behind_s")
        with transaction(self._engine) as connection:
            known = select(watch_epoch, behind).where(watch_epoch.c.retired_at.is_(None))
            rows = connection.execute(known.order_by(watch_epoch.c.mechanism)).all()
        return [
            Watch(
                mechanism=row.mechanism,
                run_id=row.run_id,
                began_at=row.began_at,
                beat_at=row.beat_at,
                behind_s=float(row.behind_s),
            )
            for row in rows
        ]
