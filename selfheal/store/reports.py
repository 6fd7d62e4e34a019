"""What people read, straight from the tables: used by `status`, `history` and the demo."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, select, text

from selfheal.model.report import HistoryLine, OpenFault, RefusalLine
from selfheal.store.engine import transaction
from selfheal.store.tables import faults, healing_actions, healing_triggers

_LINES = select(healing_actions, faults.c.detected_at).join(faults, faults.c.id == healing_actions.c.fault_id)


class Reports:
    """Reads for people; changes nothing.

    Args:
        engine: the database, as any role that may read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def history(self, *, limit: int, component: str = "") -> Sequence[HistoryLine]:
        """The newest attempts first, of one component or of all."""
        statement = _LINES.order_by(healing_actions.c.created_at.desc(), healing_actions.c.id.desc()).limit(limit)
        if component:
            statement = statement.where(healing_actions.c.target_component == component)
        with transaction(self._engine) as connection:
            return [_line(row) for row in connection.execute(statement)]

    def attempt(self, attempt_id: UUID) -> HistoryLine | None:
        """One attempt."""
        with transaction(self._engine) as connection:
            row = connection.execute(_LINES.where(healing_actions.c.id == attempt_id)).first()
        return None if row is None else _line(row)

    def open_faults(self) -> Sequence[OpenFault]:
        """What is sick now, the longest first."""
        statement = select(faults).where(faults.c.closed_at.is_(None)).order_by(faults.c.detected_at)
        with transaction(self._engine) as connection:
            return [
                OpenFault(
                    component=row.component,
                    detected_at=row.detected_at,
                    attempts=row.attempts,
                    needs_person=row.needs_person,
                )
                for row in connection.execute(statement)
            ]

    def refusals(self, *, limit: int) -> Sequence[RefusalLine]:
        """The latest refusals, equal ones counted."""
        statement = (
            select(healing_triggers)
            .where(healing_triggers.c.decision != "ADMITTED")
            .order_by(healing_triggers.c.last_at.desc())
            .limit(limit)
        )
        with transaction(self._engine) as connection:
            return [
                RefusalLine(
                    component=row.component,
                    decision=row.decision,
                    reason=row.reason,
                    occurrences=row.occurrences,
                    last_at=row.last_at,
                )
                for row in connection.execute(statement)
            ]

    def schema(self) -> str:
        """The revision of the schema; `Permanent` if there is none."""
        with transaction(self._engine) as connection:
            return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


def _line(row: Row[Any]) -> HistoryLine:
    """One joined row."""
    return HistoryLine(
        attempt_id=row.id,
        component=row.target_component,
        action=row.action_name,
        status=row.status,
        phase=row.phase,
        verification=row.verification,
        rollback=row.rollback_outcome,
        interrupted=row.interrupted,
        why=row.details.get("why", ""),
        message=row.details.get("message", ""),
        detected_at=row.detected_at,
        created_at=row.created_at,
        act_started_at=row.act_started_at,
        act_ended_at=row.act_ended_at,
        completed_at=row.completed_at,
    )
