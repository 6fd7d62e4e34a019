"""Children of a real zygote, without a Prefect server: what they are, what they know of each other, what ends them.

A child says what it is while Prefect reads its logging configuration, which names a class of the test's; the engine
then finds no flow run and ends with 1.
"""

import asyncio
import errno
import json
import logging
import os
import signal
import textwrap
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from embedded_fixtures import gone

from deployments import orphans
from deployments.prefork import fallback
from deployments.prefork.forked import Forked, bury
from deployments.prefork.request import Request
from deployments.prefork.started import NoZygoteError
from deployments.prefork.zygotes import Zygotes

NO_RUN = 1
PROBE = textwrap.dedent("""
    import json, logging, os, random, signal, subprocess, sys, threading, time, uuid
    import stock

    class Probe(logging.NullHandler):
        def __init__(self, path):
            super().__init__()
            said = {
                "pid": os.getpid(), "parent": os.getppid(), "session": os.getsid(0), "folder": os.getcwd(),
                "environment": dict(os.environ), "argv": sys.argv, "first": sys.path[0], "price": stock.PRICE,
                "random": random.random(), "uuid": str(uuid.uuid4()), "threads": len(os.listdir("/proc/self/task")),
                "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
                "terminate": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
                "open": [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if n not in "012"
                         and os.path.exists(f"/proc/self/fd/{n}")],
            }
            open(path, "w").write(json.dumps(said))
            print("said so")
            if os.environ.get("LEAVES"):
                words = ["sleep", os.environ["LEAVES"]]
                left = subprocess.Popen(words, stdout=subprocess.DEVNULL, start_new_session=True)
                open(path + ".left", "w").write(str(left.pid))
            if os.environ.get("STAYS"):
                time.sleep(600)
""")


SHELF = 'from pathlib import Path\nPRICE = int(Path(__file__).with_name("price").read_text())\n'


class Forking:
    """A zygote over a shop of modules, and the children that are forked from it."""

    def __init__(self, folder: Path, zygotes: Zygotes) -> None:
        self.folder = folder
        self.zygotes = zygotes
        self._said = folder / "said.json"

    def request(self, **environment: str) -> Request:
        """A child that says what it is."""
        given = {
            **{name: os.environ[name] for name in ("PATH",)},
            "PREFECT_HOME": str(self.folder / "home"),
            "PREFECT_LOGGING_SETTINGS_PATH": str(self.folder / "logging.json"),
            "PYTHONPATH": str(self.folder),
            **environment,
        }
        return Request(environment=given, folder=str(self.folder / "work"), title="probe", preloaded=True)

    async def fork(self, **environment: str) -> Forked:
        with (self.folder / "output").open("ab") as output:
            return await self.zygotes.fork(
                lambda _: self.request(**environment), output=output.fileno(), errors=output.fileno()
            )

    async def said(self) -> dict[str, Any]:
        """Wait for the word of the child that was forked last."""
        while not self._said.exists() or not self._said.read_text():  # noqa: ASYNC110  another process writes it
            await asyncio.sleep(0.02)
        found: dict[str, Any] = json.loads(self._said.read_text())
        self._said.unlink()
        return found

    async def ask(self, **environment: str) -> dict[str, Any]:
        """Fork a child, hear what it is, and see it end as the engine does without a run."""
        child = await self.fork(**environment)
        said = await self.said()
        assert await child.wait() == NO_RUN, (self.folder / "output").read_text()
        return said


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Modules, and the logging configuration that makes a child speak."""
    (tmp_path / "work").mkdir()
    (tmp_path / "probe.py").write_text(PROBE)
    (tmp_path / "stock.py").write_text("from shelf import PRICE\n")
    (tmp_path / "shelf.py").write_text(SHELF)
    (tmp_path / "price").write_text("1")
    handler = {"class": "probe.Probe", "path": str(tmp_path / "said.json")}
    (tmp_path / "logging.json").write_text(json.dumps({"version": 1, "handlers": {"probe": handler}}))
    return tmp_path


@pytest.fixture
def forking(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Runs a scenario over a zygote; this process is a subreaper meanwhile, as a worker is."""
    monkeypatch.setenv("PYTHONPATH", str(shop))
    assert fallback.unavailable() == ""

    def play(scenario: Callable[[Forking], Awaitable[None]], *modules: str, most_runs: int = 100, **also: str) -> None:
        for name, value in also.items():
            monkeypatch.setenv(name, value)

        async def wanted() -> list[str]:
            return list(modules)

        async def run() -> None:
            zygotes = Zygotes(modules=wanted, most_runs=most_runs, log=logging.getLogger("forking"))
            try:
                async with asyncio.timeout(120):
                    await scenario(Forking(shop, zygotes))
            finally:
                await zygotes.end()

        asyncio.run(run())

    yield play
    orphans._prctl(orphans.PR_SET_CHILD_SUBREAPER, 0)


