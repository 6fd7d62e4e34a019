"""Starts of workflows in Postgres: the intent and the place are one transaction, and every step after it has its row.

Whoever claims takes the admission lock, so that the count is exact, and a pause that has been written is obeyed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, case, func, insert, or_, select, text, update
from sqlalchemy.engine import Connection

from selfheal.model.breaker import Permit
from selfheal.model.ending import Ending
from selfheal.model.pipeline import Stage
from selfheal.model.request import RequestStatus
from selfheal.model.start import Held, Hold, Places, Start, StartState
from selfheal.model.workflow import Workflow, WorkflowStatus
from selfheal.policy.catalogue import ALLOWED_AS
from selfheal.policy.starting import STARTABLE, URGENT, no_place
from selfheal.store.admission_values import NO_ADMISSION_NOW
from selfheal.store.engine import transaction
from selfheal.store.tables import alert_outbox, workflow_starts, workflow_state
from selfheal.store.text import shorten
from selfheal.store.workflow_rows import workflow_of
from selfheal.store.workflows import say_who

WHO = "workflow-admission"
_TELL_AT = 5
"""A person is told when a start could not be finished so often: it is tried every minute."""
_STATE, _STARTS = workflow_state.c, workflow_starts.c
_RUNNING = WorkflowStatus.RUNNING.value
_HOLDS = text(
    """SELECT 'PAUSED' AS hold, reason FROM pause_in_force()
       UNION ALL SELECT 'MAINTENANCE', reason FROM maintenance_in_force(:name, :group) LIMIT 1"""
)
_GOING_ON = text(
    """SELECT w.* FROM workflow_state w
       JOIN LATERAL (SELECT s.stage, s.ended_at, s.ending FROM workflow_starts s WHERE s.req_number = w.req_number
                     ORDER BY s.claimed_at DESC LIMIT 1) s
            ON s.ended_at IS NOT NULL AND (s.stage < w.current_stage OR s.ending = 'PUBLISH_FAILED')
       WHERE w.status = 'running' AND (w.held_until IS NULL OR w.held_until <= now())"""
)
_PLACES = select(func.count().label("running"), func.count().filter(_STATE.priority == URGENT).label("urgent")).where(
    _STATE.status == _RUNNING
)


class WorkflowStarts:
    """The store of starts; fulfils `ports.WorkflowStarts`.

    Args:
        engine: the database, as healing_user.
        at_once: so many run at once, one of them a P0.
    """

    def __init__(self, engine: Engine, *, at_once: int) -> None:
        self._engine = engine
        self._at_once = at_once

    def waiting(self) -> Sequence[Workflow]:
        """See `ports.WorkflowStarts.waiting`."""
        statement = select(workflow_state).where(
            _STATE.status == WorkflowStatus.PENDING.value,
            _STATE.file_status.in_([one.value for one in STARTABLE]),
            or_(_STATE.held_until.is_(None), _STATE.held_until <= func.now()),
        )
        with transaction(self._engine) as connection:
            return [workflow_of(row) for row in connection.execute(statement)]

    def going_on(self) -> Sequence[Workflow]:
        """See `ports.WorkflowStarts.going_on`."""
        with transaction(self._engine) as connection:
            return [workflow_of(row) for row in connection.execute(_GOING_ON)]

    def places(self) -> Places:
        """See `ports.WorkflowStarts.places`."""
        with transaction(self._engine) as connection:
            return _places(connection)

    def claim(self, workflow: Workflow, stage: Stage, *, breaker: str, permit: Permit) -> Start | Held:
        """See `ports.WorkflowStarts.claim`."""
        with transaction(self._engine) as connection:
            connection.execute(NO_ADMISSION_NOW)
            held = _held(connection, workflow) or self._no_place(connection, workflow)
            if held is not None:
                return held
            if not _take(connection, workflow, stage):
                return Held(hold=Hold.MOVED, reason="it was changed just now; it is looked at again")
            values = {
                "id": permit.id,
                "req_number": workflow.req_number,
                "stage": stage.index,
                "agent": stage.agent,
                "breaker": breaker,
                "generation": permit.generation,
                "file_before": workflow.file_status,
            }
            return _start(connection.execute(insert(workflow_starts).values(values).returning(*_STARTS)).one())

    def open(self) -> Sequence[Start]:
        """See `ports.WorkflowStarts.open`."""
        statement = select(workflow_starts).where(_STARTS.ended_at.is_(None)).order_by(_STARTS.claimed_at, _STARTS.id)
        with transaction(self._engine) as connection:
            return [_start(row) for row in connection.execute(statement)]

    def published(self, start: Start) -> None:
        """See `ports.WorkflowStarts.published`."""
        with transaction(self._engine) as connection:
            self._move(connection, start, StartState.PUBLISHED, published_at=func.now())

    def recorded(self, start: Start, *, file_status: str) -> None:
        """See `ports.WorkflowStarts.recorded`."""
        mine = (_STATE.req_number == start.req_number, _STATE.status == _RUNNING, _STATE.file_status != file_status)
        with transaction(self._engine) as connection:
            self._move(connection, start, StartState.RECORDED, recorded_at=func.now())
            say_who(
                connection, WHO, f"the request file says {file_status}: stage {start.stage} ({start.agent}) is started"
            )
            connection.execute(update(workflow_state).where(*mine).values(file_status=file_status))

    def failed(self, start: Start, why: str) -> None:
        """See `ports.WorkflowStarts.failed`."""
        values = {"tries": _STARTS.tries + 1, "error": shorten(why, 500)}
        statement = update(workflow_starts).where(_STARTS.id == start.id, _STARTS.ended_at.is_(None)).values(values)
        with transaction(self._engine) as connection:
            if connection.scalar(statement.returning(_STARTS.tries)) == _TELL_AT:
                _tell(
                    connection, start, f"the start of {start.req_number} is not finished after {_TELL_AT} tries: {why}"
                )

    def undo(self, start: Start, why: str, *, until: datetime) -> None:
        """See `ports.WorkflowStarts.undo`. One that was going on stays running: others have worked on it."""
        why = shorten(why, 500)
        with transaction(self._engine) as connection:
            if not _ended(connection, start, Ending.PUBLISH_FAILED, why):
                return
            say_who(connection, WHO, f"its start is undone: {why}")
            back = case((_STATE.file_status == RequestStatus.IN_PROGRESS.value, _STATE.status), else_="pending")
            values = {"status": back, "held_why": why, "held_until": until}
            mine = (_STATE.req_number == start.req_number, _STATE.status == _RUNNING)
            told = connection.scalar(select(_STATE.held_why).where(_STATE.req_number == start.req_number))
            connection.execute(update(workflow_state).where(*mine).values(values))
            if told != why:
                _tell(connection, start, f"{start.req_number} could not be started: {why}")

    def end(self, start: Start, ending: Ending, why: str) -> bool:
        """See `ports.WorkflowStarts.end`."""
        with transaction(self._engine) as connection:
            return _ended(connection, start, ending, why)

    def untold(self) -> Sequence[Start]:
        """See `ports.WorkflowStarts.untold`."""
        statement = select(workflow_starts).where(_STARTS.ended_at.is_not(None), _STARTS.told_at.is_(None))
        with transaction(self._engine) as connection:
            return [_start(row) for row in connection.execute(statement.order_by(_STARTS.claimed_at))]

    def told(self, start: Start) -> None:
        """See `ports.WorkflowStarts.told`."""
        statement = update(workflow_starts).where(_STARTS.id == start.id, _STARTS.ended_at.is_not(None))
        with transaction(self._engine) as connection:
            connection.execute(statement.values(told_at=func.now()))

    def _no_place(self, connection: Connection, workflow: Workflow) -> Held | None:
        """The count, under the lock; one that runs has its place."""
        if workflow.status is WorkflowStatus.RUNNING:
            return None
        why = no_place(workflow.priority, _places(connection), self._at_once)
        return Held(hold=Hold.FULL, reason=why) if why else None

    @staticmethod
    def _move(connection: Connection, start: Start, to: StartState, **at: Any) -> None:
        """One step on; whoever comes second changes nothing."""
        before = {StartState.PUBLISHED: StartState.CLAIMED, StartState.RECORDED: StartState.PUBLISHED}[to]
        mine = (_STARTS.id == start.id, _STARTS.state == before.value)
        connection.execute(update(workflow_starts).where(*mine).values(state=to.value, error=None, tries=0, **at))


def _held(connection: Connection, workflow: Workflow) -> Held | None:
    """The pause or the maintenance in force."""
    row = connection.execute(_HOLDS, {"name": workflow.req_number, "group": ALLOWED_AS}).first()
    return None if row is None else Held(hold=Hold(row.hold), reason=row.reason)


def _places(connection: Connection) -> Places:
    row = connection.execute(_PLACES).one()
    return Places(running=row.running, urgent=row.urgent)


def _take(connection: Connection, workflow: Workflow, stage: Stage) -> bool:
    """Make it running at this stage; False: it is not as it was looked at, or has a start that is not over."""
    name = workflow.req_number
    busy = select(_STARTS.id).where(_STARTS.req_number == name, _STARTS.ended_at.is_(None))
    if connection.execute(busy).first() is not None:
        return False
    untouched = (_STATE.started_at.is_(None)) & (_STATE.file_status == RequestStatus.NEW.value)
    goes_on = workflow.status is WorkflowStatus.RUNNING
    values = {
        "status": _RUNNING,
        "current_stage": stage.index,
        "assigned_to": stage.agent,
        "started_at": _STATE.started_at if goes_on else func.now(),
        "under_way_since": case((untouched, func.now()), else_=_STATE.under_way_since),
        "held_why": None,
        "held_until": None,
        "updated_at": func.clock_timestamp(),
    }
    say_who(connection, WHO, f"it is its turn: stage {stage.index} ({stage.agent}) is started")
    mine = (_STATE.req_number == name, _STATE.version == workflow.version, _STATE.status == workflow.status.value)
    return connection.execute(update(workflow_state).where(*mine).values(values)).rowcount == 1


def _ended(connection: Connection, start: Start, ending: Ending, why: str) -> bool:
    values = {"ended_at": func.now(), "ending": ending.value, "reason": shorten(why, 500)}
    mine = (_STARTS.id == start.id, _STARTS.ended_at.is_(None))
    return connection.execute(update(workflow_starts).where(*mine).values(values)).rowcount == 1


def _tell(connection: Connection, start: Start, message: str) -> None:
    values = {
        "severity": "WARNING",
        "dedup_key": f"workflow/{start.req_number}"[:200],
        "message": shorten(message, 500),
    }
    details = {"workflow": start.req_number, "stage": start.stage, "agent": start.agent, "start": str(start.id)}
    connection.execute(insert(alert_outbox).values(**values, details=details))


def _start(row: Row[Any]) -> Start:
    return Start(
        id=row.id,
        req_number=row.req_number,
        stage=row.stage,
        agent=row.agent,
        breaker=row.breaker,
        generation=row.generation,
        file_before=row.file_before,
        state=StartState(row.state),
        claimed_at=row.claimed_at,
        tries=row.tries,
        ending=None if row.ending is None else Ending(row.ending),
        reason=row.reason or "",
    )
