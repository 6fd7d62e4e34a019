"""What starting workflows needs, over real stores: Postgres, JetStream, and a request file on disk.

As a program it runs turns of admission in children of its own, which die where they are told to:

    python starting_worlds.py WORLD     reads lines `PLACE:kill`, or a number: so many children at the same moment
"""

import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from sqlalchemy import Engine

from selfheal.clients.clock import SystemClock
from selfheal.clients.jetstream import JetStreamDeliverables
from selfheal.clients.jetstream_events import JetStreamEvents
from selfheal.clients.jetstream_projection import JetStreamProjection
from selfheal.clients.request_file import RequestFile
from selfheal.model.request import RequestStatus
from selfheal.policy.request_text import read_requests, with_status
from selfheal.protocol.admitting import Turn, admit
from selfheal.protocol.comparing import Sources
from selfheal.protocol.keeping import WHO, Keeping
from selfheal.protocol.starting import Starting, conclude, finish_all
from selfheal.settings.workflows import Workflows
from selfheal.store.breakers import Breakers
from selfheal.store.delivered import DeliveredHistory
from selfheal.store.disagreements import Disagreements
from selfheal.store.engine import open_engine
from selfheal.store.file_changes import FileChangeRows
from selfheal.store.workflow_starts import WorkflowStarts
from selfheal.store.workflows import WorkflowStates

PIPELINE = Workflows().pipeline()
AT_ONCE = 5
EVENTS = "agog.orchestration.events"


@dataclass(frozen=True, kw_only=True)
class World:
    """Where its stores are.

    Attributes:
        database: as healing_user.
        broker: its URL.
        login: user and password for it.
        file: the request file.
    """

    database: str
    broker: str
    login: tuple[str, str]
    file: str

    def write(self, *entries: str, replace: bool = False) -> None:
        """Add entries, each `ID STATUS PRIORITY`, at the end of the file; or make it anew of them."""
        text = "".join(
            f"### {name}: Do it\n\n**Status**: {status}\n**Owner**: marcus\n**Priority**: {priority}\n\n---\n\n"
            for name, status, priority in (one.split() for one in entries)
        )
        path = Path(self.file)
        before = b"# Requests\n\n" if replace or not path.exists() else path.read_bytes()
        _replace(path, before + text.encode())

    def set(self, name: str, status: str) -> None:
        """As an agent does: write a status."""
        data = Path(self.file).read_bytes()
        entry = read_requests(data, read_at=datetime.now(UTC)).entry(name)
        assert entry is not None
        _replace(Path(self.file), with_status(data, entry, RequestStatus(status)))

    def status(self, name: str) -> str:
        """What the file says."""
        entry = read_requests(Path(self.file).read_bytes(), read_at=datetime.now(UTC)).entry(name)
        return "" if entry is None else entry.status

    def request_file(self, engine: Engine) -> RequestFile:
        """As Selfheal reads and writes it."""
        return RequestFile(Path(self.file), backups=None, keep=200, changes=FileChangeRows(engine), clock=SystemClock())

    def access(self) -> dict[str, Any]:
        """How the broker is reached."""
        return {"url": self.broker, "credentials": self.login, "timeout": timedelta(seconds=5)}

    def starting(self, engine: Engine, **changes: Any) -> Starting:
        """What admission needs."""
        access = self.access()
        found: dict[str, Any] = {
            "file": self.request_file(engine),
            "states": WorkflowStates(engine, PIPELINE),
            "starts": WorkflowStarts(engine, at_once=AT_ONCE),
            "deliverables": JetStreamDeliverables(PIPELINE, **access),
            "events": JetStreamEvents(PIPELINE, EVENTS, **access),
            "breakers": Breakers(engine),
            "clock": Ahead(),
            "pipeline": PIPELINE,
            "at_once": AT_ONCE,
            "allowed": True,
        }
        return Starting(**(found | changes))

    def keeping(self, engine: Engine, **changes: Any) -> Keeping:
        """What persistence needs."""
        one = self.starting(engine)
        sources = Sources(
            file=one.file,
            deliverables=one.deliverables,
            states=one.states,
            written=FileChangeRows(engine).written,
            runs=lambda: None,
            pipeline=PIPELINE,
            clock=one.clock,
        )
        store = Disagreements(engine)
        projection = JetStreamProjection(PIPELINE, DeliveredHistory(engine), **self.access())
        found: dict[str, Any] = {
            "sources": sources,
            "starts": one.starts,
            "record": lambda *seen: store.record(*seen, mechanism=WHO),
            "project": partial(projection.project, limit=1000, seconds=10.0),
            "forget": store.forget,
            "at_most": 5,
            "keep": timedelta(days=90),
            "allowed": True,
        }
        return Keeping(**(found | changes))


class Ahead(SystemClock):
    """A clock that is ahead: the streams of a test are old enough then, and what was just changed has settled.

    Args:
        minutes: so much.
    """

    def __init__(self, minutes: float = 3) -> None:
        self._ahead = timedelta(minutes=minutes)

    def now(self) -> datetime:
        """Aware UTC time."""
        return super().now() + self._ahead


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(name).replace(path)


def turn(works: Starting) -> Turn:
    """One turn of admission."""
    finish_all(works)
    conclude(works)
    return admit(works)


class Children:
    """A process that has imported everything, and lets children of its own run turns."""

    def __init__(self, process: "Popen[str]") -> None:
        self._process = process

    def _ask(self, line: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def killed(self, place: str) -> bool:
        """Run a turn that dies at that place; False: it never came there."""
        return bool(self._ask(f"{place}:kill")[0] == -9)

    def turns(self, count: int = 1) -> None:
        """So many turns at the same moment, each in a process of its own."""
        assert set(self._ask(str(count))) == {0}


@contextmanager
def children(world: World) -> Iterator[Children]:
    """The process, for a test."""
    command = [sys.executable, __file__, json.dumps(asdict(world))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=environment) as process:
        yield Children(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


def _forked(count: int, run: Callable[[], object]) -> Sequence[int | None]:
    """How many children of this process ended that ran this at the same moment."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(count)

    def one() -> None:
        start.wait(30)
        run()

    started = [context.Process(target=one) for _ in range(count)]
    for child in started:
        child.start()
    for child in started:
        child.join(60)
    return [child.exitcode for child in started]


def _main() -> None:
    values = json.loads(sys.argv[1])
    world = World(**(values | {"login": tuple(values["login"])}))
    for line in map(str.strip, sys.stdin):
        os.environ.pop("SELFHEAL_FAILPOINT", None)
        if not line.isdecimal():
            os.environ["SELFHEAL_FAILPOINT"] = line

        def run() -> None:
            turn(world.starting(open_engine(world.database, pool_size=1)))

        print(json.dumps(_forked(int(line) if line.isdecimal() else 1, run)), flush=True)  # noqa: T201


if __name__ == "__main__":
    _main()
