"""A JetStream broker with the streams of the reference estate, for tests about deliverables.

    with deliverable_broker() as broker:
        broker.deliver("REQ-1", 0, 1, 2)
        client = JetStreamDeliverables(PIPELINE, **broker.access)

`tests/conftest.py` imports the fixtures `broker` (function, all streams empty and new) and `broker_process` (session).
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import nats
import pytest
from estate_fixtures import until
from nats.aio.client import Client

from benchmarks.free_ports import free_ports
from benchmarks.freezing import frozen
from deployments.embedded.child import wrapped
from deployments.embedded.nats import binary
from selfheal.clients.nats import NatsBroker
from selfheal.model.pipeline import Pipeline
from selfheal.policy.evidence import MARGIN
from selfheal.settings.workflows import Workflows

T = TypeVar("T")

LOGIN = ("agents", "a-password-of-tests")
PIPELINE: Pipeline = Workflows().pipeline()
SOON = timedelta(seconds=10)
_DAY = 86_400 * 10**9
_EVENTS = {
    "agog_orchestration_events": ("agog.orchestration.events.>", 7),
    "agog_strategic_decisions": ("agog.strategic.decisions.>", 30),
    "agog_strategic_escalations": ("agog.strategic.escalations.>", 90),
}
_CONFIGURATION = """
host: "127.0.0.1"
port: %d
authorization { user: "%s", password: "%s" }
"""
_JETSTREAM = 'jetstream { store_dir: "%s" }\n'


def payload(req_number: str, stage: int, **changes: Any) -> bytes:
    """A deliverable as the profile has it; `changes` replace or add fields, and take those away that are None."""
    one = PIPELINE.stages[stage]
    values = {
        "agent": one.agent,
        "req_number": req_number,
        "status": "COMPLETE",
        "summary": f"{one.kind} of {req_number}",
        "deliverable": f"nats://{one.subject}.{req_number}",
        "changes": {"files": 3},
    }
    if one.kind == "critique":
        values["decision"] = "APPROVED"
    return json.dumps({key: value for key, value in (values | changes).items() if value is not None}).encode()


@dataclass(kw_only=True)
class DeliverableBroker:
    """A running nats-server of one test, or of many; `configuration` instead of that of the profile."""

    folder: Path
    port: int
    login: tuple[str, str] = LOGIN
    jetstream: bool = True
    configuration: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    tells_from: datetime = field(
        default=datetime.min.replace(tzinfo=UTC), init=False
    )  # of a younger request: what is absent

    @property
    def url(self) -> str:
        """Its address."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def access(self) -> dict[str, Any]:
        """What the clients of JetStream take: url, credentials, timeout."""
        return {"url": self.url, "credentials": self.login, "timeout": timedelta(seconds=5)}

    def settings(self, **more: Any) -> dict[str, Any]:
        """The table `[workflows]` for this broker."""
        return {"url": self.url, "username": self.login[0], "password": self.login[1], "timeout": "5 s", **more}

    def start(self) -> None:
        """Start it, and wait until it answers; what it has kept is there again."""
        text = _CONFIGURATION % (self.port, *self.login)
        text += _JETSTREAM % (self.folder / "jetstream") if self.jetstream else ""
        (self.folder / "nats.conf").write_text(self.configuration or text)
        command = wrapped([str(binary()), "-c", str(self.folder / "nats.conf")], parent=os.getpid())
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until("the broker answers", lambda: NatsBroker().ping(self.url, credentials=self.login, timeout=SOON) >= 0)

    def stop(self) -> None:
        """Kill it; nothing happens if it does not run."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        """While the block lasts it takes connections and says nothing."""
        assert self.process is not None
        return frozen(self.process.pid)

    def talk(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """Whatever a test does over a connection of its own."""

        async def connected() -> T:
            client = await nats.connect(self.url, user=self.login[0], password=self.login[1])
            try:
                return await work(client)
            finally:
                await client.close()

        return asyncio.run(connected())

    def api(self, subject: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One call of the API of JetStream."""

        async def call(client: Client) -> dict[str, Any]:
            answer = await client.request(f"$JS.API.{subject}", json.dumps(body or {}).encode(), timeout=10)
            found: dict[str, Any] = json.loads(answer.data)
            return found

        return self.talk(call)

    def make_streams(self, **config: Any) -> datetime:
        """The streams of the profile, `config` for those of deliverables; gives a time after they were made.

        A request that began at that time or later can be told absent.
        """
        for stage in PIPELINE.stages:
            self.make_stream(stage.stream, [f"{one}.>" for one in stage.subjects], **config)
        for name, (subject, days) in _EVENTS.items():
            self.make_stream(name, [subject], max_age=days * _DAY)
        self.tells_from = datetime.now(UTC) + MARGIN
        return self.tells_from

    def make_stream(self, name: str, subjects: Sequence[str], **config: Any) -> None:
        """One stream, with 10,000 messages, 7 days and a window of 2 minutes unless `config` says otherwise."""
        values = {
            "name": name,
            "subjects": list(subjects),
            "retention": "limits",
            "storage": "file",
            "num_replicas": 1,
            "max_msgs": 10_000,
            "max_age": 7 * _DAY,
            "duplicate_window": 120 * 10**9,
            "discard": "old",
            "allow_direct": True,
        }
        answer = self.api(f"STREAM.CREATE.{name}", values | config)
        assert "error" not in answer, answer

    def clear(self) -> None:
        """No stream at all."""
        for name in self.api("STREAM.NAMES").get("streams") or ():
            self.api(f"STREAM.DELETE.{name}")

    def deliver(self, req_number: str, *stages: int, **changes: Any) -> None:
        """Deliverables of these stages of a request, in this order."""
        self.publish(
            {f"{PIPELINE.stages[one].subject}.{req_number}": payload(req_number, one, **changes)} for one in stages
        )

    def publish(self, messages: Iterator[Mapping[str, bytes]] | Sequence[Mapping[str, bytes]]) -> None:
        """Messages by subject, each of them stored when this returns."""

        async def work(client: Client) -> None:
            stream = client.jetstream()
            for some in messages:
                for subject, data in some.items():
                    await stream.publish(subject, data)

        self.talk(work)

    def publish_raw(self, subject: bytes) -> None:
        """One message whose subject need not be text, which the library would not send."""
        with socket.create_connection(("127.0.0.1", self.port)) as raw, raw.makefile("rb") as answers:
            answers.readline()
            login = json.dumps({"user": self.login[0], "pass": self.login[1], "verbose": False}).encode()
            raw.sendall(b"CONNECT " + login + b"\r\nPUB " + subject + b" 1\r\nx\r\nPING\r\n")
            assert answers.readline() == b"PONG\r\n"


@contextlib.contextmanager
def deliverable_broker(*, jetstream: bool = True, streams: bool = True) -> Iterator[DeliverableBroker]:
    """A broker of one's own, running, with the streams of the profile."""
    with tempfile.TemporaryDirectory(prefix="selfheal-nats-", ignore_cleanup_errors=True) as folder:
        (port,) = free_ports(1)
        broker = DeliverableBroker(folder=Path(folder), port=port, jetstream=jetstream)
        try:
            broker.start()
            if jetstream and streams:
                broker.make_streams()
            yield broker
        finally:
            broker.stop()


@pytest.fixture(scope="session")
def broker_process() -> Iterator[DeliverableBroker]:
    """The session's broker; tests ask for `broker` instead."""
    with deliverable_broker(streams=False) as one:
        yield one


@pytest.fixture
def broker(broker_process: DeliverableBroker) -> DeliverableBroker:
    """A running broker whose streams are new and empty."""
    if broker_process.process is None:
        broker_process.start()
    broker_process.clear()
    broker_process.make_streams()
    return broker_process
