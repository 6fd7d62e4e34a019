"""The demo estate itself: what it writes, how it breaks, and that nothing of it outlives its supervisord."""

import os
import pwd
import subprocess
import tomllib
from pathlib import Path

import psutil
import pytest
from estate_fixtures import until

from deployments.demo.estate import Estate, write_estate
from deployments.demo.faults import Faults
from deployments.embedded.child import run_as, wrapped
from selfheal.clients.supervisor import Supervisor
from selfheal.model.errors import Permanent


def test_secrets_are_ours_alone(tmp_path: Path) -> None:
    """Files with a password are readable by their owner only, and no command line holds one."""
    estate = write_estate(tmp_path / "demo")
    for name in ("supervisord.conf", "broker.conf"):
        assert (estate.folder / name).stat().st_mode & 0o777 == 0o600
    assert estate.password not in repr(estate)
    assert estate.password not in " ".join(estate.argv())
    commands = [line for line in (estate.folder / "supervisord.conf").read_text().splitlines() if "command=" in line]
    assert len(commands) == 6
    assert estate.password not in "".join(commands)


def test_settings_as_text_are_the_same(tmp_path: Path) -> None:
    """The text for a settings file says what the tables say."""
    estate = write_estate(tmp_path / "demo", sleepers=2)
    assert tomllib.loads(estate.toml()) == estate.settings()
    components = estate.settings()["components"]
    assert components["broker"]["ladder"] == ["restore-nats-connection"]
    assert components["sleeper-1"]["probe"] == "process"
    assert len(components) == 8


def test_ports_are_kept(tmp_path: Path) -> None:
    """The same folder gets the same ports again; one that a person names is taken."""
    first = write_estate(tmp_path / "demo")
    assert write_estate(tmp_path / "demo").ports == first.ports
    assert len(set(first.ports.values())) == 6


def test_nothing_restarts_by_itself(estate: Estate, faults: Faults) -> None:
    """A killed program stays dead until somebody starts it."""
    starts = estate.starts("sleeper-3")
    faults.kill("sleeper-3")
    assert estate.control().process("sleeper-3").state == "EXITED"
    with pytest.raises(Permanent, match="does not run"):
        faults.kill("sleeper-3")
    assert estate.starts("sleeper-3") == starts


def test_faults_name_their_targets(faults: Faults) -> None:
    """A fault that a program cannot have is refused."""
    with pytest.raises(Permanent, match="cannot hang"):
        faults.hang("orchestrator")


def test_no_program_outlives_supervisord(tmp_path: Path) -> None:
    """After a kill -9 of supervisord not one of its programs is left."""
    estate = write_estate(tmp_path / "demo", sleepers=2)
    with subprocess.Popen(wrapped(estate.argv(), parent=os.getpid()), stdin=subprocess.DEVNULL) as supervisord:
        until("all have started", lambda: all(life.running for life in estate.control().processes().values()))
        programs = psutil.Process(supervisord.pid).children(recursive=True)
        supervisord.kill()
    assert len(programs) == 8
    gone, left = psutil.wait_procs(programs, timeout=10)
    assert (len(gone), left) == (8, [])


def test_a_program_started_at_the_last_moment_does_not_stay(tmp_path: Path) -> None:
    """A program whose supervisord has died before it could ask for the death signal ends by itself."""
    estate = write_estate(tmp_path / "demo")
    conf = (estate.folder / "supervisord.conf").read_text()
    command = next(line for line in conf.splitlines() if line.startswith("command=") and "orchestrator" in line)
    words = command.removeprefix("command=").replace("%(ENV_SUPERVISORD_PID)s", "1").split()
    assert subprocess.run(words, check=False, timeout=30).returncode == 125


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand the estate to another user")
def test_as_root_it_runs_unprivileged(tmp_path: Path) -> None:
    """Started by root, supervisord and all its programs belong to the servers' user."""
    nobody = pwd.getpwnam("nobody")
    estate = write_estate(tmp_path / "demo", owner=(nobody.pw_uid, nobody.pw_gid))
    argv = wrapped(estate.argv(), parent=os.getpid(), identity=run_as("nobody", folder=estate.folder))
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as supervisord:
        try:
            until("all have started", lambda: _all_run(estate.control()))
            programs = psutil.Process(supervisord.pid).children(recursive=True)
            owners = {process.uids().real for process in (psutil.Process(supervisord.pid), *programs)}
        finally:
            supervisord.kill()
    assert owners == {nobody.pw_uid}
    psutil.wait_procs(programs, timeout=10)


def _all_run(control: Supervisor) -> bool:
    return all(life.state == "RUNNING" for life in control.processes().values())
