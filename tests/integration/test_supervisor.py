"""The supervisor and its guardian over real trees of processes."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from embedded_fixtures import gone, until
from supervised_tree import noted

from benchmarks.freezing import freeze, frozen
from deployments import stackfile
from deployments.embedded import child
from deployments.part import Part, PartStatus, State
from deployments.slot import Slot
from deployments.supervisor import Supervisor
from selfheal.model.errors import Permanent

PROGRAM = Path(__file__).with_name("supervised_tree.py")


@dataclass(frozen=True, kw_only=True)
class Running:
    """A guarded supervisor in a process of its own."""

    folder: Path
    guardian: subprocess.Popen[bytes]

    def status(self, name: str) -> PartStatus | None:
        stack = stackfile.read(self.folder / "run" / "stack.json")
        return next((part for part in stack.parts if part.name == name), None) if stack else None

    def is_ready(self, name: str, *, restarts: int = 0) -> bool:
        part = self.status(name)
        return part is not None and part.state is State.READY and part.restarts >= restarts

    def supervisor(self) -> int:
        stack = stackfile.read(self.folder / "run" / "stack.json")
        assert stack is not None
        return stack.pid

    def pid(self, name: str) -> int:
        part = self.status(name)
        assert part is not None
        assert part.pid is not None
        return part.pid

    def everybody(self) -> list[int]:
        return [process.pid for process in psutil.Process(self.guardian.pid).children(recursive=True)]

    def log(self) -> str:
        return (self.folder.parent / "output").read_text()


@contextlib.contextmanager
def supervised(folder: Path, *parts: str, seconds: float = 120.0) -> Iterator[Running]:
    with (folder.parent / "output").open("wb") as output:
        guardian = subprocess.Popen(
            child.wrapped(
                [sys.executable, PROGRAM, folder, *parts], parent=os.getpid(), death_signal="TERM"
            ),  # an aborted pytest leaves nothing behind either
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Running(folder=folder, guardian=guardian)
    everybody: Sequence[int] = ()
    try:
        until(
            lambda: all(running.is_ready(part) for part in parts) or guardian.poll() is not None,
            seconds=seconds,
        )
        everybody = running.everybody() if guardian.poll() is None else ()
        yield running
    finally:
        guardian.terminate()
        guardian.wait(60)
        until(all_gone(everybody))


def all_gone(pids: Sequence[int]) -> Callable[[], bool]:
    return lambda: all(gone(pid) for pid in pids)


@contextlib.contextmanager
def in_a_terminal(folder: Path, *before: str) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], None]]]:
    """A guarded supervisor in a terminal of its own, and what closes that; `before` is what starts it."""
    terminal, ours = pty.openpty()
    own_it = "import fcntl, os, sys, termios as t; fcntl.ioctl(0, t.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
    with contextlib.ExitStack() as closing:
        close = closing.enter_context(os.fdopen(terminal, "wb", 0)).close
        with (folder.parent / "output").open("wb") as output:
            guardian = subprocess.Popen(
                child.wrapped(
                    [sys.executable, "-c", own_it, *before, sys.executable, PROGRAM, folder, "nats"],
                    parent=os.getpid(),
                    death_signal="TERM",
                ),
                stdin=ours,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        os.close(ours)
        closing.callback(guardian.wait)
        closing.callback(guardian.terminate)
        until(lambda: stackfile.read(folder / "run" / "stack.json") is not None)
        yield guardian, close


@pytest.mark.parametrize("victims", [("guardian",), ("supervisor",)])
def test_kill_9_of_either_leaves_nothing(scratch: Path, victims: tuple[str, ...]) -> None:
    """After a kill -9 of guardian or supervisor every descendant ends, whatever it does with signals."""
    with supervised(scratch, "deaf", "postgres") as running:
        until(lambda: bool(noted(scratch, "grandchild")))
        everybody = running.everybody()
        pids = {"guardian": running.guardian.pid, "supervisor": running.supervisor()}
        assert len(everybody) > 10
        assert set(noted(scratch, "grandchild")) <= set(everybody)
        for victim in victims:
            os.kill(pids[victim], signal.SIGKILL)
        until(all_gone(everybody))
        until(lambda: running.guardian.poll() is not None)
    expected = -signal.SIGKILL if victims == ("guardian",) else 128 + signal.SIGKILL
    assert running.guardian.returncode == expected
    assert stackfile.read(scratch / "run" / "stack.json") is None


def test_kill_9_of_both_ends_the_parts(scratch: Path) -> None:
    """When guardian and supervisor die at once the kernel ends the parts, and Postgres ends its backends."""
    with supervised(scratch, "postgres", "nats") as running:
        everybody = running.everybody()
        for pid in (running.supervisor(), running.guardian.pid):
            os.kill(pid, signal.SIGKILL)
        until(all_gone(everybody))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("whole_group", [True, False])
def test_stops_in_order(scratch: Path, number: signal.Signals, *, whole_group: bool) -> None:
    """A stop signal to the guardian alone or to its whole group (Ctrl-C) ends everything with code 0."""
    with supervised(scratch, "deaf", "nats") as running:
        everybody = running.everybody()
        (os.killpg if whole_group else os.kill)(running.guardian.pid, number)
        assert running.guardian.wait(60) == 0, running.log()
        assert all(gone(pid) for pid in everybody)
        assert not (scratch / "run" / "stack.json").exists()


def test_a_hangup_is_handed_on_until_the_terminal_is_closed(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGHUP means what the owner wants it to mean, and the parts go on; from a terminal that was closed: stop."""
    monkeypatch.setenv("SUPERVISED_HANGUP", "1")
    with supervised(scratch, "nats") as running:
        nats = running.pid("nats")
        os.kill(running.guardian.pid, signal.SIGHUP)
        until((scratch / "hangup").exists)
        assert running.pid("nats") == nats
    (scratch / "hangup").unlink()
    with in_a_terminal(scratch) as (guardian, close):
        guardian.send_signal(signal.SIGHUP)
        until((scratch / "hangup").exists)
        close()
        assert guardian.wait(60) == 0
    assert not (scratch / "run" / "stack.json").exists()


