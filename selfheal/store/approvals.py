"""Questions to people, in Postgres: admission asks them, `selfheal approvals` lists them."""

from collections.abc import Sequence

from sqlalchemy import Engine, text

from selfheal.model.approval import Approval
from selfheal.store.engine import transaction

_NEWEST = text(
    """SELECT s.* FROM approval_states s WHERE s.state = 'OPEN' OR :ended
       ORDER BY s.state <> 'OPEN', s.asked_at DESC LIMIT :limit"""
)


class Approvals:
    """Reads the questions.

    Args:
        engine: the database, as any role that may read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, *, limit: int, ended: bool) -> Sequence[Approval]:
        """The open ones first, then those that ended if they are wanted; the newest of each first."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_NEWEST, {"limit": limit, "ended": ended}).all()
        return [Approval(**row._asdict() | {"preview": tuple(row.preview)}) for row in rows]
