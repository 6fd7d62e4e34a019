"""How long stages of workflows usually take, by the starts that we have made; `protocol.workflow_looks` asks."""

from sqlalchemy import Engine, text

from selfheal.model.recovery import Pace
from selfheal.store.engine import transaction

_LATEST = 100
_OF = text(
    """SELECT s.published_at, h.known, h.slowest FROM workflow_starts s
       CROSS JOIN LATERAL (
           SELECT count(*) AS known, coalesce(max(took), interval '0') AS slowest FROM (
               SELECT p.ended_at - p.published_at AS took FROM workflow_starts p
               WHERE p.stage = s.stage AND p.agent = s.agent AND p.ending = 'COMPLETED' AND p.published_at IS NOT NULL
               ORDER BY p.ended_at DESC LIMIT :latest) AS latest) h
       WHERE s.req_number = :name AND s.stage = :stage AND s.ended_at IS NULL AND s.published_at IS NOT NULL"""
)


class StagePaces:
    """Fulfils `protocol.workflow_looks.Paces`.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, req_number: str, stage: int) -> Pace | None:
        """By the latest 100 deliveries of the same stage and agent; None: no start of ours is under way there.

        Raises:
            Transient: the database does not answer.
        """
        with transaction(self._engine) as connection:
            row = connection.execute(_OF, {"name": req_number, "stage": stage, "latest": _LATEST}).first()
        return None if row is None else Pace(since=row.published_at, known=row.known, slowest=row.slowest)
