"""`deliverables`: the history of what agents have delivered. The projection writes it, pages read it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Interval, Row, bindparam, exists, select, text
from sqlalchemy.dialects.postgresql import insert

from selfheal.model.deliverable import Deliverable, Delivered, Result
from selfheal.store.engine import transaction
from selfheal.store.forgetting import in_batches
from selfheal.store.tables import deliverables
from selfheal.store.text import clean, identifier, shorten

_LONGEST_SUBJECT, _LONGEST_SUMMARY, _LONGEST_STATUS, _LONGEST_ODDITY = 300, 500, 60, 300
_FORGET = text("SELECT forget_deliverables(:older)").bindparams(bindparam("older", type_=Interval))


class DeliveredHistory:
    """The store of the history.

    Args:
        engine: the database, as healing_user or, to read, as the web server.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, delivered: Sequence[Delivered]) -> None:
        """Keep them, in one transaction; those that are there already stay as they are."""
        if not delivered:
            return
        statement = insert(deliverables).on_conflict_do_nothing()
        with transaction(self._engine) as connection:
            connection.execute(statement, [_values(one) for one in delivered])

    def holds(self, stream: str, created: datetime) -> bool:
        """Whether it holds anything of this life of the stream."""
        columns = deliverables.c
        found = exists().where(columns.stream == stream, columns.stream_created == created)
        with transaction(self._engine) as connection:
            return bool(connection.scalar(select(found)))

    def of(self, req_number: str, *, limit: int) -> Sequence[Delivered]:
        """Those of one request, the newest first."""
        columns = deliverables.c
        order = (columns.published_at.desc(), columns.sequence.desc())
        statement = select(deliverables).where(columns.req_number == req_number).order_by(*order).limit(limit)
        with transaction(self._engine) as connection:
            return [_delivered(row) for row in connection.execute(statement)]

    def forget(self, older: timedelta) -> int:
        """Drop what was published longer ago; how many those were."""
        return in_batches(self._engine, _FORGET, older)


def _values(one: Delivered) -> Mapping[str, Any]:
    found = one.deliverable
    return {
        "stream": one.stream,
        "stream_created": one.stream_created,
        "sequence": found.sequence,
        "req_number": found.req_number,
        "stage": found.stage,
        "subject": identifier(found.subject, _LONGEST_SUBJECT),
        "published_at": found.published_at,
        "result": found.result.value,
        "status": shorten(found.status, _LONGEST_STATUS),
        "summary": shorten(found.summary, _LONGEST_SUMMARY),
        "oddities": [shorten(odd, _LONGEST_ODDITY) for odd in clean(list(found.oddities))],
        "size": one.size,
    }


def _delivered(row: Row[Any]) -> Delivered:
    return Delivered(
        deliverable=Deliverable(
            req_number=row.req_number,
            stage=row.stage,
            subject=row.subject,
            sequence=row.sequence,
            published_at=row.published_at,
            result=Result(row.result),
            status=row.status,
            summary=row.summary,
            oddities=tuple(row.oddities),
        ),
        stream=row.stream,
        stream_created=row.stream_created,
        size=row.size,
    )
