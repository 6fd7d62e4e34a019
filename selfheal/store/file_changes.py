"""`file_changes` in Postgres: each change of a file of the estate, announced before it and settled after it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, func, insert, select, update

from selfheal.model.file_change import ChangeKind, ChangeState, FileChange
from selfheal.model.request import StatusChange
from selfheal.store.engine import transaction
from selfheal.store.tables import file_changes
from selfheal.store.text import identifier, shorten

_LONGEST, _LONGEST_PATH = 500, 4096


class FileChangeRows:
    """Fulfils `ports.FileChanges`.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, change: FileChange) -> None:
        """Announce it."""
        values = {
            "id": change.id,
            "path": identifier(change.path, _LONGEST_PATH),
            "kind": change.kind.value,
            "req_number": identifier(change.req_number, 100),
            "line": change.line,
            "before": shorten(change.before, _LONGEST),
            "after": shorten(change.after, _LONGEST),
            "sha256_before": change.sha256_before,
            "sha256_after": change.sha256_after,
            "size_before": change.size_before,
            "size_after": change.size_after,
            "backup": identifier(change.backup, _LONGEST_PATH),
            "who": identifier(change.who, 100),
            "why": shorten(change.why, _LONGEST),
        }
        with transaction(self._engine) as connection:
            connection.execute(insert(file_changes).values(values))

    def settle(self, change_id: UUID, state: ChangeState, *, note: str = "") -> None:
        """Say what became of it, once."""
        columns = file_changes.c
        values = {"state": state.value, "note": shorten(note, _LONGEST), "settled_at": func.clock_timestamp()}
        unsettled = (columns.id == change_id, columns.state == ChangeState.INTENDED.value)
        with transaction(self._engine) as connection:
            connection.execute(update(file_changes).where(*unsettled).values(values))

    def unsettled(self, path: str) -> Sequence[FileChange]:
        """Those of this file, the oldest first."""
        columns = file_changes.c
        wanted = (columns.path == identifier(path, _LONGEST_PATH), columns.state == ChangeState.INTENDED.value)
        with transaction(self._engine) as connection:
            rows = connection.execute(select(file_changes).where(*wanted).order_by(columns.at, columns.id))
            return [_change(row) for row in rows]

    def newest(self, *, limit: int) -> Sequence[FileChange]:
        """The newest first."""
        columns = file_changes.c
        statement = select(file_changes).order_by(columns.at.desc(), columns.id.desc()).limit(limit)
        with transaction(self._engine) as connection:
            return [_change(row) for row in connection.execute(statement)]

    def of_request(self, req_number: str, *, limit: int) -> Sequence[FileChange]:
        """Those of one request's status that were done, the newest first."""
        columns = file_changes.c
        done = (columns.kind == ChangeKind.STATUS.value, columns.state == ChangeState.DONE.value)
        statement = select(file_changes).where(*done, columns.req_number == req_number)
        with transaction(self._engine) as connection:
            rows = connection.execute(statement.order_by(columns.at.desc(), columns.id.desc()).limit(limit))
            return [_change(row) for row in rows]

    def written(self) -> Mapping[str, StatusChange]:
        """The newest of each request that was done."""
        columns = file_changes.c
        done = (columns.kind == ChangeKind.STATUS.value, columns.state == ChangeState.DONE.value)
        statement = (
            select(file_changes)
            .distinct(columns.req_number)
            .where(*done)
            .order_by(columns.req_number, columns.at.desc())
        )
        with transaction(self._engine) as connection:
            return {row.req_number: _status(row) for row in connection.execute(statement)}


def _change(row: Row[Any]) -> FileChange:
    values = dict(row._mapping)  # noqa: SLF001 - its public name for exactly this
    return FileChange(kind=ChangeKind(values.pop("kind")), state=ChangeState(values.pop("state")), **values)


def _status(row: Row[Any]) -> StatusChange:
    return StatusChange(
        req_number=row.req_number,
        line=row.line,
        before=row.before,
        after=row.after,
        sha256_before=row.sha256_before,
        sha256_after=row.sha256_after,
        backup=row.backup,
    )
