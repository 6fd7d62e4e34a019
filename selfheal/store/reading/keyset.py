"""Pages by keyset: rows sorted by a time and their id, the newest first."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Engine, Row, Select, Uuid, literal, tuple_

from selfheal.model.page import Cursor, Page, Slice
from selfheal.store.engine import transaction

T = TypeVar("T")


def page_of(
    engine: Engine,
    statement: Select[Any],
    key: tuple[ColumnElement[datetime], ColumnElement[UUID]],
    wanted: Slice,
    make: Callable[[Row[Any]], T],
) -> Page[T]:
    """One page of a statement.

    Args:
        engine: the database.
        statement: without an order; its rows have the columns of `key` under those names.
        key: the time and the id by which the list is sorted.
        wanted: which part.
        make: a row's value.
    """
    rows, more = _rows(engine, statement, key, wanted)
    backwards = wanted.newer_than is not None
    if backwards and not rows:
        return page_of(engine, statement, key, Slice(limit=wanted.limit), make)
    older = backwards or more
    newer = more if backwards else wanted.older_than is not None
    return Page(
        items=[make(row) for row in rows],
        older=_cursor(rows[-1], key) if rows and older else None,
        newer=_cursor(rows[0], key) if rows and newer else None,
    )


def _rows(
    engine: Engine,
    statement: Select[Any],
    key: tuple[ColumnElement[datetime], ColumnElement[UUID]],
    wanted: Slice,
) -> tuple[Sequence[Row[Any]], bool]:
    """The rows, the newest first, and whether more follow in the direction that was asked for."""
    at, row_id = key
    if wanted.newer_than is not None:
        statement = statement.where(tuple_(at, row_id) > _place(wanted.newer_than)).order_by(at, row_id)
    else:
        if wanted.older_than is not None:
            statement = statement.where(tuple_(at, row_id) < _place(wanted.older_than))
        statement = statement.order_by(at.desc(), row_id.desc())
    with transaction(engine) as connection:
        found = connection.execute(statement.limit(wanted.limit + 1)).all()
    rows = found[: wanted.limit]
    return (rows[::-1] if wanted.newer_than is not None else rows), len(found) > wanted.limit


def _place(cursor: Cursor) -> ColumnElement[Any]:
    return tuple_(literal(cursor.at, DateTime(timezone=True)), literal(cursor.id, Uuid))


def _cursor(row: Row[Any], key: tuple[ColumnElement[datetime], ColumnElement[UUID]]) -> Cursor:
    at, row_id = (str(getattr(one, "key", "")) for one in key)
    return Cursor(at=getattr(row, at), id=getattr(row, row_id))
