"""Memory and signals of real processes of this machine, and the pids that mean something else."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fakes import FakeProcesses

from selfheal.clients.local_process import LocalProcesses
from selfheal.model.check import MIB
from selfheal.model.errors import NotAllowed, Permanent, TargetChanged
from selfheal.model.observation import Incarnation
from selfheal.ports.within import LocalProcesses as Processes

PROGRAM = """
import signal, sys
signal.signal(signal.SIGUSR1, lambda *_: print("got", flush=True))
print("ready", flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def program() -> Iterator[subprocess.Popen[str]]:
    """A process that tells of each SIGUSR1, and of nothing else."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def life_of(process: subprocess.Popen[str]) -> Incarnation:
    return Incarnation(pid=process.pid, started_at=int(time.time()), state="RUNNING")


@pytest.fixture(params=["fake", "real"])
def processes(request: pytest.FixtureRequest) -> Processes:
    """Of this machine; the program of this test handles SIGUSR1."""
    return LocalProcesses() if request.param == "real" else FakeProcesses(used=10 * MIB, handled=("SIGUSR1",))


def test_a_process_conforms(processes: Processes, program: subprocess.Popen[str]) -> None:
    """Its memory is told and its signal sent; what it does not handle is refused first, then what is another life."""
    life, asked = life_of(program), list[bool]()

    def still() -> bool:
        asked.append(True)
        return True

    assert 0 < processes.memory(life).used < 1000 * MIB
    processes.signal(life, "SIGUSR1", still=still)
    assert asked == [True]
    with pytest.raises(NotAllowed, match="does not handle SIGUSR2 and would end by it: nothing was sent"):
        processes.signal(life, "SIGUSR2", still=lambda: False)
    with pytest.raises(TargetChanged, match="restarted by somebody else meanwhile: nothing was sent"):
        processes.signal(life, "SIGUSR1", still=lambda: False)


def test_no_process_conforms(processes: Processes) -> None:
    """A program that its supervisor has stopped has the pid 0."""
    stopped = Incarnation(pid=0, started_at=0, state="STOPPED")
    with pytest.raises(Permanent, match="no process"):
        processes.memory(stopped)
    with pytest.raises(TargetChanged, match="nothing was sent"):
        processes.signal(stopped, "SIGUSR1", still=lambda: True)


def test_it_holds_some_memory(program: subprocess.Popen[str]) -> None:
    """An interpreter holds more than a megabyte and less than all."""
    assert MIB < LocalProcesses().memory(life_of(program)).used < 1000 * MIB


def test_a_signal_is_sent_once(program: subprocess.Popen[str]) -> None:
    """The program tells of it."""
    LocalProcesses().signal(life_of(program), "SIGUSR1", still=lambda: True)
    assert program.stdout is not None
    assert program.stdout.readline() == "got\n"


def test_a_signal_that_would_end_it_is_not_sent(program: subprocess.Popen[str]) -> None:
    """What the program does not handle."""
    processes, life = LocalProcesses(), life_of(program)
    with pytest.raises(NotAllowed, match="does not handle SIGUSR2"):
        processes.signal(life, "SIGUSR2", still=lambda: True)
    assert program.poll() is None


def test_another_life_gets_nothing(program: subprocess.Popen[str]) -> None:
    """Its supervisor tells of another one by now, it has ended, or its pid was given to a process of another age."""
    processes, life = LocalProcesses(), life_of(program)
    with pytest.raises(TargetChanged, match="restarted by somebody else"):
        processes.signal(life, "SIGUSR1", still=lambda: False)
    reused = replace(life, started_at=life.started_at - 3600)
    with pytest.raises(Permanent, match="another one"):
        processes.signal(reused, "SIGUSR1", still=lambda: True)
    with pytest.raises(Permanent, match="another one"):
        processes.memory(reused)
    program.send_signal(signal.SIGKILL)
    program.wait()
    with pytest.raises(TargetChanged):
        processes.signal(life, "SIGUSR1", still=lambda: True)
    with pytest.raises(Permanent, match="no process"):
        processes.memory(life)


def test_a_pid_of_no_process_is_none_of_ours() -> None:
    """0 is our own group, and never signalled."""
    with pytest.raises((TargetChanged, Permanent)):
        LocalProcesses().signal(Incarnation(pid=0, started_at=0, state="STOPPED"), "SIGUSR1", still=lambda: True)
