"""The exec wrapper around every child: real processes, since what it promises is the kernel's behaviour."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deployments.embedded import child
from deployments.embedded.child import RunAs

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a server as another user")
PR_CAPBSET_DROP, CAP_SYS_ADMIN = 24, 21
INTERPRETER = (Path(sys.prefix), Path(sys.base_prefix))


def may_mount() -> bool:
    """Ask a child for a mount namespace: the only honest way to know."""
    probe = "import ctypes,sys; sys.exit(ctypes.CDLL(None).unshare(0x20000) != 0)"
    return subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def run(*command: str, identity: RunAs | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        child.wrapped(command, identity=identity), capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def closed_home() -> Iterator[Path]:
    """A 0700 folder of root, like /root, with a needed and a private part in it."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        home = Path(name)
        (home / "deep" / "needed").mkdir(parents=True)
        (home / "deep" / "needed" / "file").write_text("open\n")
        (home / "private").write_text("secret")
        yield home


@pytest.mark.parametrize("user", [None, pytest.param("nobody", marks=as_root)])
def test_dies_with_its_parent(user: str | None) -> None:
    """A kill -9 of the parent ends the command, also after the change of user, which clears the signal."""
    identity = RunAs(user=user, needs=()) if user else None
    words = child.wrapped(["sleep", "300"], identity=identity)
    program = f"import subprocess,time; p = subprocess.Popen({words!r}); print(p.pid, flush=True); time.sleep(300)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert until(lambda: psutil.Process(pid).name() == "sleep")
        parent.kill()
    assert until(lambda: gone(pid))


def test_does_not_start_for_a_dead_parent() -> None:
    """When the expected parent has died before the signal was asked for, the command is not run."""
    done = subprocess.run(
        child.wrapped(["echo", "ran"], parent=1), capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (125, "")


def test_no_signal_is_ignored() -> None:
    """Started from what ignores a terminal's signals, as a script's `nohup ... &` does, the command ignores none."""
    words = child.wrapped(["grep", "SigIgn", "/proc/self/status"])
    ignoring = "import os,signal; [signal.signal(one, signal.SIG_IGN) for one in (1, 2, 3)]; "
    done = subprocess.run(
        [sys.executable, "-c", f"{ignoring}os.execv({words[0]!r}, {words!r})"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    ignored = int(done.stdout.split()[1], 16)
    assert not [
        one for one in signal.valid_signals() if ignored >> (one - 1) & 1
    ]  # the C library keeps some for itself


def test_missing_command_is_told_plainly() -> None:
    """A command that does not exist ends with 127 and one line."""
    done = run("/nonexistent/program")
    assert done.returncode == 127
    assert done.stderr == "selfheal: /nonexistent/program cannot be started: No such file or directory\n"


def test_unknown_user_is_refused() -> None:
    """An unknown user is refused by name."""
    done = run("true", identity=RunAs(user="no-such-user", needs=()))
    assert done.returncode == 78
    assert "no user 'no-such-user'" in done.stderr


@as_root
def test_drops_every_right() -> None:
    """The command runs as the user, in the user's groups only, without capabilities or a way to get any."""
    done = run("grep", "-E", "^(Uid|Gid|Groups|CapEff|CapPrm|NoNewPrivs):", "/proc/self/status",
               identity=RunAs(user="nobody", needs=()))  # fmt: skip
    status = dict(line.split(":", 1) for line in done.stdout.splitlines())
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    assert status["Uid"].split() == [nobody] * 4
    assert "0" not in status["Gid"].split() + status["Groups"].split()
    assert (int(status["CapEff"], 16), int(status["CapPrm"], 16)) == (0, 0)
    assert status["NoNewPrivs"].strip() == "1"


@as_root
@pytest.mark.skipif(not may_mount(), reason="this container may not make mount namespaces")
class TestClosedDirectory:
    def test_shows_the_needed_part_only(self, closed_home: Path) -> None:
        """Below a closed home the user sees what it needs under the same name, and nothing else."""
        needed = closed_home / "deep" / "needed"
        done = run("sh", "-c", f"cat {needed}/file; ls -A {closed_home}; ls -A {closed_home}/deep",
                   identity=RunAs(user="nobody", needs=(needed,)))  # fmt: skip
        assert done.stdout.split() == ["open", "deep", "needed"]

    def test_a_link_into_a_closed_home_works(self, closed_home: Path) -> None:
        """A need named by a symbolic link (an interpreter, say) is reached by both names."""
        with tempfile.TemporaryDirectory() as name:
            Path(name).chmod(0o755)
            link = Path(name) / "link"
            link.symlink_to(closed_home / "deep" / "needed")
            done = run("cat", f"{link}/file", identity=RunAs(user="nobody", needs=(link,)))
        assert done.stdout == "open\n"

    def test_runs_this_interpreter(self) -> None:
        """Whatever directory this interpreter lives in, the user can run it."""
        done = run(sys.executable, "-c", "import psutil, os; print(os.getuid() != 0)",
                   identity=RunAs(user="nobody", needs=INTERPRETER))  # fmt: skip
        assert done.stdout == "True\n", done.stderr

    def test_our_own_view_stays(self, closed_home: Path) -> None:
        """The mounts are private to the child."""
        before = Path("/proc/self/mountinfo").read_text()
        run("true", identity=RunAs(user="nobody", needs=(closed_home / "deep",)))
        assert Path("/proc/self/mountinfo").read_text() == before

    def test_a_closed_need_is_refused(self, closed_home: Path) -> None:
        """A needed directory that is itself closed is refused with its name and the command that opens it."""
        done = run("true", identity=RunAs(user="nobody", needs=(closed_home,)))
        assert done.returncode == 78
        assert f"chmod -R go+rX {closed_home}" in done.stderr


@as_root
def test_no_namespace_without_need() -> None:
    """When nothing is closed the child stays in our mount namespace."""
    done = run("readlink", "/proc/self/ns/mnt", identity=RunAs(user="nobody", needs=(Path("/usr"),)))
    assert done.stdout.strip() == os.readlink("/proc/self/ns/mnt")  # noqa: PTH115  it is no path


@as_root
def test_without_the_right_to_mount_it_says_what_to_do(closed_home: Path) -> None:
    """In a container without CAP_SYS_ADMIN the refusal names the closed directory and the ways out."""
    words = child.wrapped(["true"], identity=RunAs(user="nobody", needs=(closed_home / "deep",)))
    drop = f"import ctypes,os; ctypes.CDLL(None).prctl({PR_CAPBSET_DROP}, {CAP_SYS_ADMIN}, 0, 0, 0); "
    done = subprocess.run(
        [sys.executable, "-c", f"{drop}os.execv({words[0]!r}, {words!r})"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 78
    assert f"cannot enter {closed_home}" in done.stderr
    assert f"chmod o+x {closed_home}" in done.stderr