def test_below_nohup_a_closed_terminal_ends_nothing(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who started us with SIGHUP ignored wants us to outlive the terminal: its end is no stop."""
    monkeypatch.setenv("SUPERVISED_HANGUP", "1")
    with in_a_terminal(scratch, "nohup") as (guardian, close):
        close()
        until((scratch / "hangup").exists)
        assert stackfile.read(scratch / "run" / "stack.json") is not None
        guardian.terminate()
        assert guardian.wait(60) == 0


def test_a_killed_part_comes_back_without_its_orphans(scratch: Path) -> None:
    """A part ended by kill -9 is started again, after its children and grandchildren have been ended."""
    with supervised(scratch, "tree", "nats") as running:
        until(lambda: bool(noted(scratch, "grandchild")))
        first, nats = running.pid("tree"), running.pid("nats")
        below = [process.pid for process in psutil.Process(first).children(recursive=True)]
        assert set(noted(scratch, "grandchild")) <= set(below)
        os.kill(first, signal.SIGKILL)
        until(lambda: running.is_ready("tree", restarts=1))
        assert all(gone(pid) for pid in below)
        status = running.status("tree")
        assert status is not None
        assert (status.restarts, status.last_exit) == (1, "killed by SIGKILL")
        assert running.pid("nats") == nats


def test_a_frozen_part_is_replaced(scratch: Path) -> None:
    """A part that lives but does not answer for the agreed number of probes is killed and started again."""
    with supervised(scratch, "tree") as running:
        first = running.pid("tree")
        freeze(first)
        until(lambda: running.is_ready("tree", restarts=1))
        assert gone(first)


def test_a_frozen_supervisor_still_ends(scratch: Path) -> None:
    """A stopped supervisor whose guardian is killed ends everything as soon as it runs again."""
    with supervised(scratch, "tree") as running:
        everybody, supervisor = running.everybody(), running.supervisor()
        with frozen(supervisor):
            os.kill(running.guardian.pid, signal.SIGKILL)
        until(all_gone(everybody))


def test_dependencies_start_first(scratch: Path) -> None:
    """A part is started only when the one that it depends on is ready."""
    with supervised(scratch, "tree", "after"):
        assert (scratch / "events").read_text().split("\n")[:2] == ["start tree", "start after"]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("refused", "refused: port 4200 is in use by another program; free it or set prefect.port"),
        ("closed", "closed: user nobody cannot enter /closed"),
    ],
)
def test_a_refused_first_start_ends_the_stack(scratch: Path, part: str, message: str) -> None:
    """A part that can never start is told once, in words, and the others are stopped."""
    with supervised(scratch, "nats", part) as running:
        assert running.guardian.wait(60) == 2
        assert message in running.log().splitlines()


@pytest.mark.parametrize("server", ["postgres", "nats"])
def test_a_killed_server_comes_back(scratch: Path, server: str) -> None:
    """Postgres and NATS come back by themselves after a kill -9, Postgres although its backends lived on."""
    with supervised(scratch, server) as running:
        os.kill(running.pid(server), signal.SIGKILL)
        until(lambda: running.is_ready(server, restarts=1))


def test_a_second_stack_in_the_same_folder_is_refused(scratch: Path) -> None:
    """A second start names the process that holds the folder, and the first runs on."""
    with supervised(scratch, "nats") as running:
        second = subprocess.run(
            [sys.executable, str(PROGRAM), str(scratch), "nats"], capture_output=True, text=True, check=False
        )
        assert f"a stack already runs in {scratch} (process {running.supervisor()})" in second.stderr
        assert running.is_ready("nats")


def test_parts_out_of_order_are_refused() -> None:
    """A list in which a part depends on a later one is refused before anything starts."""

    def start() -> subprocess.Popen[bytes]:
        raise AssertionError

    with pytest.raises(Permanent, match="depends on a part that does not come before it"):
        Supervisor([Part(name="a", start=start, depends_on=frozenset({"b"}))])


def test_a_file_of_another_process_is_stale(tmp_path: Path) -> None:
    """A stack file whose process number belongs to a younger process counts as none."""
    path = tmp_path / "stack.json"
    mine = stackfile.current(urls={}, ports={}, parts=())
    stackfile.write(path, mine)
    assert stackfile.read(path) == mine
    assert path.stat().st_mode & 0o077 == 0
    older = stackfile.Stack(pid=mine.pid, started_at=time.time() - 10**6, urls={}, ports={}, parts=())
    stackfile.write(path, older)
    assert stackfile.read(path) is None


def test_a_part_that_is_to_begin_anew_is_killed_and_started_again(tmp_path: Path) -> None:
    """Its end is seen and mended as any other; where it does not run nothing happens."""

    def start() -> subprocess.Popen[bytes]:
        words = [sys.executable, "-S", "-c", "import signal; signal.pause()"]
        return subprocess.Popen(child.wrapped(words, parent=os.getpid()), stdin=subprocess.DEVNULL)

    slot = Slot(Part(name="part", start=start, log=tmp_path / "log"), wake=lambda: None)
    slot.end()
    slot.start(0.0)
    first = slot.pid
    slot.end()
    until(lambda: slot.look_for_exit(1.0))
    assert (slot.state, slot.pid) == (State.RESTARTING, None)
    slot.advance(slot.due)
    slot.start(slot.due)
    assert slot.pid not in {None, first}
    slot.kill()
