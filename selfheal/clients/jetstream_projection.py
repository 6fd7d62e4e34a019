"""Projects what agents deliver into the history: a durable consumer of each stream, acknowledged after the commit.

A flow calls `project` again and again. Whatever is killed in between, the broker delivers again what was not
acknowledged, and the history keeps each message once: by the stream, when that was made, and the sequence.
"""

import asyncio
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from nats.aio.msg import Msg

from selfheal.clients.jetstream_api import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, ApiError, JetStreamApi
from selfheal.clients.jetstream_broker import JetStreamBroker
from selfheal.model.deliverable import Delivered, Projected
from selfheal.model.errors import Permanent, SelfhealError
from selfheal.model.pipeline import Pipeline, Stage
from selfheal.policy.catalogue import is_request
from selfheal.policy.deliverables import deliverable

CONSUMER = "selfheal-deliverables"
_BATCH = 50  # of at most 1 MB each
_NS = 10**9
_SHORT_REPLY = 9
_ACK, _TERM = b"+ACK", b"+TERM"
_log = logging.getLogger(__name__)


class History(Protocol):
    """Where deliverables are kept: `store.delivered`."""

    def add(self, delivered: Sequence[Delivered]) -> None:
        """Keep them once, in one transaction."""
        ...

    def holds(self, stream: str, created: datetime) -> bool:
        """Whether it holds anything of this life of the stream."""
        ...


@dataclass(kw_only=True)
class _Run:
    """How far one run has come; `limit` messages and the time `ends` bound it."""

    limit: int
    ends: float
    taken: int = 0

    @property
    def over(self) -> bool:
        return self.taken >= self.limit or time.monotonic() >= self.ends


class JetStreamProjection:
    """The projection.

    Args:
        pipeline: the stages, with their streams and subjects.
        history: where deliverables are kept.
        url: of the broker.
        credentials: user and password, or None.
        timeout: a call to the broker that takes longer has failed.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        history: History,
        *,
        url: str,
        credentials: tuple[str, str] | None,
        timeout: timedelta,
    ) -> None:
        self._streams: dict[str, dict[str, Stage]] = {}
        for stage in pipeline.stages:
            self._streams.setdefault(stage.stream, {}).update(dict.fromkeys(stage.subjects, stage))
        self._history = history
        self._timeout = timeout
        self._broker = JetStreamBroker(url, credentials, timeout)

    def project(self, *, limit: int, seconds: float) -> Projected:
        """Take what is new, at most so many messages in at most so many seconds.

        Raises:
            Transient: the broker or the database is away; what was not acknowledged comes again.
        """
        run = _Run(limit=limit, ends=time.monotonic() + seconds)
        times = 1 + math.ceil(seconds / self._timeout.total_seconds())
        return self._broker.ask(lambda api: self._project(api, run), times=times)

    async def _project(self, api: JetStreamApi, run: _Run) -> Projected:
        """A batch of each stream in turn, so that a full one does not keep the others back."""
        silent: dict[str, str] = {}
        waiting = list(self._streams)
        while waiting and not run.over:
            for stream in tuple(waiting):
                try:
                    more = await self._take(api, stream, run)
                except ApiError as error:
                    silent[stream] = _why(stream, error)
                    more = False
                if not more:
                    waiting.remove(stream)
        return Projected(taken=run.taken, left=bool(waiting), could_not_tell=silent)

    async def _take(self, api: JetStreamApi, stream: str, run: _Run) -> bool:
        """One batch of a stream, from the broker to its acknowledgement; whether there may be more."""
        if run.over:
            return True
        before, _ = await api.info(stream)
        await self._consumer(api, stream, before.created)
        size = min(_BATCH, run.limit - run.taken)
        got = await api.pull(stream, CONSUMER, size)
        after, _ = await api.info(stream)
        if after.created != before.created:  # what we got is of one of the two: it comes again
            return True
        rows = {one.reply: self._delivered(one, stream, before.created) for one in got}
        refused = await asyncio.to_thread(self._keep, [one for one in rows.values() if one is not None])
        await api.answer({reply: _TERM if row in refused else _ACK for reply, row in rows.items()})
        run.taken += len(got)
        return len(got) == size

    async def _consumer(self, api: JetStreamApi, stream: str, created: datetime) -> None:
        """Make the consumer, or make it as it should be; a history that was lost is told from the beginning."""
        answer = await api.call(f"CONSUMER.CREATE.{stream}.{CONSUMER}", self._config(stream))
        begun = answer.get("ack_floor", {}).get("consumer_seq", 0) > 0
        if begun and not await asyncio.to_thread(self._history.holds, stream, created):
            await api.call(f"CONSUMER.DELETE.{stream}.{CONSUMER}")
            await api.call(f"CONSUMER.CREATE.{stream}.{CONSUMER}", self._config(stream))

    def _config(self, stream: str) -> Mapping[str, Any]:
        return {
            "stream_name": stream,
            "config": {
                "durable_name": CONSUMER,
                "deliver_policy": "all",
                "ack_policy": "explicit",
                "ack_wait": 60 * _NS,
                "max_ack_pending": 1000,
                "filter_subjects": [f"{subject}.*" for subject in self._streams[stream]],
            },
        }

    def _delivered(self, message: Msg, stream: str, created: datetime) -> Delivered | None:
        """The message as the history keeps it; None: it is of no request."""
        subject, _, req_number = message.subject.rpartition(".")
        stage = self._streams[stream].get(subject)
        if stage is None or not is_request(req_number):
            return None
        sequence, at = _place(message.reply)
        read = deliverable(
            message.data,
            stage=stage,
            req_number=req_number,
            subject=message.subject,
            sequence=sequence,
            published_at=at,
        )
        return Delivered(deliverable=read, stream=stream, stream_created=created, size=len(message.data))

    def _keep(self, rows: Sequence[Delivered]) -> list[Delivered]:
        """Keep them; one that the database refuses is kept without its words, or given up, and stops no other."""
        try:
            self._history.add(rows)
        except Permanent:
            return [row for row in rows if not self._kept_alone(row)]
        return []

    def _kept_alone(self, row: Delivered) -> bool:
        bare = replace(row.deliverable, status="", summary="", oddities=("the database refuses its words",))
        for one in (row, replace(row, deliverable=bare)):
            try:
                self._history.add([one])
            except Permanent as error:
                _log.warning("deliverable %s of %s is refused: %s", row.deliverable.sequence, row.stream, error)
            else:
                return True
        return False


def _why(stream: str, error: SelfhealError) -> str:
    code = error.code if isinstance(error, ApiError) else 0
    if code == STREAM_NOT_FOUND:
        return f"there is no stream {stream}"
    return f"stream {stream}: {'its consumer is gone' if code == CONSUMER_NOT_FOUND else error}"


def _place(reply: str) -> tuple[int, datetime]:
    """Sequence and time, by the subject of the acknowledgement.

    `$JS.ACK.STREAM.CONSUMER.delivered.SEQUENCE.consumer-sequence.NANOSECONDS.pending`, in other brokers with domain
    and account behind ACK, and something at the end.
    """
    parts = reply.split(".")
    begin = 2 if len(parts) == _SHORT_REPLY else 4
    sequence, nanoseconds = int(parts[begin + 3]), int(parts[begin + 5])
    return sequence, datetime.fromtimestamp(nanoseconds // _NS, UTC) + timedelta(microseconds=nanoseconds % _NS // 1000)
