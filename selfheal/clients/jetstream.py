"""Asks JetStream what agents have delivered: the stages of some requests, or what belongs to no request.

The checks and recoveries of workflows call this. Every call connects anew, so that any number of threads may call,
and nothing raises: what could not be told is said.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from selfheal.clients.jetstream_api import STREAM_NOT_FOUND, ApiError, JetStreamApi
from selfheal.clients.jetstream_broker import JetStreamBroker
from selfheal.clients.jetstream_look import Pruned, Wanted, look
from selfheal.model.deliverable import Evidence, Orphans
from selfheal.model.errors import SelfhealError
from selfheal.model.pipeline import Pipeline, Stage
from selfheal.model.stream import StreamLook
from selfheal.policy.catalogue import is_request
from selfheal.policy.evidence import judge, subjects_of

T = TypeVar("T")

_Counted = tuple[int, dict[str, int]]

REQUESTS_AT_ONCE = 100
_PAGES = 20
"""A scan may take so many times what one call may."""


class JetStreamDeliverables:
    """Fulfils `ports.Deliverables`.

    Args:
        pipeline: the stages, with their streams and subjects.
        url: of the broker.
        credentials: user and password, or None.
        timeout: a call to the broker that takes longer has failed.
        pruned: tells what we deleted; where it fails, nothing of it is known.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        url: str,
        credentials: tuple[str, str] | None,
        timeout: timedelta,
        pruned: Pruned = lambda _stream, _created: {},
    ) -> None:
        self._pipeline = pipeline
        self._broker = JetStreamBroker(url, credentials, timeout)
        self._pruned = pruned

    def evidence(self, requests: Mapping[str, datetime | None]) -> Mapping[str, Evidence]:
        """What is known of each request's stages; see docs/decisions/evidence.md for when a stage is absent."""
        found: dict[str, Evidence] = {}
        why = ""
        for begin in range(0, len(requests), REQUESTS_AT_ONCE):
            some = list(requests.items())[begin : begin + REQUESTS_AT_ONCE]
            at = datetime.now(UTC)
            looks: Mapping[str, StreamLook] = {}
            if not why:
                looks, why = self._looks(dict(some))
            found |= {
                name: Evidence(
                    req_number=name,
                    stages=tuple(
                        judge(stage, name, since, looks.get(stage.stream, StreamLook(why=why)))
                        for stage in self._pipeline.stages
                    ),
                    read_at=at,
                )
                for name, since in some
            }
        return found

    def orphans(self, known: Collection[str]) -> Orphans:
        """Deliverables of requests that are not among these; by request, how many."""
        names = frozenset(known)
        by_request: dict[str, int] = {}
        scanned, silent = 0, {}

        async def counts(api: JetStreamApi, stream: str, stages: Sequence[Stage]) -> _Counted:
            return await _counts(api, stream, stages, names)

        looked = self._told(lambda api: _each(self._streams, api, counts), times=_PAGES)
        if isinstance(looked, str):
            return Orphans(scanned=0, could_not_tell=dict.fromkeys(self._streams, looked))
        for stream, counted in looked.items():
            if isinstance(counted, str):
                silent[stream] = counted
                continue
            scanned += counted[0]
            for name, count in counted[1].items():
                by_request[name] = by_request.get(name, 0) + count
        return Orphans(scanned=scanned, by_request=by_request, could_not_tell=silent)

    @property
    def _streams(self) -> dict[str, list[Stage]]:
        """The stages by the stream that keeps their deliverables."""
        streams: dict[str, list[Stage]] = {}
        for stage in self._pipeline.stages:
            streams.setdefault(stage.stream, []).append(stage)
        return streams

    def _looks(self, requests: Mapping[str, datetime | None]) -> tuple[Mapping[str, StreamLook], str]:
        """One look at each stream; or why there is none."""
        ids = {name: since for name, since in requests.items() if is_request(name)}

        async def one(api: JetStreamApi, stream: str, stages: Sequence[Stage]) -> StreamLook:
            wanted = [Wanted(req_number=name, subjects=subjects_of(stage, name)) for stage in stages for name in ids]
            return await look(api, stream, wanted, ids, self._pruned)

        looked = self._told(lambda api: _each(self._streams, api, one))
        if isinstance(looked, str):
            return {}, looked
        return {name: StreamLook(why=one) if isinstance(one, str) else one for name, one in looked.items()}, ""

    def _told(self, work: Callable[[JetStreamApi], Awaitable[T]], *, times: int = 1) -> T | str:
        """The work's result; or, in words, why there is none."""
        try:
            return self._broker.ask(work, times=times)
        except SelfhealError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - an answer that makes no sense tells nothing, and stops nobody
            return f"asking the broker broke: {type(error).__name__}: {error}"


async def _each(
    streams: Mapping[str, Sequence[Stage]],
    api: JetStreamApi,
    ask: Callable[[JetStreamApi, str, Sequence[Stage]], Awaitable[T]],
) -> Mapping[str, T | str]:
    """A look at every stream at the same time; of one that cannot be looked at, why."""

    async def one(stream: str, stages: Sequence[Stage]) -> T | str:
        try:
            return await ask(api, stream, stages)
        except ApiError as error:
            return f"there is no stream {stream}" if error.code == STREAM_NOT_FOUND else f"stream {stream}: {error}"

    found = await asyncio.gather(*(one(stream, stages) for stream, stages in streams.items()))
    return dict(zip(streams, found, strict=True))


async def _counts(api: JetStreamApi, stream: str, stages: Sequence[Stage], known: Collection[str]) -> _Counted:
    """How many deliverables there are in this stream, and how many each unknown request has."""
    scanned = 0
    unknown: dict[str, int] = {}
    for subject in (one for stage in stages for one in stage.subjects):
        begin = len(subject) + 1
        async for page in api.subjects(stream, f"{subject}.*"):
            scanned += sum(page.values())
            for one, count in page.items():
                if (name := one[begin:]) not in known:
                    unknown[name] = unknown.get(name, 0) + count
    return scanned, unknown
