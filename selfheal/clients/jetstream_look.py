"""One look at a stream for the newest messages of some subjects, such that what is not there can be judged.

The clients that read deliverables and escalations call this; `policy.evidence` judges what it found.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from selfheal.clients.jetstream_api import JetStreamApi
from selfheal.model.errors import SelfhealError
from selfheal.model.stream import StreamLook, StreamState
from selfheal.policy.evidence import began, covers

_log = logging.getLogger(__name__)

Pruned = Callable[[str, datetime], Mapping[int, str]]
"""The subjects of what we deleted from a stream ourselves, by sequence; asked by its name and when it was made."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is looked for: a message on any of these subjects, which are one request's."""

    req_number: str
    subjects: tuple[str, ...]


async def look(
    api: JetStreamApi, stream: str, wanted: Sequence[Wanted], since: Mapping[str, datetime | None], pruned: Pruned
) -> StreamLook:
    """First the messages, then the stream: what it lost meanwhile is seen.

    Args:
        api: of the broker.
        stream: where to look.
        wanted: what for.
        since: when each request began, by our clock; None: nobody knows.
        pruned: tells what we deleted.
    """
    subjects = [subject for one in wanted for subject in one.subjects]
    newest = await api.newest(stream, subjects)
    state, _ = await api.info(stream)
    if newest is None or not state.direct:
        newest = await api.newest_of_leader(stream, subjects)
        state, _ = await api.info(stream)
    found = StreamLook(stream=state, newest=newest, elsewhere=await _elsewhere(api, state, subjects))
    if all(any(subject in newest for subject in one.subjects) for one in wanted):
        return found
    if state.first_seq > 1 or state.holes:
        found = replace(found, pruned=await asyncio.to_thread(_of_ours, state, pruned))
    return await _with_holes(api, found, since) if state.holes else found


async def _elsewhere(api: JetStreamApi, stream: StreamState, subjects: Iterable[str]) -> dict[str, str]:
    """The subjects that this stream does not keep and another one does."""
    others = {one: await api.stream_of(one) for one in subjects if not covers(stream.subjects, one)}
    return {subject: other for subject, other in others.items() if other}


async def _with_holes(api: JetStreamApi, found: StreamLook, since: Mapping[str, datetime | None]) -> StreamLook:
    """The same with what was deleted, and from where on it matters to each request."""
    state, answer = await api.info(found.stream.name if found.stream else "", details=True)
    deleted = answer["state"].get("deleted")
    if deleted is None or len(deleted) != state.holes:
        return found
    resumes: dict[str, int] = {}
    for name, at in since.items():
        if at is not None and set(deleted) - found.pruned.keys():
            first = await api.first_since(state.name, began(state, at))
            resumes[name] = state.last_seq + 1 if first is None else first.sequence
    return replace(found, stream=state, deleted=frozenset(deleted), resumes=resumes)


def _of_ours(stream: StreamState, pruned: Pruned) -> Mapping[int, str]:
    """What we deleted; nothing where that cannot be told, so that nothing is concluded."""
    try:
        return pruned(stream.name, stream.created)
    except SelfhealError as error:
        _log.warning("what was pruned of stream %s is not known: %s", stream.name, error)
        return {}
