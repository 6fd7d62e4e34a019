"""Refusals as people read them, and the schema's revision."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, select, text

from selfheal.model.report import RefusalLine
from selfheal.store.engine import transaction
from selfheal.store.tables import faults, healing_triggers

_COLUMNS = healing_triggers.c
_REFUSED = select(healing_triggers).where(_COLUMNS.decision != "ADMITTED")
# By component and target, which are indexed for refusals, and not by fault alone, which is not.
_OF_FAULTS = _REFUSED.join_from(
    faults,
    healing_triggers,
    (_COLUMNS.component == faults.c.component)
    & (_COLUMNS.target_key == faults.c.target_key)
    & (_COLUMNS.fault_id == faults.c.id),
)


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

    def refusals_of_faults(self, ids: Collection[UUID]) -> Mapping[UUID, Sequence[RefusalLine]]:
        """The refusals of each of these faults, the oldest first, in one statement; every fault has a list."""
        statement = _OF_FAULTS.where(faults.c.id.in_(ids)).order_by(_COLUMNS.first_at)
        with transaction(self._engine) as connection:
            rows = connection.execute(statement).all()
        found = defaultdict(list)
        for row in rows:
            found[row.fault_id].append(refusal_of(row))
        return {one: found[one] for one in ids}

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
