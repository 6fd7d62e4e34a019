"""`mechanism_runs`: which process runs each of our flow runs, so that one whose process is gone can be told."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from selfheal.model.attempt import Holder
from selfheal.store.engine import transaction
from selfheal.store.tables import mechanism_runs


class MechanismRuns:
    """The store of our own runs.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, run_id: UUID, mechanism: str, holder: Holder) -> None:
        """Say that this process carries the run out; a run that is retried belongs to its new process from now on."""
        values = {"mechanism": mechanism, "holder": asdict(holder), "began_at": func.now(), "ended_at": None}
        statement = upsert(mechanism_runs).values(run_id=run_id, **values)
        with transaction(self._engine) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["run_id"], set_=values))

    def end(self, run_id: UUID) -> None:
        """Say that the run came to its end."""
        statement = update(mechanism_runs).where(mechanism_runs.c.run_id == run_id).values(ended_at=func.now())
        with transaction(self._engine) as connection:
            connection.execute(statement)

    def holders(self, run_ids: Collection[UUID]) -> Mapping[UUID, Holder]:
        """The processes of these runs, of those that are known."""
        statement = select(mechanism_runs).where(mechanism_runs.c.run_id.in_(run_ids))
        with transaction(self._engine) as connection:
            return {row.run_id: Holder(**row.holder) for row in connection.execute(statement)}
