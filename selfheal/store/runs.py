"""`mechanism_runs`: which process runs each of our flow runs, so that one whose process is gone can be told."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from selfheal.model.attempt import Holder
from selfheal.model.turn import Turn
from selfheal.store.engine import transaction
from selfheal.store.tables import mechanism_runs
from selfheal.store.text import shorten

_LONGEST_ERROR = 500
# The newest run and the newest that came to its end, of each of these mechanisms, each by one look into the index.
_LATEST = text(
    """SELECT m.name AS mechanism, n.began_at, n.ended_at, e.began_at AS done_began_at, e.ended_at AS done_ended_at,
              e.error, now() AS at
       FROM unnest(CAST(:names AS text[])) m (name)
       LEFT JOIN LATERAL (SELECT r.began_at, r.ended_at FROM mechanism_runs r WHERE r.mechanism = m.name
                          ORDER BY r.began_at DESC LIMIT 1) n ON true
       LEFT JOIN LATERAL (SELECT r.began_at, r.ended_at, r.error FROM mechanism_runs r
                          WHERE r.mechanism = m.name AND r.ended_at IS NOT NULL
                          ORDER BY r.began_at DESC LIMIT 1) e ON true"""
)


class MechanismRuns:
    """The store of our own runs.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, run_id: UUID, mechanism: str, holder: Holder) -> None:
        """Say that this process carries the run out; a run that is retried belongs to its new process from now on."""
        values = {"mechanism": mechanism, "holder": asdict(holder), "began_at": func.now()}
        values |= {"ended_at": None, "error": None}
        statement = upsert(mechanism_runs).values(run_id=run_id, **values)
        with transaction(self._engine) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["run_id"], set_=values))

    def end(self, run_id: UUID, *, error: str = "") -> None:
        """Say that the run came to its end, and why it failed if it did."""
        values = {"ended_at": func.now(), "error": shorten(error, _LONGEST_ERROR) or None}
        with transaction(self._engine) as connection:
            connection.execute(update(mechanism_runs).where(mechanism_runs.c.run_id == run_id).values(values))

    def latest(self, mechanisms: Collection[str]) -> Mapping[str, Turn]:
        """What really ran last of each of these, by name; also of those that never did."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_LATEST, {"names": list(mechanisms)}).all()
        return {row.mechanism: Turn(**{**row._asdict(), "error": row.error or ""}) for row in rows}

    def holders(self, run_ids: Collection[UUID]) -> Mapping[UUID, Holder]:
        """The processes of these runs, of those that are known."""
        statement = select(mechanism_runs).where(mechanism_runs.c.run_id.in_(run_ids))
        with transaction(self._engine) as connection:
            return {row.run_id: Holder(**row.holder) for row in connection.execute(statement)}
