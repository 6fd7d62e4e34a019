"""Refusals as people read them, and the schema's revision."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, Row, select, text

from selfheal.model.report import RefusalLine
from selfheal.store.engine import transaction
from selfheal.store.tables import healing_triggers

_COLUMNS = healing_triggers.c
_REFUSED = select(healing_triggers).where(_COLUMNS.decision != "ADMITTED")


class Reports:
    """Reads for people; changes nothing.

    Args:
        engine: the database, as any role that may read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def refusals(self, *, limit: int) -> Sequence[RefusalLine]:
        """The latest refusals, equal ones counted."""
        statement = _REFUSED.order_by(_COLUMNS.last_at.desc()).limit(limit)
        with transaction(self._engine) as connection:
            return [refusal_of(row) for row in connection.execute(statement)]

    def schema(self) -> str:
        """The revision of the schema; `Permanent` if there is none."""
        with transaction(self._engine) as connection:
            return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


def refusal_of(row: Row[Any]) -> RefusalLine:
    """A row of `healing_triggers`."""
    return RefusalLine(
        component=row.component,
        decision=row.decision,
        reason=row.reason,
        source=row.source,
        occurrences=row.occurrences,
        first_at=row.first_at,
        last_at=row.last_at,
    )
