"""Looks and acts within real containers: commands, files as the container sees them, memory, signals."""

import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from docker_fixtures import TestEngine
from estate_fixtures import until
from fakes import FakeInside

from selfheal.clients import docker_exec, inside_path
from selfheal.clients.docker_inside import DockerInside
from selfheal.model.check import MIB, Executed, PathStanding, PathState
from selfheal.model.errors import NotAllowed, Overrun, Permanent, SelfhealError
from selfheal.ports.within import ContainerInside

IDLE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
SOON, SECOND = timedelta(seconds=20), timedelta(seconds=1)


class Room:
    """A container that idles, and the client that looks into it."""

    def __init__(self, engine: TestEngine, **options: object) -> None:
        self.engine, self.inside = engine, DockerInside(url=engine.url)
        self.name = engine.run(script=str(options.pop("script", IDLE)), **options)
        self.id = str(engine.inspect(self.name)["Id"])

    def run(self, *command: str, timeout: timedelta = SOON) -> tuple[int, str]:
        done = self.inside.execute(self.id, command, timeout=timeout)
        return done.exit_code, done.output

    def running(self) -> int:
        api = self.engine.client.api
        return sum(api.exec_inspect(one)["Running"] for one in self.engine.inspect(self.name)["ExecIDs"] or ())

    def state(self, path: str, *, mounted: bool = False) -> PathState:
        return self.inside.path(self.id, path, mounted=mounted).state


@pytest.fixture
def room(docker_engine: TestEngine) -> Room:
    return Room(docker_engine)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "FILE").write_text("one")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Stand:
    """A container's inside, the fake's or a real one: what its commands come to, and a file that is there.

    Args:
        room: a real container; None: the fake's.
    """

    def __init__(self, room: Room | None) -> None:
        self._room, self.id = room, "b" * 64 if room is None else room.id

    def inside(self, *ends: Executed | Exception, path: PathState = PathState.PRESENT) -> ContainerInside:
        """Where the fake's commands end so, and its file stands so."""
        words = "" if path is PathState.PRESENT else "/there is not there"
        return (
            self._room.inside if self._room else FakeInside(executes=ends, path=PathStanding(state=path, detail=words))
        )


@pytest.fixture(params=["fake", "real"])
def stand(request: pytest.FixtureRequest) -> Stand:
    return Stand(request.getfixturevalue("room") if request.param == "real" else None)


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        (("sh", "-c", "echo said; exit 3"), Executed(exit_code=3, output="said")),
        (("sh", "-c", "exit 0"), Executed(exit_code=0, output="")),
    ],
)
def test_a_command_conforms(stand: Stand, command: Sequence[str], ends: Executed) -> None:
    """It ends with its code and its words, or overruns."""
    assert stand.inside(ends).execute(stand.id, tuple(command), timeout=SOON) == ends
    with pytest.raises(Overrun):
        stand.inside(Overrun("it took too long")).execute(stand.id, ("sleep", "1000"), timeout=SECOND)


@pytest.mark.parametrize(("path", "state"), [("/bin/sh", PathState.PRESENT), ("/no/such", PathState.MISSING)])
def test_a_look_conforms(stand: Stand, path: str, state: PathState) -> None:
    """What is there needs no words; what is gone is told with some."""
    found = stand.inside(path=state).path(stand.id, path, mounted=False)
    assert (found.state, bool(found.detail), found.id) == (state, state is not PathState.PRESENT, "")


def test_what_is_no_id_conforms(stand: Stand) -> None:
    """Nothing is asked of the engine, and nothing is done."""
    inside = stand.inside(Executed(exit_code=0, output=""))
    with pytest.raises(NotAllowed, match="is no id"):
        inside.execute("../x", ("true",), timeout=SOON)
    with pytest.raises(NotAllowed, match="is no id"):
        inside.path("../x", "/bin/sh", mounted=False)
    with pytest.raises(NotAllowed, match="is no id"):
        inside.memory("../x")
    with pytest.raises(NotAllowed, match="is no id"):
        inside.signal("../x", "SIGUSR1")


def test_a_command_ends_with_its_code_and_its_words(room: Room) -> None:
    """Both of its outputs; a program that is missing has the engine's code; arguments are no shell's."""
    code, said = room.run("sh", "-c", "echo out; echo err >&2; exit 3")
    assert (code, sorted(said.split())) == (3, ["err", "out"])
    assert room.run("sh", "-c", "exit 0") == (0, "")
    code, said = room.run("nosuch", "x")
    assert code in {126, 127}
    assert "nosuch" in said
    assert room.run("echo", "$HOME; rm -rf /") == (0, "$HOME; rm -rf /")


def test_nothing_of_short_outputs_is_lost(campaign: None, room: Room) -> None:
    """However soon a command ends."""
    assert [room.run("echo", str(one)) for one in range(10)] == [(0, str(one)) for one in range(10)]


def test_of_a_flood_the_end_is_kept(campaign: None, room: Room) -> None:
    """100 MB are read and let go; what is kept is small."""
    done = room.inside.execute(
        room.id, ("sh", "-c", "head -c 100000000 /dev/zero | tr '\\0' x; echo end"), timeout=SOON
    )
    assert (done.exit_code, done.cut, done.output[-4:], len(done.output) <= docker_exec.TAIL) == (0, True, "xend", True)


