"""The client of supervisord against a real one; the fake passes the same conformance tests."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from estate_fixtures import SOON, until
from fakes import FakeControl

from benchmarks.freezing import frozen
from deployments.demo.estate import Estate
from deployments.demo.faults import Faults
from deployments.embedded.child import wrapped
from selfheal.clients.supervisor import Supervisor
from selfheal.model.errors import NotAllowed, Permanent, SelfhealError, Transient
from selfheal.ports import ServiceControl

SECOND = timedelta(seconds=1)


@pytest.fixture(params=["fake", "real"])
def control(request: pytest.FixtureRequest) -> ServiceControl:
    """A supervisor that runs `sleeper-0` and `sleeper-1`."""
    if request.param == "fake":
        return FakeControl(**{"sleeper-0": "RUNNING", "sleeper-1": "RUNNING"})
    estate: Estate = request.getfixturevalue("estate")
    return estate.control()


def test_stop_and_start(control: ServiceControl) -> None:
    """A stop ends the life, a start begins another one, and other programs keep theirs."""
    before, other = control.process("sleeper-0"), control.process("sleeper-1")
    control.stop("sleeper-0", timeout=SOON)
    stopped = control.process("sleeper-0")
    assert (stopped.running, stopped.state) == (False, "STOPPED")
    control.start("sleeper-0", timeout=SOON)
    after = control.process("sleeper-0")
    assert after.running
    assert not after.same_life(before)
    assert control.process("sleeper-1").same_life(other)


def test_repeating_is_no_error(control: ServiceControl) -> None:
    """Stopping what does not run and starting what runs changes nothing."""
    before = control.process("sleeper-0")
    control.start("sleeper-0", timeout=SOON)
    assert control.process("sleeper-0").same_life(before)
    control.stop("sleeper-0", timeout=SOON)
    control.stop("sleeper-0", timeout=SOON)
    assert control.process("sleeper-0").state == "STOPPED"


def test_all_agrees_with_one(control: ServiceControl) -> None:
    """The list of all holds what a question for one answers."""
    assert control.processes()["sleeper-1"] == control.process("sleeper-1")


def test_unknown_program(control: ServiceControl) -> None:
    """A program that does not exist is told with the nearest name, whatever is asked."""
    for ask in (
        lambda: control.process("sleper-0"),
        lambda: control.stop("sleper-0", timeout=SOON),
        lambda: control.start("sleper-0", timeout=SOON),
    ):
        with pytest.raises(Permanent, match="did you mean 'sleeper-0'"):
            ask()


@pytest.mark.parametrize("name", ["../sleeper-0", ""])
def test_a_name_that_is_none(control: ServiceControl, name: str) -> None:
    """What is no name never reaches the supervisor."""
    with pytest.raises(NotAllowed):
        control.process(name)


@pytest.mark.parametrize("name", ["*", "all", "a:b:c", "a b", "x" * 101, "a\nb", "group:*"])
def test_wildcards_touch_nothing(estate: Estate, name: str) -> None:
    """Names that supervisord would take for many programs are refused."""
    before = estate.control().processes()
    with pytest.raises(SelfhealError):
        estate.control().stop(name, timeout=SOON)
    assert estate.control().processes() == before


def test_a_death_is_seen_at_once(estate: Estate, faults: Faults) -> None:
    """The first question after a kill already tells of it, though supervisord looks only once a second."""
    for _ in range(5):
        faults.kill("sleeper-2")
        assert not estate.control().process("sleeper-2").running
        estate.control().start("sleeper-2", timeout=SOON)


def test_wrong_password(estate: Estate) -> None:
    """A wrong password is told as that, and nothing of it is shown."""
    control = Supervisor(url=estate.url("supervisor"), username="demo", password="wr0ng")
    with pytest.raises(Permanent, match="does not accept the user or the password") as refusal:
        control.processes()
    assert "wr0ng" not in str(refusal.value)


def test_nobody_there(free_port: int) -> None:
    """A supervisor that is away may come back."""
    with pytest.raises(Transient, match="no supervisor listens"):
        Supervisor(url=f"http://127.0.0.1:{free_port}").processes()
    with pytest.raises(Transient, match="no supervisor listens"):
        Supervisor(url="unix:///nowhere/supervisor.sock").processes()


def test_frozen_supervisor(estate: Estate) -> None:
    """A frozen supervisord holds nobody beyond the time-out, and answers again afterwards."""
    pid = int((estate.folder / "supervisord.pid").read_text())
    control = Supervisor(
        url=estate.url("supervisor"), username="demo", password=estate.password, timeout=timedelta(seconds=0.3)
    )
    with frozen(pid), pytest.raises(Transient, match="did not answer"):
        control.processes()
    until("it answers again", lambda: bool(control.processes()))


@pytest.mark.parametrize("url", ["", "http://", "https://x:1", "unix://", "http://me:pw@h:1", "http://h:port", "h:1"])
def test_wrong_url(url: str) -> None:
    """A URL that supervisord cannot listen on is refused before the first call."""
    with pytest.raises(Permanent, match="supervisor's url"):
        Supervisor(url=url)


def test_many_threads(estate: Estate) -> None:
    """One client serves many threads at the same time."""
    control = estate.control()
    with ThreadPoolExecutor(max_workers=8) as pool:
        seen = list(pool.map(lambda _: set(control.processes()), range(40)))
    programs = {*estate.programs, *(f"sleeper-{number}" for number in range(estate.sleepers))}
    assert seen == [programs] * 40


def test_log_tail(estate: Estate) -> None:
    """The end of the log is given, also when it is cut within a character."""
    control = estate.control()
    log = estate.folder / "logs" / "orchestrator.log"
    with log.open("a", encoding="utf-8") as file:
        file.write("an \N{SNOWMAN} and \x1b[31mred\x1b[0m, the end\n")
    tail = control.log_tail("orchestrator", size=2000)
    assert tail.endswith("the end\n")
    assert "\x1b" not in tail
    wanted = len("\N{SNOWMAN} and \x1b[31mred\x1b[0m, the end\n".encode())
    assert control.log_tail("orchestrator", size=wanted - 1).endswith("the end\n")


def test_log_that_is_no_text(estate: Estate) -> None:
    """A log that supervisord itself cannot decode is an error of ours, not a traceback."""
    (estate.folder / "logs" / "sleeper-3.log").write_bytes(b"\xff\xfe" * 50)
    with pytest.raises(Transient):
        estate.control().log_tail("sleeper-3", size=50)
    (estate.folder / "logs" / "sleeper-3.log").write_bytes(b"")
    assert estate.control().log_tail("sleeper-3", size=50) == ""


@dataclass
class Impostor:
    """A server on a free port that gives the same bytes to everybody."""

    port: int
    answer: bytes
    pause_seconds: float = 0  # after each byte


def _give(connection: socket.socket, server: Impostor) -> None:
    """The answer, and then read to the end: closing with unread bytes would reset the connection."""
    connection.recv(65536)
    step = 1 if server.pause_seconds else max(1, len(server.answer))
    for start in range(0, len(server.answer), step):
        connection.sendall(server.answer[start : start + step])
        threading.Event().wait(server.pause_seconds)
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    """Something that is no supervisord."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Impostor(port=listener.getsockname()[1], answer=b"")

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):  # the client may go first
                    _give(connection, server)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nhello", Permanent),
        (b"HTTP/1.1 200 OK\r\n\r\n<methodResponse/>", Permanent),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", Permanent),
        (b"HTTP/1.1 500 Oops\r\n\r\n", Transient),
        (b"SSH-2.0-OpenSSH\r\n", Transient),
        (b"", Transient),
    ],
)
def test_something_else_listens(impostor: Impostor, answer: bytes, error: type[SelfhealError]) -> None:
    """What is no supervisord is told as that."""
    impostor.answer = answer
    with pytest.raises(error):
        Supervisor(url=f"http://127.0.0.1:{impostor.port}", timeout=SECOND).processes()