def test_a_child_is_a_process_of_its_own(forking: Callable[..., None], shop: Path) -> None:
    """Environment, folder, parent, signals, randomness are a new process's; no descriptor and no secret is left."""

    async def scenario(zygote: Forking) -> None:
        first = await zygote.ask(TOKEN="secret", OMP_NUM_THREADS="1")
        second = await zygote.ask(COLOUR="red")
        for said in (first, second):
            assert said["parent"] == os.getpid()
            assert said["session"] == said["pid"]
            assert said["folder"] == said["first"] == str(shop / "work")
            assert said["threads"] == 1
            assert said["open"] == []
            assert said["interrupt"]
            assert said["terminate"]
            assert len(said["argv"]) == 1
        wanted: Mapping[str, str] = zygote.request(COLOUR="red").environment
        assert second["environment"] == wanted
        assert first["environment"]["TOKEN"] == "secret"
        assert first["random"] != second["random"]
        assert first["uuid"] != second["uuid"]
        assert (shop / "output").read_text().count("said so") == 2

    forking(scenario, "stock", SECRET_OF_THE_WORKER="hush")


def test_the_death_of_a_zygote_ends_no_child(forking: Callable[..., None]) -> None:
    """The child goes on and its exit code arrives; the next one comes from another zygote."""

    async def scenario(zygote: Forking) -> None:
        staying = await zygote.fork(STAYS="yes")
        said = await zygote.said()
        before = zygote.zygotes._current
        assert before is not None
        os.kill(before.process.pid, signal.SIGKILL)
        assert (await zygote.ask())["pid"] != said["pid"]
        after = zygote.zygotes._current
        assert after is not None
        assert after.process.pid != before.process.pid
        assert not gone(staying.pid)
        os.kill(staying.pid, signal.SIGKILL)
        assert await staying.wait() == -signal.SIGKILL

    forking(scenario, "stock")


def test_what_a_child_leaves_behind_is_collected(forking: Callable[..., None], shop: Path) -> None:
    """A process that outlives the child that started it comes to us, and is no zombie for ever."""

    async def scenario(zygote: Forking) -> None:
        child = await zygote.fork(LEAVES="600")
        await child.wait()
        left = int((shop / "said.json.left").read_text())
        assert os.getsid(left) == left
        os.kill(left, signal.SIGKILL)
        while not gone(left):  # noqa: ASYNC110  another process ends
            await asyncio.sleep(0.01)
        zygote.zygotes.bury()
        assert os.getsid(left) == left
        zygote.zygotes.bury()
        with pytest.raises(ProcessLookupError):
            os.getsid(left)

    forking(scenario, "stock")


