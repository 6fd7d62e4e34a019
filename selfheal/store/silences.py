"""Silences, and acknowledgements: what people say about alerts. Ended silences are kept."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.engine import Connection

from selfheal.model.alert import OpenAlert, Silence
from selfheal.policy.alert_rules import matches
from selfheal.store.alert_rows import open_alert_of, silence_of
from selfheal.store.engine import transaction
from selfheal.store.tables import alert_silences, alerts
from selfheal.store.text import identifier, shorten

_COLUMNS = alert_silences.c
_IN_FORCE = (_COLUMNS.ended_at.is_(None), _COLUMNS.until > func.now())


def in_force(connection: Connection) -> list[Silence]:
    """The silences in force, the first to end first."""
    statement = select(alert_silences).where(*_IN_FORCE).order_by(_COLUMNS.until)
    return [silence_of(row) for row in connection.execute(statement)]


class Silences:
    """The store of what people say about alerts.

    Args:
        engine: the database, as healing_user or as the web server.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def current(self) -> Sequence[Silence]:
        """Those in force."""
        with transaction(self._engine) as connection:
            return in_force(connection)

    def silence(self, pattern: str, *, lasts: timedelta, who: str, why: str) -> Silence:
        """Let nobody be told of these for a while."""
        values = {
            "pattern": identifier(pattern, 200),
            "until": func.now() + lasts,
            "who": identifier(who, 100),
            "why": shorten(why, 500),
        }
        with transaction(self._engine) as connection:
            statement = insert(alert_silences).values(values).returning(*_COLUMNS)
            return silence_of(connection.execute(statement).one())

    def end(self, silence: UUID, *, who: str, why: str) -> bool:
        """End one before its time; False: none such is in force."""
        ended = {"ended_at": func.now(), "ended_by": identifier(who, 100), "ended_why": shorten(why, 500)}
        with transaction(self._engine) as connection:
            statement = update(alert_silences).where(_COLUMNS.id == silence, *_IN_FORCE).values(ended)
            return connection.execute(statement).rowcount > 0

    def acknowledge(self, pattern: str, *, who: str, why: str) -> Sequence[OpenAlert]:
        """Say that somebody has the open alerts that this means, and give those that nobody had."""
        columns = alerts.c
        taken = {
            "acknowledged_at": func.now(),
            "acknowledged_by": identifier(who, 100),
            "acknowledged_why": shorten(why, 500),
        }
        free = (columns.resolved_at.is_(None), columns.acknowledged_at.is_(None))
        with transaction(self._engine) as connection:
            found = [open_alert_of(row) for row in connection.execute(select(alerts).where(*free))]
            meant = [one.id for one in found if matches(pattern, one) or str(one.id) == pattern]
            statement = update(alerts).where(columns.id.in_(meant), *free).values(taken).returning(*columns)
            return [open_alert_of(row) for row in connection.execute(statement)]
