"""The estate's workflows in Postgres: `workflow_state`, changed one version after the other.

The database itself keeps two promises, whoever writes: each change has its row of the history (a trigger), and none is
complete without the last stage's evidence (a CHECK). This store adds the client's rules: stages that there are, and
deliverables that are as their schema has them.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Engine, case, cast, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Connection

from selfheal.model.errors import Permanent
from selfheal.model.pipeline import Pipeline
from selfheal.model.request import RequestStatus
from selfheal.model.workflow import Workflow, WorkflowChange, WorkflowStatus
from selfheal.policy.delivered import done
from selfheal.store.engine import transaction
from selfheal.store.forgetting import in_batches
from selfheal.store.stage_deliverables import checked
from selfheal.store.tables import alert_outbox, workflow_state, workflow_state_history
from selfheal.store.text import identifier, shorten
from selfheal.store.workflow_rows import change_of, workflow_of

_STATE, _HISTORY = workflow_state.c, workflow_state_history.c
_WHO = text(
    "SELECT set_config('app.workflow_who', :who, true), set_config('app.workflow_why', :why, true),"
    " set_config('app.workflow_person', :person, true)"
)
_RECOVERIES = text(
    """SELECT r.req_number, count(*) FROM workflow_recovery_history r
       WHERE r.req_number = ANY (:names) AND r.success AND r.recovery_type IN ('AUTO_RESUME', 'MARK_PENDING')
         AND r.recovered_at > coalesce((SELECT max(h.at) FROM workflow_state_history h
                                        WHERE h.req_number = r.req_number AND h.by_person), '-infinity')
       GROUP BY r.req_number"""
)
_FORGET = text("SELECT forget_workflows(:older)")
_NOTHING = cast({}, JSONB)
_PRIORITIES = frozenset({"P0", "P1", "P2", "P3"})


class WorkflowStates:
    """The store of workflows; fulfils `ports.WorkflowStore`.

    Args:
        engine: the database, as healing_user.
        pipeline: that all of them go through.
    """

    def __init__(self, engine: Engine, pipeline: Pipeline) -> None:
        self._engine = engine
        self._pipeline = pipeline
        self._agents = {one.index: one.agent for one in pipeline.stages}

    def create(self, workflow: Workflow, *, who: str, why: str, person: bool = False) -> bool:
        """See `ports.WorkflowStore.create`. Its version, and the times that are the database's, are not taken."""
        stage = self._stage(workflow.current_stage)
        deliverables = checked(workflow.stage_deliverables)
        ended = self._completing(workflow.req_number, workflow.status, deliverables)
        running = workflow.status is WorkflowStatus.RUNNING
        values = {
            "req_number": identifier(workflow.req_number, 100),
            "title": shorten(workflow.title, 500),
            "assigned_to": identifier(workflow.assigned_to or self._agents[stage], 50),
            "priority": _priority(workflow.priority),
            "current_stage": stage,
            "status": workflow.status.value,
            "file_status": identifier(workflow.file_status, 20),
            "started_at": workflow.started_at or (func.now() if running else None),
            "completed_at": workflow.completed_at if ended is None else workflow.completed_at or func.now(),
            "stage_deliverables": dict(deliverables),
            "under_way_since": func.now() if workflow.file_status == RequestStatus.NEW else workflow.under_way_since,
            "last_stage": ended,
        }
        statement = upsert(workflow_state).values(values).on_conflict_do_nothing()
        with transaction(self._engine) as connection:
            say_who(connection, who, why, person=person)
            return connection.execute(statement.returning(_STATE.version)).first() is not None

    def get(self, req_number: str) -> Workflow | None:
        """See `ports.WorkflowStore.get`."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(workflow_state).where(_STATE.req_number == req_number)).first()
        return None if row is None or row.status is None else workflow_of(row)

    def all(self, *, status: WorkflowStatus | None = None) -> Sequence[Workflow]:
        """See `ports.WorkflowStore.all`. A row without a status, which the client's table allows, is none."""
        statement = select(workflow_state).where(_STATE.status.is_not(None)).order_by(_STATE.req_number)
        if status is not None:
            statement = statement.where(_STATE.status == status.value)
        with transaction(self._engine) as connection:
            return [workflow_of(row) for row in connection.execute(statement)]

    def change(  # noqa: PLR0913 - each is a part of the change
        self,
        req_number: str,
        *,
        version: int,
        status: WorkflowStatus,
        stage: int,
        file_status: str,
        who: str,
        why: str,
        deliverables: Mapping[str, Any] | None = None,
        person: bool = False,
    ) -> bool:
        """See `ports.WorkflowStore.change`."""
        added = checked(deliverables or {})
        begins = case((_STATE.status == WorkflowStatus.RUNNING.value, _STATE.started_at), else_=func.now())
        values: dict[str, Any] = {
            "status": status.value,
            "current_stage": self._stage(stage),
            "assigned_to": self._agents[stage],
            "file_status": identifier(file_status, 20),
            "started_at": begins if status is WorkflowStatus.RUNNING else _STATE.started_at,
            "completed_at": func.now() if status is WorkflowStatus.COMPLETE else None,
            "held_why": None,
            "held_until": None,
            "updated_at": func.clock_timestamp(),  # a word that changes nothing is a change, too: one of two wins
        }
        if added:
            values["stage_deliverables"] = func.coalesce(_STATE.stage_deliverables, _NOTHING).concat(cast(added, JSONB))
        with transaction(self._engine) as connection:
            if status is WorkflowStatus.COMPLETE:
                before = connection.scalar(
                    select(_STATE.stage_deliverables).where(_STATE.req_number == req_number, _STATE.version == version)
                )
                values["last_stage"] = self._completing(req_number, status, {**(before or {}), **added})
            say_who(connection, who, why, person=person)
            mine = (_STATE.req_number == req_number, _STATE.version == version)
            return _changed(connection.execute(update(workflow_state).where(*mine).values(values)))

    def describe(self, workflow: Workflow, *, title: str, priority: str, who: str, why: str) -> bool:
        """See `ports.WorkflowStore.describe`."""
        mine = (_STATE.req_number == workflow.req_number, _STATE.version == workflow.version)
        values = {"title": shorten(title, 500), "priority": _priority(priority)}
        with transaction(self._engine) as connection:
            say_who(connection, who, why)
            return _changed(connection.execute(update(workflow_state).where(*mine).values(values)))

    def hold(self, req_number: str, why: str, *, until: datetime | None, tell: bool = True) -> bool:
        """See `ports.WorkflowStore.hold`."""
        why = shorten(why, 500)
        mine = _STATE.req_number == req_number
        with transaction(self._engine) as connection:
            before = connection.execute(select(_STATE.held_why).where(mine).with_for_update()).first()
            if before is None:
                return False
            if before.held_why == why and until is None:
                return False
            connection.execute(update(workflow_state).where(mine).values(held_why=why, held_until=until))
            if before.held_why == why:
                return False
            if tell:
                told = {"severity": "WARNING", "dedup_key": f"workflow/{req_number}"[:200]}
                told["message"] = shorten(f"{req_number} is not started: {why}", 500)
                connection.execute(insert(alert_outbox).values(**told, details={"workflow": req_number}))
            return True

    def history(self, req_number: str, *, limit: int) -> Sequence[WorkflowChange]:
        """See `ports.WorkflowStore.history`."""
        statement = select(workflow_state_history).where(
            _HISTORY.req_number == req_number, _HISTORY.to_status.is_not(None)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(statement.order_by(_HISTORY.version.desc()).limit(limit)).all()
        return [change_of(row) for row in rows]

    def recoveries(self, req_numbers: Collection[str]) -> Mapping[str, int]:
        """See `ports.WorkflowStore.recoveries`."""
        with transaction(self._engine) as connection:
            counted = connection.execute(_RECOVERIES, {"names": list(req_numbers)}).tuples().all()
        return dict.fromkeys(req_numbers, 0) | dict(counted)

    def forget(self, *, older: timedelta) -> int:
        """See `ports.WorkflowStore.forget`."""
        return in_batches(self._engine, _FORGET, older)

    def _stage(self, index: int) -> int:
        """The index, if there is such a stage."""
        if index not in self._agents:
            raise Permanent(f"the pipeline has no stage {index}", hint="see workflows.stages in selfheal.toml")
        return index

    def _completing(self, req_number: str, status: WorkflowStatus, deliverables: Mapping[str, Any]) -> int | None:
        """The last stage's index, for one that is to be complete; None for any other."""
        last = self._pipeline.last.index
        if status is not WorkflowStatus.COMPLETE:
            return None
        if last not in done(deliverables):
            raise Permanent(
                f"{req_number} is not complete: stage {last} ({self._agents[last]}) has no deliverable that says so",
                hint="nothing is complete without the last stage's evidence",
            )
        return last


def say_who(connection: Connection, who: str, why: str, *, person: bool = False) -> None:
    """Who changes workflows in this transaction, and why: the trigger that writes the history reads it."""
    said = {"who": identifier(who, 100), "why": shorten(why, 500), "person": "yes" if person else ""}
    connection.execute(_WHO, said)


def _changed(result: CursorResult[Any]) -> bool:
    return result.rowcount == 1


def _priority(written: str) -> str:
    """P0 to P3; anything else is unknown."""
    return written if written in _PRIORITIES else ""