def test_a_child_that_we_no_longer_hear_is_collected(
    forking: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told nothing, ends, and is no zombie for ever."""

    async def scenario(zygote: Forking) -> None:
        await zygote.ask()
        current = zygote.zygotes._current
        assert current is not None
        monkeypatch.setattr("deployments.prefork.started.ANSWER_SECONDS", 0.0)
        with open(os.devnull, "wb") as output, pytest.raises(TimeoutError):  # noqa: PTH123, ASYNC230
            await current.fork(zygote.request(), output.fileno(), output.fileno())
        while not (late := bury(())):  # noqa: ASYNC110  another process ends
            await asyncio.sleep(0.01)
        bury(late)
        assert not late & bury(())
        assert not (zygote.folder / "said.json").exists()

    forking(scenario, "stock")


def test_a_worker_short_of_descriptors_keeps_its_zygote(
    forking: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one would not help; nothing is forked, and that is said."""

    async def scenario(zygote: Forking) -> None:
        await zygote.zygotes._of_today()
        before = zygote.zygotes._current
        with monkeypatch.context() as short:
            short.setattr("deployments.prefork.started.socket.socketpair", _none_left)
            with pytest.raises(NoZygoteError, match="Too many open files"):
                await zygote.fork()
        await zygote.ask()
        assert zygote.zygotes._current is before

    forking(scenario, "stock")


def _none_left() -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_a_frozen_zygote_is_replaced(forking: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that does not come is asked for again from another zygote."""
    monkeypatch.setattr("deployments.prefork.started.ANSWER_SECONDS", 5.0)

    async def scenario(zygote: Forking) -> None:
        await zygote.zygotes._of_today()
        before = zygote.zygotes._current
        assert before is not None
        os.kill(before.process.pid, signal.SIGSTOP)
        await zygote.ask()
        assert gone(before.process.pid)

    forking(scenario, "stock")


def test_changed_code_is_run_by_the_next_child(forking: Callable[..., None], shop: Path) -> None:
    """An edit, a mistake and its repair are each seen at once, in whatever was read; a mistake fails only the child."""

    async def scenario(zygote: Forking) -> None:
        assert (await zygote.ask())["price"] == 1
        (shop / "price").write_text("1000")
        assert (await zygote.ask())["price"] == 1000
        (shop / "shelf.py").write_text("PRICE = (\n")
        failing = await zygote.fork()
        assert await failing.wait() == NO_RUN
        current = zygote.zygotes._current
        assert current is not None
        assert "SyntaxError" in current.ready.left_out["stock"]
        assert not (shop / "said.json").exists()
        (shop / "shelf.py").write_text("PRICE = 3\n")
        assert (await zygote.ask())["price"] == 3
        current = zygote.zygotes._current
        assert current is not None
        assert list(current.ready.modules) == ["stock"]

    forking(scenario, "stock")


def test_what_makes_forking_unsafe_is_not_imported_ahead(
    forking: Callable[..., None], shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What starts a thread, hangs, ends the process, leaves or is not there is left out; nothing of it stays."""
    sets = "os.environ['OF_A_FILE'] = 'secret'; os.chdir('/')"
    thread = "threading.Thread(target=time.sleep, args=(600,)).start()"
    (shop / "threads.py").write_text(f"import os, threading, time\n{sets}\n{thread}\n")
    (shop / "leaves.py").write_text("raise SystemExit(3)\n")
    (shop / "hangs.py").write_text("import time\ntime.sleep(600)\n")
    (shop / "kills.py").write_text("import os\nos._exit(7)\n")
    monkeypatch.setattr("deployments.prefork.started.IMPORT_SECONDS", 5.0)

    async def scenario(zygote: Forking) -> None:
        assert "OF_A_FILE" not in (await zygote.ask())["environment"]
        current = zygote.zygotes._current
        assert current is not None
        assert list(current.ready.modules) == ["stock"]
        why = current.ready.left_out
        assert "starts 1 thread" in why["threads"]
        assert "SystemExit" in why["leaves"]
        assert "ModuleNotFoundError" in why["nowhere"]
        assert "takes more than 5 s" in why["hangs"]
        assert "ends the process" in why["kills"]

    forking(scenario, "hangs", "kills", "leaves", "nowhere", "stock", "threads")


def test_a_zygote_is_replaced_after_its_number_of_runs(forking: Callable[..., None]) -> None:
    """Beside the running one: no child waits for it."""

    async def scenario(zygote: Forking) -> None:
        await zygote.ask()
        before = zygote.zygotes._current
        while zygote.zygotes._current is before:
            await zygote.ask()
        assert before is not None
        assert gone(before.process.pid)

    forking(scenario, "stock", most_runs=2)


def test_where_no_zygote_can_be_started_it_says_so(forking: Callable[..., None], shop: Path) -> None:
    """An interpreter that does not get that far: the worker is told, and asks again only after a while."""
    (shop / "prefect.py").write_text("raise RuntimeError('not this one')\n")

    async def scenario(zygote: Forking) -> None:
        why = await zygote.zygotes.refusal()
        assert "ends when it is started" in why
        assert await zygote.zygotes.refusal() == why
        with pytest.raises(NoZygoteError):
            await zygote.fork()

    forking(scenario, "stock")
