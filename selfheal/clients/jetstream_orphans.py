"""Finds, deletes and brings back the messages of requests that nobody knows; the action prune-deliverables calls it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from selfheal.clients.jetstream_api import NO_MESSAGE, STREAM_NOT_FOUND, ApiError, JetStreamApi
from selfheal.clients.jetstream_broker import JetStreamBroker
from selfheal.model.errors import TargetChanged
from selfheal.model.pipeline import Pipeline
from selfheal.model.stream import Orphan
from selfheal.policy.catalogue import is_request

T = TypeVar("T")

MOST_BYTES = 64 * 1024 * 1024
"""Copies of one run take no more than that."""
_NO_SEQUENCE = 10043
_AT_ONCE = 64
_CALLS = 20
"""A run may take so many times what one call may."""


class JetStreamOrphans:
    """Fulfils `ports.OrphanedDeliverables`.

    Args:
        pipeline: the stages, with their streams and subjects.
        known: all requests that anybody knows; raises where that cannot be told.
        rest: a request whose newest deliverable is younger may be about to be written down: it is left alone.
        url: of the broker.
        credentials: user and password, or None.
        timeout: a call to the broker that takes longer has failed.
    """

    def __init__(  # noqa: PLR0913 - where, and what not to touch
        self,
        pipeline: Pipeline,
        known: Callable[[], Collection[str]],
        *,
        rest: timedelta,
        url: str,
        credentials: tuple[str, str] | None,
        timeout: timedelta,
    ) -> None:
        self._subjects = sorted((stage.stream, subject) for stage in pipeline.stages for subject in stage.subjects)
        self._known = known
        self._rest = rest
        self._broker = JetStreamBroker(url, credentials, timeout)

    def find(self, *, limit: int) -> Sequence[Orphan]:
        """First who has delivered, then who is known: whoever is written down in between is known."""
        return self._broker.ask(lambda api: self._find(api, limit), times=_CALLS)

    def delete(self, orphans: Sequence[Orphan]) -> None:
        """One by one, by sequence; what is published meanwhile stays."""
        self._broker.ask(lambda api: _delete(api, orphans), times=_CALLS)

    def there(self, orphans: Sequence[Orphan]) -> Sequence[Orphan]:
        """By looking for each of them; a stream that is gone, or was made anew, has none."""
        return self._broker.ask(lambda api: _there(api, orphans), times=_CALLS)

    def publish(self, orphans: Sequence[Orphan]) -> None:
        """With an id made of the old place, by which the broker refuses a second one within its window."""
        self._broker.ask(lambda api: _publish(api, orphans), times=_CALLS)

    async def _find(self, api: JetStreamApi, limit: int) -> Sequence[Orphan]:
        names = await self._delivered(api)
        known = frozenset(await asyncio.to_thread(self._known))
        young = datetime.now(UTC) - self._rest
        found: list[Orphan] = []
        size = 0
        for name in sorted(names - known):
            messages = [one for stream, subject in self._subjects for one in await _of(api, stream, subject, name)]
            if any(one.message.stored_at > young for one in messages):
                continue
            for one in messages:
                size += len(one.message.data)
                if len(found) == limit or size > MOST_BYTES:
                    return found
                found.append(one)
        return found

    async def _delivered(self, api: JetStreamApi) -> set[str]:
        """All requests that have delivered anything."""
        names: set[str] = set()
        for stream, subject in self._subjects:
            try:
                async for page in api.subjects(stream, f"{subject}.*"):
                    names.update(one[len(subject) + 1 :] for one in page)
            except ApiError as error:
                if error.code != STREAM_NOT_FOUND:
                    raise
        return {name for name in names if is_request(name)}


async def _of(api: JetStreamApi, stream: str, subject: str, req_number: str) -> list[Orphan]:
    """A request's messages of one subject."""
    try:
        state, _ = await api.info(stream)
    except ApiError as error:
        if error.code == STREAM_NOT_FOUND:
            return []
        raise
    return [
        Orphan(req_number=req_number, stream_created=state.created, message=message)
        async for message in api.all_of(state, f"{subject}.{req_number}")
    ]


async def _delete(api: JetStreamApi, orphans: Sequence[Orphan]) -> None:
    for stream, those in _by_stream(orphans).items():
        state, _ = await api.info(stream)
        if any(one.stream_created != state.created for one in those):
            raise TargetChanged(f"stream {stream} was made anew: nothing more is deleted from it")
        await _bounded(those, lambda one: _delete_one(api, one))


async def _delete_one(api: JetStreamApi, orphan: Orphan) -> None:
    place = {"seq": orphan.message.sequence, "no_erase": True}
    try:
        await api.call(f"STREAM.MSG.DELETE.{orphan.message.stream}", place)
    except ApiError as error:
        if error.code not in {NO_MESSAGE, _NO_SEQUENCE}:
            raise


async def _there(api: JetStreamApi, orphans: Sequence[Orphan]) -> Sequence[Orphan]:
    left: list[Orphan] = []
    for stream, those in _by_stream(orphans).items():
        try:
            state, _ = await api.info(stream)
        except ApiError as error:
            if error.code == STREAM_NOT_FOUND:
                continue
            raise
        same = [one for one in those if one.stream_created == state.created]
        found = await _bounded(same, lambda one: api.message(one.message.stream, {"seq": one.message.sequence}))
        left += [one for one, message in zip(same, found, strict=True) if message is not None]
    return left


async def _publish(api: JetStreamApi, orphans: Sequence[Orphan]) -> None:
    for one in orphans:
        message = one.message
        id_ = f"restored-{message.stream}-{one.stream_created.timestamp():.6f}-{message.sequence}"
        await api.store(message.stream, message.subject, message.data, message_id=id_)


async def _bounded(orphans: Sequence[Orphan], work: Callable[[Orphan], Awaitable[T]]) -> list[T]:
    """The work on all of them, some at the same time."""
    done: list[T] = []
    for begin in range(0, len(orphans), _AT_ONCE):
        done += await asyncio.gather(*(work(one) for one in orphans[begin : begin + _AT_ONCE]))
    return done


def _by_stream(orphans: Iterable[Orphan]) -> dict[str, list[Orphan]]:
    streams: dict[str, list[Orphan]] = {}
    for one in orphans:
        streams.setdefault(one.message.stream, []).append(one)
    return streams
