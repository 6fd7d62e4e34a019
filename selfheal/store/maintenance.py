"""Maintenance windows in Postgres: people write them, admission reads them in its own transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, func, insert, select, update

from selfheal.model.maintenance import Scope, Window
from selfheal.store.admission_values import NO_ADMISSION_NOW
from selfheal.store.engine import transaction
from selfheal.store.tables import maintenance_windows
from selfheal.store.text import identifier, shorten


class Maintenance:
    """The store of maintenance windows; ended ones are kept.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def plan(  # noqa: PLR0913 - each is a column
        self, *, scope: Scope, name: str, begins_at: datetime, ends_at: datetime, zone: str, who: str, why: str
    ) -> Window:
        """Write a window down. Once this returns no heal is admitted in its scope from its beginning to its end."""
        values = {
            "scope": scope.value,
            "name": name,
            "begins_at": begins_at,
            "ends_at": ends_at,
            "zone": zone,
            "who": identifier(who, 100),
            "why": shorten(why, 500),
        }
        with transaction(self._engine) as connection:
            connection.execute(NO_ADMISSION_NOW)
            return _window(
                connection.execute(insert(maintenance_windows).values(values).returning(*maintenance_windows.c)).one()
            )

    def upcoming(self) -> Sequence[Window]:
        """Those that have not ended, by their beginning."""
        columns = maintenance_windows.c
        statement = select(maintenance_windows).where(columns.ends_at > func.now()).order_by(columns.begins_at)
        with transaction(self._engine) as connection:
            return [_window(row) for row in connection.execute(statement)]

    def end(self, window: UUID, *, who: str, why: str) -> bool:
        """End a window now, or call off one that has not begun. False: there is none of that id that is not over."""
        columns = maintenance_windows.c
        ended = {
            "ends_at": func.greatest(func.now(), columns.begins_at),
            "ended_by": identifier(who, 100),
            "ended_why": shorten(why, 500),
        }
        statement = update(maintenance_windows).where(columns.id == window, columns.ends_at > func.now()).values(ended)
        with transaction(self._engine) as connection:
            return connection.execute(statement).rowcount > 0


def _window(row: Row[Any]) -> Window:
    return Window(
        id=row.id,
        scope=Scope(row.scope),
        name=row.name,
        begins_at=row.begins_at,
        ends_at=row.ends_at,
        zone=row.zone,
        who=row.who,
        why=row.why,
    )
