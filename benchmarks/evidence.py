"""How long evidence about workflows takes: orphans among 100,000 deliverables, and the stages of one request.

Beside the scan for orphans stands the bare listing of the same subjects, over the same API and a connection made for
it too; beside one request a look for the last message of each of its subjects, with the library's own JetStream.
"""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TypeVar

import nats
from nats.aio.client import Client
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from benchmarks.case import Case
from benchmarks.database import scratch
from benchmarks.rounds import alternate, until
from deployments.embedded.nats import Nats
from selfheal.clients.jetstream import JetStreamDeliverables
from selfheal.model.deliverable import Orphans
from selfheal.model.errors import Permanent
from selfheal.model.pipeline import Pipeline
from selfheal.policy.evidence import MARGIN
from selfheal.settings.workflows import Workflows

T = TypeVar("T")

LISTED = "the bare listing: STREAM.INFO page by page over a new connection, the JSON read, the subjects counted"
ASKED = "get_last_msg of nats-py for each of the request's subjects, one after the other, over a new connection"
LOGIN = ("bench", "a-password-of-the-benchmark")
PIPELINE: Pipeline = Workflows().pipeline()
_UNACKED = 1000  # messages that are under way at the same time: the broker's own queue holds 10,000
_PAYLOAD = json.dumps({"agent": "a", "req_number": "REQ-B", "status": "COMPLETE", "summary": "s" * 200}).encode()
_DONE_STAGES = 4


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much there is.

    Attributes:
        deliverables: over all streams.
        in_one: subjects of the one stream that is filled up at the end.
        rounds: figures of each side.
    """

    deliverables: int
    in_one: int
    rounds: int


FULL = Load(deliverables=100_000, in_one=120_000, rounds=11)
QUICK = Load(deliverables=1_400, in_one=2_000, rounds=3)


def evidence(*, quick: bool) -> list[Case]:
    """Both cases; fails where a figure would be of a wrong answer."""
    load = QUICK if quick else FULL
    with scratch() as folder, _broker(folder) as broker:
        requests = load.deliverables // len(PIPELINE.stages)
        known = frozenset(_name(number) for number in range(requests // 2))
        _talk(broker, lambda client: _filled(client, requests))
        client = JetStreamDeliverables(PIPELINE, url=broker.url, credentials=LOGIN, timeout=timedelta(seconds=30))
        orphans = _orphans(client, broker, known, requests, load)
        one = _one_request(client, broker, load)
        _right_when_larger(client, broker, known, load.in_one)
    return [orphans, one]


def _orphans(client: JetStreamDeliverables, broker: Nats, known: frozenset[str], requests: int, load: Load) -> Case:
    """The scan beside the bare listing."""
    stages = len(PIPELINE.stages)
    expected = requests * stages

    def ours() -> float:
        begun = time.perf_counter()
        found = client.orphans(known)
        took = time.perf_counter() - begun
        _expect(found, scanned=expected, orphans=(requests - len(known)) * stages)
        return took

    def bare() -> float:
        begun = time.perf_counter()
        listed = _talk(broker, _listed)
        took = time.perf_counter() - begun
        if listed != expected:
            raise Permanent(f"the bare listing found {listed} subjects of {expected}")
        return took

    found = alternate({"ours": ours, "bare": bare}, rounds=load.rounds, what="orphans")
    return Case(name="orphans", unit="s", ours=found["ours"], other=found["bare"], what_other=LISTED)


def _one_request(client: JetStreamDeliverables, broker: Nats, load: Load) -> Case:
    """A request in the middle of its work: some stages have delivered, the others are to be told absent."""
    name = "REQ-BENCH-IN-THE-MIDDLE"
    since = datetime.now(UTC) + MARGIN
    subjects = [f"{one.subject}.{name}" for one in PIPELINE.stages[:_DONE_STAGES]]
    _talk(broker, lambda connected: _published(connected, subjects))

    def ours() -> float:
        begun = time.perf_counter()
        found = client.evidence({name: since})[name]
        took = time.perf_counter() - begun
        if found.could_not_tell or sum(one.deliverable is not None for one in found.stages) != _DONE_STAGES:
            raise Permanent(f"the stages of {name} were told wrongly: {found}")
        return took

    def asked() -> float:
        begun = time.perf_counter()
        if _talk(broker, lambda connected: _asked(connected, name)) != _DONE_STAGES:
            raise Permanent("the other side told the stages wrongly")
        return time.perf_counter() - begun

    sides = {"ours": lambda: _of_many(ours), "asked": lambda: _of_many(asked)}
    found = alternate(sides, rounds=load.rounds, what="one-request")
    return Case(name="one-request", unit="s", ours=found["ours"], other=found["asked"], what_other=ASKED)


def _of_many(once: Callable[[], float]) -> float:
    """The median of ten: one of them is too short for a figure of its own."""
    return median(once() for _ in range(10))


def _right_when_larger(client: JetStreamDeliverables, broker: Nats, known: frozenset[str], in_one: int) -> None:
    """More subjects in one stream than a page of its listing holds, and every one of them is counted."""
    stage = PIPELINE.stages[0]
    before = client.orphans(known)
    held = _talk(broker, lambda connected: _count(connected, stage.stream))
    more = [f"{stage.subject}.{_name(number)}" for number in range(10**6, 10**6 + in_one - held)]
    _talk(broker, lambda connected: _published(connected, more))
    _expect(client.orphans(known), scanned=before.scanned + len(more), orphans=before.count + len(more))


def _expect(found: Orphans, *, scanned: int, orphans: int) -> None:
    if found.could_not_tell or (found.scanned, found.count) != (scanned, orphans):
        told = f"{found.scanned} deliverables, {found.count} orphans, silent: {found.could_not_tell}"
        raise Permanent(f"the scan told {told}; there are {scanned}, of which {orphans} are orphans")


def _name(number: int) -> str:
    return f"REQ-BENCH-{number:07d}"


async def _filled(client: Client, requests: int) -> None:
    """The streams of the reference estate with the cap raised, and all stages of so many requests."""
    stream = client.jetstream()
    for stage in PIPELINE.stages:
        await stream.add_stream(
            StreamConfig(name=stage.stream, subjects=[f"{one}.>" for one in stage.subjects], allow_direct=True)
        )
        await _published(client, [f"{stage.subject}.{_name(number)}" for number in range(requests)])


async def _published(client: Client, subjects: Sequence[str]) -> None:
    """One message to each; every thousandth, and the last, waits until the stream has stored it and those before."""
    for number, subject in enumerate(subjects, start=1):
        if number % _UNACKED and number < len(subjects):
            await client.publish(subject, _PAYLOAD)
        else:
            await client.request(subject, _PAYLOAD, timeout=30)


async def _count(client: Client, stream: str) -> int:
    answer = await client.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=30)
    found: int = json.loads(answer.data)["state"]["num_subjects"]
    return found


async def _listed(client: Client) -> int:
    """How many subjects there are, by listing all of them."""
    found = 0
    for stage in PIPELINE.stages:
        for pattern in (f"{subject}.*" for subject in stage.subjects):
            offset, total = 0, 1
            while offset < total:
                body = json.dumps({"subjects_filter": pattern, "offset": offset}).encode()
                message = await client.request(f"$JS.API.STREAM.INFO.{stage.stream}", body, timeout=30)
                answer = json.loads(message.data)
                found += len(answer["state"].get("subjects") or ())
                total, offset = answer["total"], offset + answer["limit"]
    return found


async def _asked(client: Client, name: str) -> int:
    """How many stages have a last message."""
    stream, found = client.jetstream(), 0
    for stage in PIPELINE.stages:
        for subject in stage.subjects:
            with contextlib.suppress(NotFoundError):
                await stream.get_last_msg(stage.stream, f"{subject}.{name}")
                found += 1
    return found


def _talk(broker: Nats, work: Callable[[Client], Awaitable[T]]) -> T:
    async def connected() -> T:
        client = await nats.connect(broker.url, user=LOGIN[0], password=LOGIN[1])
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(connected())


@contextlib.contextmanager
def _broker(folder: Path) -> Iterator[Nats]:
    """The embedded server, for this benchmark alone."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    home = folder / "nats"
    home.mkdir()
    broker = Nats(folder=home, log=folder / "nats.log", port=port, user=LOGIN[0], password=LOGIN[1])
    process = broker.start()
    try:
        until(lambda: broker.ready() or process.poll() is not None, what="the broker answers")
        yield broker
    finally:
        process.kill()
        process.wait()
