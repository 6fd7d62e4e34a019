"""Storms in Postgres: admission begins and ends them, a person lets heals begin again.

One of workflows is begun and ended by the check that found too many of them stuck.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from selfheal.model.storm import Storm
from selfheal.store.engine import transaction
from selfheal.store.tables import alert_outbox, storms
from selfheal.store.text import identifier, shorten

_BLOWING = (storms.c.ended_at.is_(None), storms.c.quiet_at > func.now())


class Storms:
    """The store of storms.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def current(self) -> Sequence[Storm]:
        """Those that have not ended, the oldest first."""
        with transaction(self._engine) as connection:
            rows = connection.execute(select(storms).where(*_BLOWING).order_by(storms.c.began_at)).all()
        return [_storm(row) for row in rows]

    def blow(self, group: str, *, sick: int, message: str, quiet: timedelta) -> Storm:
        """A storm of this group goes on, or begins, of which a person is told with this message, once.

        It ends after `quiet`, unless it goes on until then. `healing_user` only.
        """
        later = func.now() + quiet
        begun = upsert(storms).values(estate_group=group, sick=sick, quiet_at=later).on_conflict_do_nothing()
        open_one = (storms.c.estate_group == group, storms.c.ended_at.is_(None))
        with transaction(self._engine) as connection:
            over = update(storms).where(*open_one, storms.c.quiet_at <= func.now()).values(ended_at=func.now())
            connection.execute(over)
            new = connection.scalar(begun.returning(storms.c.id))
            if new is not None:
                told = {"severity": "CRITICAL", "dedup_key": f"storm/{new}", "message": shorten(message, 1000)}
                connection.execute(insert(alert_outbox).values(**told))
            going_on = update(storms).where(*open_one).values(quiet_at=later)
            return _storm(connection.execute(going_on.returning(*storms.c)).one())

    def over(self, group: str) -> None:
        """A storm of this group has ended, if there was one."""
        open_one = (storms.c.estate_group == group, storms.c.ended_at.is_(None))
        with transaction(self._engine) as connection:
            connection.execute(update(storms).where(*open_one).values(ended_at=func.now()))

    def go(self, *, who: str, why: str) -> int:
        """Let heals begin again in every storm that nobody has decided about; how many those were."""
        decided = {"go_at": func.now(), "go_by": identifier(who, 100), "go_why": shorten(why, 500)}
        with transaction(self._engine) as connection:
            statement = update(storms).where(*_BLOWING, storms.c.go_at.is_(None)).values(decided)
            return connection.execute(statement).rowcount


def _storm(row: Row[Any]) -> Storm:
    return Storm(
        group=row.estate_group,
        began_at=row.began_at,
        quiet_at=row.quiet_at,
        sick=row.sick,
        go_by=row.go_by or "",
        go_why=row.go_why or "",
    )
