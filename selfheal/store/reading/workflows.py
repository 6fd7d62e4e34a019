"""The estate's workflows, and how they were put back on track."""

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import Engine, select

from selfheal.model.workflow import RecoveryLine, WorkflowLine
from selfheal.store.engine import transaction
from selfheal.store.tables import workflow_recovery_history, workflow_state

_RECOVERIES = workflow_recovery_history.c
_STATES = workflow_state.c
_SHOWN = [_STATES[one.name] for one in fields(WorkflowLine)]


class Workflows:
    """Reads workflows.

    Args:
        engine: the database, as any role that may read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def states(self, *, limit: int, status: str = "", req_number: str = "") -> Sequence[WorkflowLine]:
        """Where they stand, those that were started last first; with this status, or this one."""
        statement = select(*_SHOWN).order_by(_STATES.started_at.desc().nulls_last(), _STATES.req_number)
        if status:
            statement = statement.where(_STATES.status == status)
        if req_number:
            statement = statement.where(_STATES.req_number == req_number)
        with transaction(self._engine) as connection:
            return [WorkflowLine(**row._asdict()) for row in connection.execute(statement.limit(limit))]

    def recoveries(self, *, limit: int, req_number: str = "") -> Sequence[RecoveryLine]:
        """The latest first; of one workflow, or of all."""
        shown = [column for column in _RECOVERIES if column.name != "error_message"]
        statement = select(*shown).order_by(_RECOVERIES.recovered_at.desc(), _RECOVERIES.id.desc())
        if req_number:
            statement = statement.where(_RECOVERIES.req_number == req_number)
        with transaction(self._engine) as connection:
            return [RecoveryLine(**row._asdict()) for row in connection.execute(statement.limit(limit))]
