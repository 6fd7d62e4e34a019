"""Attempts, and on demand the transitions of breakers beside them."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, Select, func, select

from selfheal.model.page import Page, Slice
from selfheal.model.report import AttemptFilter, HistoryLine
from selfheal.store.engine import transaction
from selfheal.store.reading.keyset import page_of
from selfheal.store.tables import faults, healing_actions

_COLUMNS = healing_actions.c
_LINES = select(
    healing_actions, func.coalesce(faults.c.detected_at, _COLUMNS.created_at).label("detected_at")
).outerjoin_from(healing_actions, faults, faults.c.id == _COLUMNS.fault_id)
# By target, which is indexed, and not by fault alone, which is not: each index costs every admission.
_OF_FAULTS = select(healing_actions, faults.c.detected_at).join_from(
    faults,
    healing_actions,
    (_COLUMNS.target_key == faults.c.target_key) & (_COLUMNS.fault_id == faults.c.id),
)


class Attempts:
    """Reads attempts.

    Args:
        engine: the database, as any role that may read; under row security, what its tenant may see.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, wanted: Slice, only: AttemptFilter = AttemptFilter()) -> Page[HistoryLine]:  # noqa: B008 - frozen
        """One page, the newest first."""
        base = _LINES if only.fault is None else _OF_FAULTS.where(faults.c.id == only.fault)
        key = (_COLUMNS.created_at, _COLUMNS.id)
        return page_of(self._engine, _filtered(base, only), key, wanted, line_of)

    def one(self, attempt_id: UUID) -> HistoryLine | None:
        """One attempt, or one transition."""
        return self.by_ids([attempt_id]).get(attempt_id)

    def by_ids(self, ids: Collection[UUID]) -> Mapping[UUID, HistoryLine]:
        """These, in one statement; unknown ones are missing."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_LINES.where(_COLUMNS.id.in_(ids))).all()
        return {row.id: line_of(row) for row in rows}

    def of_trigger(self, trigger_id: UUID) -> HistoryLine | None:
        """The attempt that this trigger was admitted to; None: there is none."""
        with transaction(self._engine) as connection:
            row = connection.execute(_LINES.where(_COLUMNS.trigger_id == trigger_id)).first()
        return None if row is None else line_of(row)

    def of_faults(self, ids: Collection[UUID]) -> Mapping[UUID, Sequence[HistoryLine]]:
        """The attempts of each of these faults, the oldest first, in one statement; every fault has a list."""
        statement = _OF_FAULTS.where(faults.c.id.in_(ids)).order_by(_COLUMNS.created_at, _COLUMNS.id)
        with transaction(self._engine) as connection:
            rows = connection.execute(statement).all()
        found = defaultdict(list)
        for row in rows:
            found[row.fault_id].append(line_of(row))
        return {one: found[one] for one in ids}


def _filtered(statement: Select[Any], only: AttemptFilter) -> Select[Any]:
    """With the conditions that matter."""
    wanted = {
        "status": only.status,
        "verification": only.verification,
        "action_type": only.action_type,
        "target_component": only.component,
    }
    for column, value in wanted.items():
        if value:
            statement = statement.where(_COLUMNS[column] == str(value))
    if only.since is not None:
        statement = statement.where(_COLUMNS.created_at >= only.since)
    if only.until is not None:
        statement = statement.where(_COLUMNS.created_at < only.until)
    return statement if only.transitions else statement.where(_COLUMNS.fault_id.is_not(None))


def line_of(row: Row[Any]) -> HistoryLine:
    """One row with its fault's time of detection."""
    return HistoryLine(
        attempt_id=row.id,
        fault_id=row.fault_id,
        tenant=row.tenant_id,
        component=row.target_component,
        trigger_type=row.trigger_type,
        action=row.action_name,
        action_type=row.action_type,
        status=row.status,
        success=row.success,
        execution_ms=row.execution_time_ms,
        error=row.error_message,
        phase=row.phase,
        verification=row.verification,
        rollback=row.rollback_outcome,
        interrupted=row.interrupted,
        why=row.details.get("why", ""),
        message=row.details.get("message", ""),
        flow_run=_run_of(row.details.get("flow_run")),
        detected_at=row.detected_at,
        created_at=row.created_at,
        act_started_at=row.act_started_at,
        act_ended_at=row.act_ended_at,
        completed_at=row.completed_at,
    )


def _run_of(stored: object) -> UUID | None:
    """The id of a flow run as the attempt's metadata has it; what is none is no link."""
    try:
        return UUID(stored) if isinstance(stored, str) else None
    except ValueError:
        return None
