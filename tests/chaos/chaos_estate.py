"""Many small targets under one supervisord, and healers as processes of their own that die or freeze on cue."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
from fakes import NEVER_TRIPS, WIDE
from sqlalchemy import Engine, text

from benchmarks.free_ports import free_ports
from deployments.embedded import child
from selfheal.bootstrap import Estate, wire
from selfheal.clients.supervisor import Supervisor
from selfheal.settings.file import parse

LEASE_S = 3
ACT_S = 3
TURN_S = 1
HEALER = Path(__file__).with_name("healer.py")


_OUTCOMES = text(
    """SELECT (SELECT count(*) FROM outcome_audit o WHERE o.attempt_id = a.id)
       FROM healing_actions a WHERE a.target_component = :name"""
)
AUDIT = """
    CREATE TABLE IF NOT EXISTS outcome_audit (attempt_id uuid NOT NULL);
    TRUNCATE outcome_audit;
    GRANT SELECT ON outcome_audit TO healing_user;
    CREATE OR REPLACE FUNCTION audit_outcome() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        'BEGIN INSERT INTO outcome_audit VALUES (NEW.id); RETURN NEW; END';
    CREATE OR REPLACE TRIGGER audit_outcome AFTER UPDATE ON healing_actions
        FOR EACH ROW WHEN (NEW.completed_at IS NOT NULL) EXECUTE FUNCTION audit_outcome();
"""


def until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Wait for a condition, bounded."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The running targets.

    Attributes:
        folder: with the ledger that the targets write themselves.
        ports: of each target, by name.
        values: settings of Selfheal for them.
        database: as healing_user.
        database_url: the same as a URL.
    """

    folder: Path
    ports: dict[str, int]
    values: dict[str, Any]
    database: Engine
    database_url: str

    def estate(self) -> Estate:
        """The targets, wired; the act is over within its deadline, as the tests need it."""
        return short_acts(wire(parse(self.values, source="the test"), database_url=self.database_url))

    def control(self) -> Supervisor:
        """Their supervisord."""
        one = self.values["supervisors"]["chaos"]
        return Supervisor(url=one["url"], username=one["username"], password=one["password"])

    def starts(self, name: str) -> int:
        """How often the target was started, by its supervisord's own log.

        The ledger misses a start that was stopped before the new process had written its line.
        """
        return (self.folder / "supervisord.log").read_text().count(f"spawned: '{name}' with pid")

    def outcomes(self, name: str) -> list[int]:
        """How often the outcome of each of the target's attempts was written, by a trigger in the database."""
        with self.database.connect() as connection:
            return list(connection.scalars(_OUTCOMES, {"name": name}))

    def healthy(self, name: str) -> bool:
        """Whether the target answers."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.ports[name]}/health", timeout=1, trust_env=False).is_success
        return False

    def hang(self, name: str) -> None:
        """Up, but dead."""
        httpx.post(f"http://127.0.0.1:{self.ports[name]}/fault/hang", timeout=5, trust_env=False).raise_for_status()

    def kill(self, name: str) -> None:
        """Gone."""
        pid = self.control().process(name).pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: not self.control().process(name).running, seconds=10, what=f"{name} is dead")

    def healer(self, name: str, *, failpoint: str = "", options: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        """A healer of one target, in a process of its own; what it prints is found by `said`."""
        path = f"{TESTS.parent}:{TESTS}"  # the tree that the tests are in, before any that is installed
        environment = {**os.environ, "SELFHEAL_DATABASE_URL": self.database_url, "PYTHONPATH": path}
        if failpoint:
            environment["SELFHEAL_FAILPOINT"] = failpoint
        command = [sys.executable, str(HEALER), str(self.folder / "settings.json"), name, *options]
        with (self.folder / f"{name}.healer").open("wb") as output:
            return subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)

    def said(self, name: str) -> Any:
        """What the target's last healer said at its end."""
        return json.loads((self.folder / f"{name}.healer").read_text().splitlines()[-1])


def short_acts(estate: Estate) -> Estate:
    """The same estate with acts that must be over within `ACT_S`."""
    estate.healer.actions.get("restart-service").timeout = timedelta(seconds=ACT_S)
    return estate


@contextlib.contextmanager
def targets(
    folder: Path, names: list[str], *, never_healthy: set[str], database: Engine, database_url: str
) -> Iterator[Targets]:
    """Start supervisord with one target per name; `never_healthy` ones are asked for a page that they lack."""
    control_port, *ports = free_ports(len(names) + 1)
    by_name = dict(zip(names, ports, strict=True))
    (folder / "supervisord.conf").write_text(_configuration(folder, control_port, by_name))
    values = _settings(control_port, by_name, never_healthy)
    (folder / "settings.json").write_text(json.dumps(values))
    (folder / "ledger").touch()
    supervisord = subprocess.Popen(
        child.wrapped([sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(folder / "supervisord.conf")]),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        started = Targets(folder=folder, ports=by_name, values=values, database=database, database_url=database_url)
        until(lambda: all(map(started.healthy, names)), seconds=90, what="all targets answer")
        yield started
    finally:
        below = psutil.Process(supervisord.pid).children(recursive=True)
        supervisord.kill()
        supervisord.wait()
        psutil.wait_procs(below, timeout=10)


def _configuration(folder: Path, port: int, ports: dict[str, int]) -> str:
    """Supervisord's: nothing restarts by itself, and nothing outlives it."""
    python = f"{sys.executable} -S -m deployments.demo.backend"
    root = Path(__file__).parents[2]
    programs = "".join(
        f"[program:{name}]\ncommand={sys.executable} -I -S {child.LAUNCH} -- {python} --name {name}"
        f" --ledger {folder}/ledger --port {number}\nautorestart=false\nstartsecs=0\nstopwaitsecs=2\n"
        f'environment=PYTHONPATH="{root}"\nstdout_logfile={folder}/{name}.log\nredirect_stderr=true\n'
        for name, number in ports.items()
    )
    return (
        f"[supervisord]\nnodaemon=true\nsilent=true\nlogfile={folder}/supervisord.log\nlogfile_maxbytes=0\npidfile={folder}/pid\n"
        f"minfds=256\nminprocs=50\nchildlogdir={folder}\n"
        f"[inet_http_server]\nport=127.0.0.1:{port}\nusername=chaos\npassword=chaos\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n" + programs
    )


def _settings(port: int, ports: dict[str, int], never_healthy: set[str]) -> dict[str, Any]:
    """Selfheal's: a lease of 3 s, and no cool-down, so that a new try may follow at once."""
    components = {
        name: {
            "probe": "http",
            "url": f"http://127.0.0.1:{number}/{'missing' if name in never_healthy else 'health'}",
            "supervisor": "chaos",
            "program": name,
            "ladder": ["restart-service"],
            "probe_timeout": 0.5,
            "start_timeout": 1 if name in never_healthy else 10,
            "healthy_delay": 0.5,
        }
        for name, number in ports.items()
    }
    return {
        "healing": WIDE | {"allow": list(ports), "lease": LEASE_S, "cooldown": 0.001},
        "breakers": NEVER_TRIPS,
        "promotion": {"demote_below": 0},  # what cannot be healed here says nothing of the action
        "supervisors": {"chaos": {"url": f"http://127.0.0.1:{port}", "username": "chaos", "password": "chaos"}},
        "components": components,
    }