def test_a_command_that_hangs_is_ended_and_never_piles_up(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """It overruns its time and is killed; where it cannot be, the next one is not run beside it."""
    with pytest.raises(Overrun, match="it was ended"):
        room.run("sleep", "1000", timeout=SECOND)
    until("it has ended", lambda: room.running() == 0)
    monkeypatch.setattr(docker_exec, "is_of", lambda *_: False)  # as on another machine
    with pytest.raises(Overrun, match="still runs there"):
        room.run("sleep", "1001", timeout=SECOND)
    for _ in range(2):
        with pytest.raises(Overrun, match="not run beside it"):
            room.run("sleep", "1001", timeout=SECOND)
    assert room.running() == 1


def test_a_command_that_trickles_is_bounded(campaign: None, room: Room) -> None:
    """It is the whole that is bounded, not each silence."""
    begun = time.monotonic()
    with pytest.raises(Overrun):
        room.run("sh", "-c", "while :; do echo x; sleep 0.2; done", timeout=SECOND)
    assert time.monotonic() - begun < SOON.total_seconds()


def test_two_at_once_run_one_after_the_other(campaign: None, room: Room) -> None:
    """A look of the watcher and one of a heal wait for each other."""
    found: list[int] = []
    command = ("sh", "-c", "mkdir /tmp/mine || exit 9; sleep 0.3; rmdir /tmp/mine")
    threads = [threading.Thread(target=lambda: found.append(room.run(*command)[0])) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(SOON.total_seconds())
    assert len(found) == 2
    assert 0 in found


def test_a_dead_container_and_a_wrong_id_are_errors(room: Room) -> None:
    """Ours, and never an answer about another container."""
    room.engine.kill(room.name)
    until("Docker knows", lambda: not room.engine.state(room.name)["Running"])
    with pytest.raises(SelfhealError):
        room.run("sh")
    for wrong in ("", "a/../b", room.name):
        with pytest.raises(NotAllowed):
            room.inside.execute(wrong, ("sh",), timeout=SECOND)
        with pytest.raises(NotAllowed):
            room.inside.path(wrong, "/x", mounted=False)


@pytest.mark.parametrize("way", ["outside", "command", "engine"])
def test_a_file_is_seen_as_the_container_sees_it(
    docker_engine: TestEngine, shared: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """There, gone, and stale: whoever may look from outside does, else a command tells, else the engine alone."""
    room = Room(docker_engine, volumes={str(shared): {"bind": "/data", "mode": "ro"}})
    if way != "outside":
        monkeypatch.setattr(inside_path, "is_of", lambda *_: False)
    if way == "engine":
        monkeypatch.setattr(DockerInside, "execute", lambda *_, **__: (_ for _ in ()).throw(Permanent("no test in it")))
    assert room.state("/data/FILE") is PathState.PRESENT
    assert room.state("/bin/sh") is PathState.PRESENT, "a symbolic link is followed"
    assert room.state("/data/NONE") is PathState.MISSING
    assert way == "engine" or room.state("/data/FILE/x") is PathState.MISSING
    assert room.state("/data/FILE", mounted=True) is PathState.PRESENT
    assert room.state("/bin/sh", mounted=True) is PathState.NOT_MOUNTED
    shutil.rmtree(shared)
    shared.mkdir()
    assert room.state("/data/FILE") is PathState.MISSING, "neither here nor there"
    (shared / "FILE").write_text("two")
    assert room.state("/data/FILE") is (PathState.PRESENT if way == "engine" else PathState.STALE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root looks into other processes")
def test_rights_are_those_of_its_user(docker_engine: TestEngine, shared: Path) -> None:
    """What another user's process may not read is not well."""
    (shared / "FILE").chmod(0o600)
    room = Room(docker_engine, user="65534", volumes={str(shared): {"bind": "/data", "mode": "ro"}})
    assert room.state("/data/FILE") is PathState.UNREADABLE
    (shared / "FILE").chmod(0o644)
    assert room.state("/data/FILE") is PathState.PRESENT


def test_memory_is_counted_against_its_limit(campaign: None, docker_engine: TestEngine) -> None:
    """What it holds, and the limit that it was given; without one the limit is none, and not the machine's."""
    room = Room(docker_engine, script="x=$(head -c 12000000 /dev/zero | tr '\\0' x); " + IDLE, mem_limit="64m")
    try:
        until("it has grown", lambda: room.inside.memory(room.id).used > 10 * MIB)
    except Permanent as error:
        pytest.skip(str(error))
    assert room.inside.memory(room.id).limit == 64 * MIB
    assert room.inside.memory(Room(docker_engine).id).limit == 0


def test_a_signal_reaches_the_first_process(docker_engine: TestEngine) -> None:
    """Once each."""
    room = Room(docker_engine, script="trap 'echo got' USR1; " + IDLE)
    until("it runs", lambda: room.engine.state(room.name)["Running"])
    for count in (1, 2):
        room.inside.signal(room.id, "SIGUSR1")
        until("it came", lambda count=count: _logged(room).count("got") == count)  # type: ignore[misc]


def _logged(room: Room) -> str:
    return room.engine.client.containers.get(room.name).logs().decode()
