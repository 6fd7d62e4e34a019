"""Faults, and everything that belongs to one."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, Select, select, text

from selfheal.model.page import Page, Slice
from selfheal.model.report import FaultFilter, FaultLine, FaultState
from selfheal.model.story import AttemptStory, FaultStory
from selfheal.store.approvals import approval_of
from selfheal.store.engine import transaction
from selfheal.store.reading.attempts import line_of
from selfheal.store.reading.keyset import page_of
from selfheal.store.reports import refusal_of
from selfheal.store.rows import plan_of
from selfheal.store.tables import faults

_COLUMNS = faults.c
MOST_OF_ONE = 200
"""Attempts, refusals and questions of one fault that its story tells; the newest."""
_ATTEMPTS = text(
    """SELECT a.*, a.metadata AS details, f.detected_at
       FROM faults f JOIN healing_actions a ON a.target_key = f.target_key AND a.fault_id = f.id
       WHERE f.id = :fault ORDER BY a.created_at DESC, a.id DESC LIMIT :most"""
)
_REFUSALS = text(
    """SELECT t.* FROM faults f JOIN healing_triggers t ON t.component = f.component AND t.target_key = f.target_key
                                                       AND t.fault_id = f.id
       WHERE f.id = :fault AND t.decision <> 'ADMITTED' ORDER BY t.last_at DESC LIMIT :most"""
)
_QUESTIONS = text(
    """SELECT s.* FROM approval_states s JOIN approvals a ON a.id = s.id
       WHERE a.fault_id = :fault ORDER BY s.asked_at DESC LIMIT :most"""
)


class Faults:
    """Reads faults.

    Args:
        engine: the database, as any role that may read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, wanted: Slice, only: FaultFilter = FaultFilter()) -> Page[FaultLine]:  # noqa: B008 - frozen
        """One page, the latest detected first."""
        key = (_COLUMNS.detected_at, _COLUMNS.id)
        return page_of(self._engine, _filtered(select(faults), only), key, wanted, _line)

    def still_open(self) -> Sequence[FaultLine]:
        """What is sick now, the longest first; what is only foretold is not."""
        sick = (_COLUMNS.closed_at.is_(None), _COLUMNS.prediction_id.is_(None))
        statement = select(faults).where(*sick).order_by(_COLUMNS.detected_at)
        with transaction(self._engine) as connection:
            return [_line(row) for row in connection.execute(statement)]

    def by_ids(self, ids: Collection[UUID]) -> Mapping[UUID, FaultLine]:
        """These, in one statement; unknown ones are missing."""
        with transaction(self._engine) as connection:
            rows = connection.execute(select(faults).where(_COLUMNS.id.in_(ids))).all()
        return {row.id: _line(row) for row in rows}

    def story(self, fault_id: UUID) -> FaultStory | None:
        """One fault with its attempts, refusals and questions; None: there is no such."""
        asked = {"fault": fault_id, "most": MOST_OF_ONE}
        with transaction(self._engine) as connection:
            fault = connection.execute(select(faults).where(_COLUMNS.id == fault_id)).first()
            if fault is None:
                return None
            attempts = connection.execute(_ATTEMPTS, asked).all()
            refusals = connection.execute(_REFUSALS, asked).all()
            questions = connection.execute(_QUESTIONS, asked).all()
        return FaultStory(
            fault=_line(fault),
            attempts=tuple(_attempt(row) for row in reversed(attempts)),
            refusals=tuple(sorted((refusal_of(row) for row in refusals), key=lambda one: one.first_at)),
            questions=tuple(approval_of(row) for row in reversed(questions)),
        )


def _filtered(statement: Select[Any], only: FaultFilter) -> Select[Any]:
    """With the conditions that matter."""
    if only.state is FaultState.CLOSED:
        statement = statement.where(_COLUMNS.closed_at.is_not(None))
    elif only.state is not None:
        statement = statement.where(_COLUMNS.closed_at.is_(None))
    if only.state is FaultState.NEEDS_PERSON:
        statement = statement.where(_COLUMNS.needs_person.is_not(None))
    if only.component:
        statement = statement.where(_COLUMNS.component == only.component)
    if only.since is not None:
        statement = statement.where(_COLUMNS.detected_at >= only.since)
    if only.until is not None:
        statement = statement.where(_COLUMNS.detected_at < only.until)
    return statement


def _line(row: Row[Any]) -> FaultLine:
    return FaultLine(
        id=row.id,
        component=row.component,
        group=row.estate_group,
        trigger_type=row.trigger_type,
        priority=row.priority,
        detected_at=row.detected_at,
        verified_at=row.verified_at,
        closed_at=row.closed_at,
        resolution=row.resolution,
        attempts=row.attempts,
        needs_person=row.needs_person,
        start_missed_at=row.start_missed_at,
        rests_until=row.rests_until,
    )


def _attempt(row: Row[Any]) -> AttemptStory:
    """A whole row of `healing_actions`."""
    plan = None if row.plan is None else plan_of(row.plan)
    return AttemptStory(
        line=line_of(row),
        seen=row.pre_observation or {},
        steps=() if plan is None else plan.steps,
        parameters={} if plan is None else plan.parameters,
        rollback=None if plan is None else plan.rollback,
        evidence={} if plan is None else plan.evidence,
    )