def test_an_endless_answer_is_cut(impostor: Impostor, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is not read beyond its bound."""
    monkeypatch.setattr("selfheal.clients.supervisor_rpc.ANSWER_LIMIT", 1000)
    impostor.answer = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000
    with pytest.raises(Transient, match="longer than"):
        Supervisor(url=f"http://127.0.0.1:{impostor.port}", timeout=SECOND).processes()


def test_a_trickling_answer_does_not_prolong_the_time(impostor: Impostor) -> None:
    """Bytes that come one by one are cut off with the time-out."""
    impostor.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"x" * 300
    impostor.pause_seconds = 0.02
    with pytest.raises(Transient, match="did not answer"):
        Supervisor(url=f"http://127.0.0.1:{impostor.port}", timeout=timedelta(seconds=0.3)).processes()


CONFIGURATION = """\
[supervisord]
nodaemon=true
silent=true
minfds=64
minprocs=10
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[unix_http_server]
file={folder}/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:nofile]
command={folder}/does-not-exist
autostart=false
[program:notexecutable]
command={folder}/supervisord.conf
autostart=false
[program:stubborn]
command=sh -c 'trap "" TERM; while :; do sleep 0.1; done'
stopwaitsecs=1
startsecs=0
autorestart=false
[group:pair]
programs=left
[program:left]
command=sleep 1000
startsecs=0
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """A supervisord on a socket file, with programs that make trouble."""
    folder: Path = tmp_path_factory.mktemp("s")
    (folder / "supervisord.conf").write_text(CONFIGURATION.format(folder=folder))
    argv = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(folder / "supervisord.conf")]
    client = Supervisor(url=f"unix://{folder}/s.sock")
    with subprocess.Popen(wrapped(argv, parent=os.getpid())) as supervisord:
        until("stubborn runs", lambda: client.process("stubborn").state == "RUNNING")
        yield client
        for name in ("stubborn", "pair:left"):
            client.stop(name, timeout=SOON)
        supervisord.kill()


@pytest.mark.parametrize("name", ["nofile", "notexecutable"])
def test_a_command_that_cannot_run(small: Supervisor, name: str) -> None:
    """A start that can never work is told as that."""
    with pytest.raises(Permanent, match="cannot be run"):
        small.start(name, timeout=SOON)


def test_names_of_groups(small: Supervisor) -> None:
    """A program of a group goes by `group:name`."""
    before = small.processes()["pair:left"]
    assert small.process("pair:left").same_life(before)


def test_stop_is_bounded_and_can_be_repeated(small: Supervisor) -> None:
    """A stop that takes too long says so; the next one waits for the same end; a start then really starts."""
    small.start("stubborn", timeout=SOON)
    before = small.process("stubborn")
    with pytest.raises(Transient):
        small.stop("stubborn", timeout=timedelta(seconds=0.2))
    assert small.process("stubborn").state == "STOPPING"
    with pytest.raises(Transient):
        small.stop("stubborn", timeout=timedelta(seconds=0.1))
    small.start("stubborn", timeout=SOON)
    after = small.process("stubborn")
    assert after.running
    assert not after.same_life(before)
