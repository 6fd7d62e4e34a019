"""`pruned_deliverables`: copies of what was to be deleted from streams. The action prune-deliverables writes them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Interval, Row, bindparam, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from selfheal.model.stream import Orphan, StoredMessage
from selfheal.store.engine import transaction
from selfheal.store.tables import pruned_deliverables
from selfheal.store.text import identifier

_LONGEST_SUBJECT = 300
_MOST = 10_000
_AT_ONCE = 100
_FORGET = text("SELECT forget_pruned(:older)").bindparams(bindparam("older", type_=Interval))
_columns = pruned_deliverables.c
_place = tuple_(_columns.stream, _columns.stream_created, _columns.sequence)
_PLACES = (_columns.stream, _columns.stream_created, _columns.sequence, _columns.subject, _columns.published_at)


class PrunedDeliverables:
    """Fulfils `ports.PrunedCopies`.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, orphans: Sequence[Orphan]) -> None:
        """Keep copies, in one transaction; those that are there already stay as they are."""
        with transaction(self._engine) as connection:
            for begin in range(0, len(orphans), _AT_ONCE):
                some = [_values(one) for one in orphans[begin : begin + _AT_ONCE]]
                connection.execute(insert(pruned_deliverables).values(some).on_conflict_do_nothing())

    def open(self) -> Sequence[Orphan]:
        """Those that were not seen to be gone yet, without their payloads."""
        statement = select(*_PLACES).where(_columns.gone_at.is_(None)).order_by(_columns.kept_at).limit(_MOST)
        with transaction(self._engine) as connection:
            return [_orphan(row, b"") for row in connection.execute(statement)]

    def gone(self, orphans: Sequence[Orphan]) -> None:
        """They were seen to be gone."""
        self._mark(orphans, gone_at=func.now())

    def restored(self, orphans: Sequence[Orphan]) -> None:
        """They were published again."""
        self._mark(orphans, restored_at=func.now())

    def of(self, req_number: str, *, limit: int) -> Sequence[Orphan]:
        """The copies of one request that are gone and were not published again, with their payloads, in order."""
        theirs = _columns.subject.endswith(f".{req_number}", autoescape=True)
        kept = (_columns.gone_at.is_not(None), _columns.restored_at.is_(None), func.length(_columns.data) > 0)
        statement = select(*_PLACES, _columns.data).where(theirs, *kept).order_by(_columns.published_at).limit(limit)
        with transaction(self._engine) as connection:
            return [_orphan(row, row.data) for row in connection.execute(statement)]

    def subjects(self, stream: str, created: datetime) -> Mapping[int, str]:
        """The subjects of what was deleted from this life of a stream and not published again, by sequence."""
        statement = select(_columns.sequence, _columns.subject).where(
            _columns.stream == stream, _columns.stream_created == created, _columns.restored_at.is_(None)
        )
        with transaction(self._engine) as connection:
            return {row.sequence: row.subject for row in connection.execute(statement)}

    def forget(self, older: timedelta) -> int:
        """Empty the copies that were kept longer ago; how many those were."""
        with transaction(self._engine) as connection:
            return int(connection.scalar(_FORGET, {"older": older}) or 0)

    def _mark(self, orphans: Sequence[Orphan], **values: Any) -> None:
        with transaction(self._engine) as connection:
            for begin in range(0, len(orphans), _AT_ONCE):
                places = [_key(one) for one in orphans[begin : begin + _AT_ONCE]]
                connection.execute(update(pruned_deliverables).where(_place.in_(places)).values(**values))


def _key(one: Orphan) -> tuple[str, datetime, int]:
    return one.message.stream, one.stream_created, one.message.sequence


def _values(one: Orphan) -> dict[str, Any]:
    stream, created, sequence = _key(one)
    return {
        "stream": stream,
        "stream_created": created,
        "sequence": sequence,
        "subject": identifier(one.message.subject, _LONGEST_SUBJECT),
        "published_at": one.message.stored_at,
        "data": one.message.data,
    }


def _orphan(row: Row[Any], data: bytes) -> Orphan:
    message = StoredMessage(
        stream=row.stream, subject=row.subject, sequence=row.sequence, stored_at=row.published_at, data=data
    )
    return Orphan(req_number=row.subject.rpartition(".")[2], stream_created=row.stream_created, message=message)
