"""What people did, in Postgres: every change, and everything that was refused. Written once, never updated."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, insert, select, tuple_

from selfheal.model.errors import NotAllowed, SelfhealError
from selfheal.model.identity import DeedLine, Door, Identity, Outcome, Role
from selfheal.policy.identity import Deed, check
from selfheal.store.engine import as_one, transaction
from selfheal.store.tables import person_deeds
from selfheal.store.text import clean, identifier, shorten

_log = logging.getLogger(__name__)


class Deeds:
    """The store of deeds.

    Args:
        engine: the database: of the dispatcher at the doors cli and prefect, of the web server at the others.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(  # noqa: PLR0913 - each is a column
        self,
        identity: Identity,
        door: Door,
        deed: Deed,
        *,
        outcome: Outcome,
        subject: str = "",
        details: Mapping[str, Any] | None = None,
        request_id: str = "",
    ) -> None:
        """Write one down, without what is secret in it."""
        values = {
            "name": identifier(identity.name, 100),
            "role": identity.role.value,
            "tenant_id": identity.tenant,
            "token_id": identity.token,
            "door": door.value,
            "deed": deed.value,
            "subject": shorten(subject, 300),
            "details": clean(dict(details or {})),
            "outcome": outcome.value,
            "request_id": identifier(request_id, 100),
        }
        with transaction(self._engine) as connection:
            connection.execute(insert(person_deeds).values(values))

    @contextmanager
    def recorded(  # noqa: PLR0913 - each is a column
        self,
        identity: Identity,
        door: Door,
        deed: Deed,
        *,
        subject: str = "",
        details: Mapping[str, Any] | None = None,
        request_id: str = "",
    ) -> Iterator[dict[str, Any]]:
        """Around a deed: lets in who may do it, and writes down how it ended.

        What is done inside on this engine is one transaction with the record of it: neither is there without the other.
        So nothing that takes long may be done inside. What ends with an error is undone, and recorded as refused
        (`NotAllowed`) or failed.

        Args:
            identity: who.
            door: where it came in.
            deed: what.
            subject: a component, a breaker, the id of an approval, ...
            details: what else was given; the dict that is given inside takes what comes of it.
            request_id: of the API or the dashboard.

        Raises:
            NotAllowed: they must not.
        """
        told = dict(details or {})
        try:
            check(identity, deed)
            with as_one(self._engine):
                yield told
                self.record(
                    identity, door, deed, outcome=Outcome.DONE, subject=subject, details=told, request_id=request_id
                )
        except Exception as error:
            outcome = Outcome.REFUSED if isinstance(error, NotAllowed) else Outcome.FAILED
            told["message"] = error.message if isinstance(error, SelfhealError) else type(error).__name__
            try:
                self.record(identity, door, deed, outcome=outcome, subject=subject, details=told, request_id=request_id)
            except SelfhealError as silence:  # the deed's own error is what they must hear of
                _log.warning("%s by %s (%s) is not recorded: %s", deed, identity.name, outcome, silence)
            raise

    def newest(self, *, limit: int, before: DeedLine | None = None, name: str = "") -> Sequence[DeedLine]:
        """The newest first; those of one person, and those older than `before`, where that is asked for."""
        columns = person_deeds.c
        statement = select(person_deeds).order_by(columns.at.desc(), columns.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(tuple_(columns.at, columns.id) < (before.at, before.id))
        if name:
            statement = statement.where(columns.name == name)
        with transaction(self._engine) as connection:
            return [_line(row) for row in connection.execute(statement)]


def _line(row: Row[Any]) -> DeedLine:
    values = dict(row._mapping)  # noqa: SLF001 - its public name for exactly this
    tenant: UUID | None = values.pop("tenant_id")
    token: UUID | None = values.pop("token_id")
    return DeedLine(
        tenant=tenant,
        token=token,
        role=Role(values.pop("role")),
        door=Door(values.pop("door")),
        outcome=Outcome(values.pop("outcome")),
        **values,
    )
