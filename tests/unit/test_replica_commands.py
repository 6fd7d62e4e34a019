"""Numbers of replicas by real programs of this machine; the fake of a set behaves like them."""

import os
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from estate_fixtures import until
from fakes import FakeReplicas

from selfheal.clients import replica_commands
from selfheal.clients.replica_commands import ReplicaCommands
from selfheal.model.check import Replicas, Scale
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Overrun, Permanent, SelfhealError, Transient
from selfheal.ports import ReplicaSets

PROGRAM = """#!/bin/sh
case $1 in
count) cat "$0.number" ;;
run) echo "$2" > "$0.number"; echo "$2" >> "$0.ledger" ;;
esac
"""


def made(folder: Path, script: str = PROGRAM) -> Path:
    program = folder / "set"
    program.write_text(script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (folder / "set.number").write_text("2")
    return program


def component(program: Path, **scale: object) -> Component:
    known = {"count": (str(program), "count"), "command": (str(program), "run", "{replicas}"), **scale}
    return Component(name="api", target="t", probe=ProbeKind.HTTP, scale=Scale(most=9, **known))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["real", "fake"])
def test_a_number_is_told_and_changed(tmp_path: Path, kind: str) -> None:
    """Asked for twice it is the same; down again as well."""
    sets: ReplicaSets = ReplicaCommands() if kind == "real" else FakeReplicas(2)
    api = component(made(tmp_path))
    assert sets.look(api) == Replicas(running=2, there=2)
    for number in (3, 3, 1):
        assert sets.bring_to(api, number)
        assert sets.look(api) == Replicas(running=number, there=number)


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        ("#!/bin/sh\necho three\n", Permanent, "is to print a number, and printed 'three'"),
        ("#!/bin/sh\necho 3 4\n", Permanent, "printed '3 4'"),
        ("#!/bin/sh\necho -1\n", Permanent, "printed '-1'"),
        ("#!/bin/sh\n", Permanent, "printed 'nothing'"),
        ("#!/bin/sh\necho 12345678\n", Permanent, "printed '12345678'"),
        ("#!/bin/sh\necho away; exit 7\n", Transient, "ended with 7: away"),
    ],
)
def test_what_is_no_number_tells_nothing(tmp_path: Path, script: str, error: type[SelfhealError], said: str) -> None:
    """With what it printed, or its exit code."""
    with pytest.raises(error, match=said):
        ReplicaCommands().look(component(made(tmp_path, script)))


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    """And one that is not there."""
    with pytest.raises(Permanent, match="ended with 3: no room"):
        ReplicaCommands().bring_to(component(made(tmp_path, "#!/bin/sh\necho no room >&2; exit 3\n")), 4)
    with pytest.raises(Permanent, match="cannot be run"):
        ReplicaCommands().bring_to(component(tmp_path / "absent"), 4)


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    """Nothing of its group outlives it."""
    script = '#!/bin/sh\necho $$ > "$0.pid"\nsleep 1000 & echo $! >> "$0.pid"\nwait\n'
    program = made(tmp_path, script)
    with pytest.raises(Overrun, match="did not end within 1 s; it was ended"):
        ReplicaCommands().bring_to(component(program, timeout=timedelta(seconds=1)), 4)
    shell, sleeper = map(int, (tmp_path / "set.pid").read_text().split())
    until("both have ended", lambda: not alive(shell) and not alive(sleeper))


def test_what_it_starts_and_leaves_running_is_not_waited_for(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Although it holds the output open."""
    program = made(tmp_path, '#!/bin/sh\nsleep 1000 &\necho $! > "$0.pid"\n')
    api = component(program, timeout=timedelta(seconds=60))
    assert "ended well" in ReplicaCommands().bring_to(api, 4)
    started = int((tmp_path / "set.pid").read_text())
    request.addfinalizer(ender(started))
    assert alive(started)


def test_no_word_of_our_environment_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds passwords; nor does a shell read what is given."""
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", "postgresql://u:secret@h/d")
    program = made(tmp_path, '#!/bin/sh\nenv > "$0.env"\necho "$2" > "$0.word"\n')
    api = component(program, command=(str(program), "run", "$(id) {replicas}; true"))
    ReplicaCommands().bring_to(api, 4)
    assert "secret" not in (tmp_path / "set.env").read_text()
    assert (tmp_path / "set.word").read_text() == "$(id) 4; true\n"


def test_a_look_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a change may take."""
    monkeypatch.setattr(replica_commands, "COUNT_WITHIN", timedelta(milliseconds=200))
    with pytest.raises(Overrun, match=r"did not end within 0\.2 s"):
        ReplicaCommands().look(component(made(tmp_path, "#!/bin/sh\nsleep 1000\n")))


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ender(pid: int) -> Callable[[], None]:
    return lambda: os.kill(pid, 9)
