"""One real `selfheal up` over a real demo estate, for all acceptance tests of a session.

A test file imports the fixture `stack` from here; pytest starts it once and stops it at the end.
"""

import contextlib
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from fakes import WIDE

from console import cli, demo_estate
from console.database import Database, reading
from deployments import attach
from deployments.demo.estate import Estate
from deployments.demo.faults import Faults
from deployments.embedded import child
from selfheal.model.errors import SelfhealError
from selfheal.settings.file import load

READY_SECONDS = 180.0
COMMAND_SECONDS = 120.0
STANDING = contextlib.ExitStack()
"""The session's stack as long as it runs."""
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@dataclass(kw_only=True)
class RunningStack:
    """A running stack over any estate; not frozen, since a test may stop and start it.

    Attributes:
        data: its data folder.
        config: its settings file.
        env: of every command.
        up: the process of `selfheal up` (the guardian).
        console: what that has printed.
    """

    data: Path
    config: Path
    env: dict[str, str]
    up: subprocess.Popen[bytes]
    console: Path

    def selfheal(self, *words: str, data: Path | None = None, timeout: float = COMMAND_SECONDS) -> Answer:
        """Run a command as a person would; its output is piped."""
        command = [sys.executable, "-m", "console.cli", *words, "--data", str(data or self.data)]
        done = subprocess.run(
            command, env=self.env, capture_output=True, text=True, timeout=timeout, check=False, cwd=REPOSITORY
        )
        return Answer(code=done.returncode, out=done.stdout, err=done.stderr)

    def asked(self, *words: str) -> Answer:
        """The same in this process, for what is asked again and again: a new one computes for a second or two."""
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            code = cli.main([*words, "--data", str(self.data)])
        return Answer(code=code, out=out.getvalue(), err=err.getvalue())

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        """What the stack has recorded."""
        with reading(attach.database_url(self.data, load(self.config, self.env))) as database:
            yield database

    def part(self, name: str) -> int:
        """The process of a part, e.g. to kill it; 0 while it has none."""
        stack = attach.running(self.data)
        return next((part.pid or 0 for part in stack.parts if part.name == name), 0) if stack else 0

    def ready(self) -> bool:
        """Whether every part is ready."""
        stack = attach.running(self.data)
        return stack is not None and bool(stack.parts) and all(part.state == "ready" for part in stack.parts)

    def healthy(self) -> bool:
        """Whether the watcher sees every component healthy now."""
        try:
            with self.database() as database:
                latest = {row.component: row.status for row in database.health.latest()}
        except SelfhealError:
            return False
        return bool(latest) and all(status == "OPERATIONAL" for status in latest.values())

    def said(self) -> str:
        """What `selfheal up` has printed so far."""
        return self.console.read_text(encoding="utf-8")


@dataclass(kw_only=True)
class StackUnderTest(RunningStack):
    """A running stack over the demo's supervised estate.

    Attributes:
        estate: what it watches.
        faults: the ways to break it.
    """

    estate: Estate
    faults: Faults = field(init=False)

    def __post_init__(self) -> None:
        self.faults = Faults(self.estate)


def until(condition: Callable[[], bool], *, seconds: float = 90.0, told: Callable[[], str] = str) -> None:
    """Wait for a condition, bounded; `told` is added to the failure."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"the condition did not come true in time; {told()}"
        time.sleep(0.1)


def below(pid: int) -> list[psutil.Process]:
    """Every process below this one."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run."""
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@contextlib.contextmanager
def estate_running(data: Path) -> Iterator[tuple[Estate, Path]]:
    """A demo estate with its settings file."""
    estate, config = demo_estate.write(data)
    wide = "".join(f"{name} = {value}\n" for name, value in WIDE.items())
    config.write_text(config.read_text(encoding="utf-8").replace("[healing]\n", f"[healing]\n{wide}"), encoding="utf-8")
    (data / "logs").mkdir(exist_ok=True)
    process = demo_estate.part(estate, data).start()
    try:
        yield estate, config
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def stack_running(
    data: Path, estate: Estate, config: Path, *, code: int = 0, **overrides: str
) -> Iterator[StackUnderTest]:
    """`up_running` over the demo's supervised estate."""
    with up_running(data, config, code=code, **overrides) as running:
        yield StackUnderTest(**vars(running), estate=estate)


def environment(data: Path) -> dict[str, str]:
    """Of every command."""
    return {**child.base_environment(home=data), "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}


@contextlib.contextmanager
def up_running(data: Path, config: Path, *, code: int = 0, **overrides: str) -> Iterator[RunningStack]:
    """`selfheal up` until the watcher sees the whole estate healthy; stopped afterwards, with nothing left.

    Its exit code is 0 unless a test ends it otherwise and says how. `overrides` are variables of its settings.
    """
    env = environment(data) | overrides
    console = data / "up.out"
    words = ["up", "--data", str(data), "--config", str(config)]
    with console.open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "console.cli", *words], env=env, stdout=output, stderr=output, cwd=REPOSITORY
        )
    stack = RunningStack(data=data, config=config, env=env, up=up, console=console)
    try:
        until(
            lambda: up.poll() is not None or (stack.ready() and stack.healthy()),
            seconds=READY_SECONDS,
            told=stack.said,
        )
        assert up.poll() is None, stack.said()
        yield stack
    finally:
        started = below(up.pid)
        up.terminate()
        try:
            up.wait(timeout=60)
        except subprocess.TimeoutExpired:
            up.kill()
            up.wait()
        _, left = psutil.wait_procs(started, timeout=10)
        assert not living(left), f"left running: {left}"
        assert up.returncode == code, stack.said()


@pytest.fixture(scope="session")
def stack() -> Iterator[StackUnderTest]:
    """The session's stack, which looks more often than by default and sooner believes that somebody is well.

    `conftest.py` ends it where tests of another kind follow.
    """
    with STANDING:
        data = Path(STANDING.enter_context(tempfile.TemporaryDirectory(prefix="selfheal-acceptance-")))
        data.chmod(0o711)
        estate, config = STANDING.enter_context(estate_running(data))
        text = config.read_text(encoding="utf-8").replace('healthy_delay = "5 s"', 'healthy_delay = "2 s"')
        config.write_text(f'{text}\n[watching]\nsweep = "1 s"\n', encoding="utf-8")
        yield STANDING.enter_context(stack_running(data, estate, config))
