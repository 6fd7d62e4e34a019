"""Alerts that wait to be delivered: written in the transaction of what they tell of, so that none is lost."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine, func, select, update

from selfheal.model.alert import Alert
from selfheal.store.engine import transaction
from selfheal.store.tables import alert_outbox
from selfheal.store.text import shorten

_LONGEST_PAUSE = timedelta(hours=1)


class Outbox:
    """The outbox.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, *, limit: int, pause: timedelta) -> Sequence[Alert]:
        """The alerts that are due, the oldest first; nobody else gets them for a while, longer with each try.

        A process that dies with one in its hands only delays it; a receiver tells a second delivery by the id.
        """
        columns = alert_outbox.c
        due = (
            select(columns.id)
            .where(columns.sent_at.is_(None), columns.next_try_at <= func.now())
            .order_by(columns.created_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        later = func.least(pause * func.power(2, func.least(columns.tries, 20)), _LONGEST_PAUSE)
        statement = (
            update(alert_outbox)
            .where(columns.id.in_(due))
            .values(tries=columns.tries + 1, next_try_at=func.now() + later)
            .returning(*columns)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(statement).all()
        return [
            Alert(
                id=row.id,
                severity=row.severity,
                dedup_key=row.dedup_key,
                message=row.message,
                details=row.details,
                created_at=row.created_at,
            )
            for row in sorted(rows, key=lambda row: row.created_at)
        ]

    def sent(self, alert: UUID) -> None:
        """It was delivered."""
        self._note(alert, sent_at=func.now(), error=None)

    def failed(self, alert: UUID, why: str) -> None:
        """It was not; it comes again."""
        self._note(alert, error=shorten(why, 500))

    def unsent(self) -> int:
        """How many wait."""
        with transaction(self._engine) as connection:
            statement = select(func.count()).select_from(alert_outbox).where(alert_outbox.c.sent_at.is_(None))
            return connection.scalar(statement) or 0

    def _note(self, alert: UUID, **values: object) -> None:
        with transaction(self._engine) as connection:
            connection.execute(update(alert_outbox).where(alert_outbox.c.id == alert).values(**values))
