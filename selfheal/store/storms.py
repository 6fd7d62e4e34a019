"""Storms in Postgres: admission begins and ends them, a person lets heals begin again."""

from collections.abc import Sequence

from sqlalchemy import Engine, func, select, update

from selfheal.model.storm import Storm
from selfheal.store.engine import transaction
from selfheal.store.tables import storms
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
        return [
            Storm(
                group=row.estate_group,
                began_at=row.began_at,
                quiet_at=row.quiet_at,
                sick=row.sick,
                go_by=row.go_by or "",
                go_why=row.go_why or "",
            )
            for row in rows
        ]

    def go(self, *, who: str, why: str) -> int:
        """Let heals begin again in every storm that nobody has decided about; how many those were."""
        decided = {"go_at": func.now(), "go_by": identifier(who, 100), "go_why": shorten(why, 500)}
        with transaction(self._engine) as connection:
            statement = update(storms).where(*_BLOWING, storms.c.go_at.is_(None)).values(decided)
            return connection.execute(statement).rowcount
