"""The kill switch in Postgres: `selfheal pause` and `resume` write it, admission reads it in its own transaction."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Row, func, insert, or_, select, update
from sqlalchemy.engine import Connection

from selfheal.model.pause import Pause
from selfheal.store.admission_values import NO_ADMISSION_NOW
from selfheal.store.engine import transaction
from selfheal.store.tables import pauses
from selfheal.store.text import identifier, shorten

_IN_FORCE = (pauses.c.ended_at.is_(None), or_(pauses.c.until.is_(None), pauses.c.until > func.now()))


class Pauses:
    """The store of pauses; ended ones are kept.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def current(self) -> Pause | None:
        """The pause in force, or None."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(pauses).where(*_IN_FORCE)).first()
        return None if row is None else _pause(row)

    def pause(self, *, who: str, why: str, duration: timedelta | None = None) -> Pause:
        """Pause, in place of a pause in force. Once this returns no heal is admitted any more.

        Args:
            who: the person.
            why: their reason.
            duration: None: until somebody resumes.
        """
        values = {
            "paused_by": identifier(who, 100),
            "why": shorten(why, 500),
            "until": None if duration is None else func.now() + duration,
        }
        with transaction(self._engine) as connection:
            connection.execute(NO_ADMISSION_NOW)
            _end(connection, who, f"replaced: {why}")
            return _pause(connection.execute(insert(pauses).values(values).returning(*pauses.c)).one())

    def resume(self, *, who: str, why: str) -> Pause | None:
        """End the pause and give it; None if none was in force."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(pauses).where(*_IN_FORCE)).first()
            _end(connection, who, why)
        return None if row is None else _pause(row)


def _end(connection: Connection, who: str, why: str) -> None:
    """Close what is open, in force or expired."""
    ended = {"ended_at": func.now(), "ended_by": identifier(who, 100), "ended_why": shorten(why, 500)}
    connection.execute(update(pauses).where(pauses.c.ended_at.is_(None)).values(ended))


def _pause(row: Row[Any]) -> Pause:
    return Pause(who=row.paused_by, why=row.why, since=row.since, until=row.until)
