"""What a resolver is given: who asks, and a way to read for them; nested lists are read in batches."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

import anyio.to_thread
import strawberry
from strawberry.dataloader import DataLoader

from console.graphql.limits import DEFAULT_LENGTH, LONGEST_LIST
from console.web.desk import Desk
from console.web.given import WrongInput
from console.web.services import Services
from console.web.visit import Visit
from selfheal.model.errors import Permanent
from selfheal.model.identity import Door, Identity
from selfheal.model.page import Cursor, Slice
from selfheal.model.report import FaultLine, HistoryLine
from selfheal.store.engine import seen_by

T = TypeVar("T")
R = TypeVar("R")


class Context:
    """Of one request.

    Args:
        services: in force.
        visit: of the request.
        identity: who asks.
    """

    def __init__(self, services: Services, visit: Visit, identity: Identity) -> None:
        self.services = services
        self.identity = identity
        self.desk = Desk(services=services, identity=identity, door=Door.API, request_id=visit.request_id)
        self.faults: DataLoader[UUID, FaultLine | None] = DataLoader(self._faults)
        self.attempts: DataLoader[UUID, Sequence[HistoryLine]] = DataLoader(self._attempts)

    async def read(self, call: Callable[[], T]) -> T:
        """Call it in a thread, as the person who asks sees the database. Who waits no longer does not wait for it."""
        return await anyio.to_thread.run_sync(self._seen, call, abandon_on_cancel=True)

    async def do(self, call: Callable[[], T]) -> T:
        """Call what changes something, in a thread; it is waited for, however long it takes."""
        return await anyio.to_thread.run_sync(call)

    def _seen(self, call: Callable[[], T]) -> T:
        with seen_by(self.services.engine, self.identity):
            return call()

    async def _faults(self, ids: list[UUID]) -> list[FaultLine | None]:
        found: Mapping[UUID, FaultLine] = await self.read(lambda: self.services.faults.by_ids(ids))
        return [found.get(one) for one in ids]

    async def _attempts(self, ids: list[UUID]) -> list[Sequence[HistoryLine]]:
        found = await self.read(lambda: self.services.attempts.of_faults(ids))
        return [found[one] for one in ids]


Info = strawberry.Info[Context, None]


def made_of(found: Awaitable[T], make: Callable[[T], R]) -> R | Awaitable[R]:
    """What a field makes of what a loader gives: at once where that has been read, else when it will have been.

    A field that waits costs a task of its own; there are hundreds of them in an answer.
    """
    if isinstance(found, asyncio.Future) and found.done():
        return make(found.result())
    return _made_later(found, make)


async def _made_later(found: Awaitable[T], make: Callable[[T], R]) -> R:
    return make(await found)


def row_id(text: str) -> UUID:
    """An id as it is given.

    Raises:
        WrongInput: it is none.
    """
    try:
        return UUID(text)
    except ValueError:
        raise WrongInput(f"{text[:60]!r} is no id") from None


def length(given: int | None) -> int:
    """A length of a list as it is given; nothing is the default.

    Raises:
        WrongInput: nothing, or too much.
    """
    wanted = DEFAULT_LENGTH if given is None else given
    if not 1 <= wanted <= LONGEST_LIST:
        raise WrongInput(f"a list has 1 to {LONGEST_LIST} rows, not {wanted}")
    return wanted


def part(first: int | None, after: str | None) -> Slice:
    """Which part of a list is wanted; raises what `length` raises, and where `after` is no cursor of ours."""
    try:
        return Slice(limit=length(first), older_than=None if after is None else Cursor.of(after))
    except WrongInput:
        raise
    except Permanent as error:
        raise WrongInput(error.message, hint=error.hint) from error
