"""What a person changes on the command line is recorded here, for every command: who, what, why, and how it ended."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from console.pause import operator
from console.place import Place
from selfheal.model.errors import NotAllowed, SelfhealError
from selfheal.model.identity import Door, Identity, Outcome, Role
from selfheal.policy.identity import Deed
from selfheal.store.deeds import Deeds
from selfheal.store.engine import open_engine

if TYPE_CHECKING:
    from sqlalchemy import Engine


def person() -> Identity:
    """Whoever runs the command: they hold the data folder with all its passwords, so nothing is refused to them."""
    return Identity(name=operator(), role=Role.ADMIN)


def deed(
    engine: "Engine", what: Deed, *, subject: str = "", **details: object
) -> AbstractContextManager[dict[str, Any]]:
    """Around a change in the database: one transaction with its record; in a dry run nothing of both is kept."""
    return Deeds(engine).recorded(person(), Door.CLI, what, subject=subject, details=_given(details))


@contextmanager
def noted(place: Place, what: Deed, *, subject: str = "", **details: object) -> Iterator[dict[str, Any]]:
    """Around what takes long, or is no business of the database: its record is written when it is over.

    It is done all the same where that cannot be written, which is then said.
    """
    told = _given(details)
    outcome = Outcome.FAILED
    try:
        yield told
        outcome = Outcome.DONE
    except NotAllowed as refused:
        outcome, told["message"] = Outcome.REFUSED, refused.message
        raise
    except SelfhealError as failed:
        told["message"] = failed.message
        raise
    finally:
        _write(place, what, outcome, subject, told)


def _given(details: dict[str, object]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if value not in {None, ""}}


def _write(place: Place, what: Deed, outcome: Outcome, subject: str, told: dict[str, Any]) -> None:
    try:
        engine = open_engine(place.database_url(), pool_size=1)
        try:
            Deeds(engine).record(person(), Door.CLI, what, outcome=outcome, subject=subject, details=told)
        finally:
            engine.dispose()
    except SelfhealError as error:
        sys.stderr.write(f"this {what} is not in the record of deeds: {error.message}\n")
