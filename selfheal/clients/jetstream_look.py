"""One look at a stream for the newest messages of some subjects, such that what is not there can be judged.

The clients that read deliverables and escalations call this; `policy.evidence` judges what it found.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from selfheal.clients.jetstream_api import JetStreamApi
from selfheal.model.errors import SelfhealError
from selfheal.model.stream import StreamLook, StreamState
from selfheal.policy.evidence import began, covers

_log = logging.getLogger(__name__)

Known = Callable[[str, datetime], Collection[int]]
"""Which sequences of a stream we deleted ourselves, by its name and when it was made."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is looked for: a message on any of these subjects, which are one request's."""

    req_number: str
    subjects: tuple[str, ...]


async def look(
    api: JetStreamApi, stream: str, wanted: Sequence[Wanted], since: Mapping[str, datetime | None], pruned: Known
) -> StreamLook:
    """First the messages, then the stream: what it lost meanwhile is seen.

    Args:
        api: of the broker.
        stream: where to look.
        wanted: what for.
        since: when each request began, by our clock; None: nobody knows.
        pruned: tells which sequences we deleted.
    """
    before, _ = await api.info(stream)
    subjects = [subject for one in wanted for subject in one.subjects]
    elsewhere = await _elsewhere(api, before, subjects)
    newest = await api.last(before, subjects)
    if all(any(subject in newest for subject in one.subjects) for one in wanted):
        return StreamLook(stream=before, newest=newest, elsewhere=elsewhere)
    after, answer = await api.info(stream, details=True)
    if after.created != before.created:
        return StreamLook(why=f"stream {stream} was made anew while it was looked at")
    found = StreamLook(stream=after, newest=newest, elsewhere=elsewhere)
    deleted = answer["state"].get("deleted")
    if not after.holes or deleted is None or len(deleted) != after.holes:
        return found
    return await _with_holes(api, found, frozenset(deleted), since, pruned)


async def _elsewhere(api: JetStreamApi, stream: StreamState, subjects: Iterable[str]) -> dict[str, str]:
    """The subjects that this stream does not keep and another one does."""
    others = {one: await api.stream_of(one) for one in subjects if not covers(stream.subjects, one)}
    return {subject: other for subject, other in others.items() if other}


async def _with_holes(
    api: JetStreamApi, found: StreamLook, deleted: frozenset[int], since: Mapping[str, datetime | None], pruned: Known
) -> StreamLook:
    """The same with what was deleted, what of it is known, and from where on it matters to each request."""
    stream = found.stream
    if stream is None:
        return found
    known = await asyncio.to_thread(_of_ours, deleted, stream, pruned)
    resumes: dict[str, int] = {}
    for name, at in since.items():
        if at is not None and deleted != known:
            first = await api.first_since(stream.name, began(stream, at))
            resumes[name] = stream.last_seq + 1 if first is None else first.sequence
    return replace(found, deleted=deleted, known=known, resumes=resumes)


def _of_ours(deleted: frozenset[int], stream: StreamState, pruned: Known) -> frozenset[int]:
    """What we deleted of these; nothing where that cannot be told, so that nothing is concluded."""
    try:
        return deleted.intersection(pruned(stream.name, stream.created))
    except SelfhealError as error:
        _log.warning("what was pruned of stream %s is not known: %s", stream.name, error)
        return frozenset()
