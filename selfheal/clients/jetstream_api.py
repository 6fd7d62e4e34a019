"""Speaks the API of JetStream over one connection, as far as deliverables need it.

The other `jetstream_*` clients call this. The library's own JetStream turns every answer into objects first, which
takes longer than the broker; and it has no batch get.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from selfheal.clients.jetstream_answers import of_answer, of_headers, state_of
from selfheal.model.errors import Permanent, Transient
from selfheal.model.stream import StoredMessage, StreamState

STREAM_NOT_FOUND, NO_MESSAGE, CONSUMER_NOT_FOUND = 10059, 10037, 10014
PAGE_LIMIT = 100_000
"""So many subjects a listing holds, and says nothing of the rest but their number."""
_AT_ONCE = 64
_BATCH = 256
_UNAVAILABLE = 503
_END_OF_BATCH, _NOTHING = "204", "404"


class ApiError(Permanent):
    """The broker's own refusal, which may pass: it can be full, or without a leader.

    Args:
        error: its answer.
    """

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(f"the broker says: {error.get('description', '')}")
        self.code: int = error.get("err_code", 0)
        self.passes: bool = error.get("code") == _UNAVAILABLE


@dataclass(kw_only=True)
class _Batch:
    """The messages that answer one direct get, until a status ends them."""

    ended: asyncio.Future[str]
    messages: list[Msg] = field(default_factory=list)


class JetStreamApi:
    """The API over a connection that somebody else opens and bounds.

    Every call may raise `Transient` (no JetStream there), `ApiError`, or what `nats.asked` puts into words.

    Args:
        client: the connection.
        seconds: that one answer may take.
        errors: what the library only tells a callback: what we may not publish.
    """

    def __init__(self, client: Client, seconds: float, errors: Sequence[Exception]) -> None:
        self._client = client
        self._seconds = seconds
        self._errors = errors
        self._inbox: str | None = None
        self._numbers = itertools.count()
        self._batches: dict[str, _Batch] = {}

    async def info(self, stream: str, *, details: bool = False) -> tuple[StreamState, dict[str, Any]]:
        """The stream, and the broker's answer; with `details` also the sequences that were deleted."""
        sent = datetime.now(UTC)
        answer = await self.call(f"STREAM.INFO.{stream}", {"deleted_details": True} if details else None)
        return state_of(answer, sent=sent, received=datetime.now(UTC)), answer

    async def subjects(self, stream: str, pattern: str) -> AsyncIterator[Mapping[str, int]]:
        """How many messages each subject has, page by page."""
        offset, total = 0, 1
        while offset < total:
            answer = await self.call(f"STREAM.INFO.{stream}", {"subjects_filter": pattern, "offset": offset})
            page: Mapping[str, int] = answer["state"].get("subjects") or {}
            yield page
            total = answer.get("total", 0)
            offset += answer.get("limit") or PAGE_LIMIT

    async def stream_of(self, subject: str) -> str:
        """The stream that keeps this subject; empty: none does."""
        answer = await self.call("STREAM.NAMES", {"subject": subject})
        return next(iter(answer.get("streams") or ()), "")

    async def newest(self, stream: str, subjects: Sequence[str]) -> dict[str, StoredMessage] | None:
        """The newest message of each of these subjects that has one, by direct gets; None: it lets nobody do that.

        Who answers may be behind the leader of the stream: the answer counts where `StreamState.direct` says so.
        """
        found: dict[str, StoredMessage] = {}
        for begin in range(0, len(subjects), _AT_ONCE):
            messages = await self._batch(stream, {"multi_last": list(subjects[begin : begin + _AT_ONCE])})
            if messages is None:
                return None
            found.update((one.subject, one) for one in messages)
        return found

    async def newest_of_leader(self, stream: str, subjects: Sequence[str]) -> dict[str, StoredMessage]:
        """The same, each asked for by itself, of whoever leads the stream."""
        found: dict[str, StoredMessage] = {}
        for begin in range(0, len(subjects), _AT_ONCE):
            some = subjects[begin : begin + _AT_ONCE]
            messages = await asyncio.gather(*(self.message(stream, {"last_by_subj": one}) for one in some))
            found.update((one.subject, one) for one in messages if one is not None)
        return found

    async def all_of(self, stream: StreamState, subject: str) -> AsyncIterator[StoredMessage]:
        """Every message of this subject, in order."""
        sequence = 1
        while True:
            which = {"seq": sequence, "next_by_subj": subject, "batch": _BATCH}
            messages = await self._batch(stream.name, which) if stream.direct else None
            if messages is None:
                one = await self.message(stream.name, {"seq": sequence, "next_by_subj": subject})
                messages = [one] if one else []
            if not messages:
                return
            for one in messages:
                yield one
            sequence = messages[-1].sequence + 1

    async def store(self, stream: str, subject: str, data: bytes, *, message_id: str) -> None:
        """Publish, and return once that stream has stored it, or has had it already.

        Raises:
            NoRespondersError: no stream keeps the subject.
            ApiError: the stream does not take it.
        """
        headers = {"Nats-Msg-Id": message_id, "Nats-Expected-Stream": stream}
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox, max_msgs=1)
        await self._client.publish(subject, data, reply=inbox, headers=headers)
        await self._client.flush(timeout=max(1, round(self._seconds)))
        if self._errors:  # a refusal comes before the answer to the flush
            raise self._errors[-1]
        message = await subscription.next_msg(timeout=self._seconds)
        if (message.headers or {}).get("Status") == str(_UNAVAILABLE):
            raise NoRespondersError
        answer: dict[str, Any] = json.loads(message.data)
        if error := answer.get("error"):
            raise ApiError(error)

    async def first_since(self, stream: str, moment: datetime) -> StoredMessage | None:
        """The first message that is still there of those stored then or later."""
        return await self.message(stream, {"start_time": moment.isoformat(), "next_by_subj": ">"})

    async def message(self, stream: str, which: Mapping[str, Any]) -> StoredMessage | None:
        """One message, asked of whoever leads the stream; None: there is none."""
        try:
            answer = await self.call(f"STREAM.MSG.GET.{stream}", which)
        except ApiError as error:
            if error.code == NO_MESSAGE:
                return None
            raise
        return of_answer(stream, answer["message"])

    async def call(self, subject: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One question of the API and its answer."""
        data = b"" if body is None else json.dumps(body).encode()
        try:
            answer = await self._client.request(f"$JS.API.{subject}", data, timeout=self._seconds)
        except NoRespondersError:
            raise Transient(
                "the NATS server has no JetStream for this user", hint="see its configuration, or its log"
            ) from None
        found: dict[str, Any] = json.loads(answer.data)
        if error := found.get("error"):
            raise ApiError(error)
        return found

    async def pull(self, stream: str, consumer: str, size: int) -> list[Msg]:
        """The next messages of a consumer, at most so many; those that are there, without waiting for more."""
        got: list[Msg] = []
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def take(message: Msg) -> None:
            if "Status" not in (message.headers or {}):
                got.append(message)
            elif not ended.done():
                ended.set_result(None)
            if len(got) == size and not ended.done():  # then no status follows
                ended.set_result(None)

        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox, cb=take)
        try:
            asked_for = json.dumps({"batch": size, "no_wait": True}).encode()
            await self._client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", asked_for, reply=inbox)
            await asyncio.wait_for(ended, self._seconds)
        finally:
            await subscription.unsubscribe()
        return got

    async def _batch(self, stream: str, body: Mapping[str, Any]) -> list[StoredMessage] | None:
        """A direct get of many messages; None where this broker has none, which older ones have not."""
        if self._inbox is None:
            self._inbox = self._client.new_inbox()
            await self._client.subscribe(f"{self._inbox}.*", cb=self._take)
        reply = f"{self._inbox}.{next(self._numbers)}"
        batch = self._batches[reply] = _Batch(ended=asyncio.get_running_loop().create_future())
        try:
            await self._client.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(body).encode(), reply=reply)
            status = await asyncio.wait_for(batch.ended, self._seconds)
        finally:
            del self._batches[reply]
        return [of_headers(one) for one in batch.messages] if status in {_END_OF_BATCH, _NOTHING} else None

    async def _take(self, message: Msg) -> None:
        """One message of a batch. They share a subscription: one for each would take longer than the answers."""
        batch = self._batches.get(message.subject)
        status = (message.headers or {}).get("Status")
        if batch is None or batch.ended.done():  # too late: nobody waits for it any more
            return
        if status is None:
            batch.messages.append(message)
        else:
            batch.ended.set_result(status)

    async def answer(self, answers: Mapping[str, bytes]) -> None:
        """Messages to these subjects; the broker has them when this returns."""
        for subject, data in answers.items():
            await self._client.publish(subject, data)
        await self._client.flush(timeout=max(1, round(self._seconds)))
