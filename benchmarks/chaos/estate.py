"""The estate of the campaign: many small targets under a few supervisords, described for Selfheal and for the checker.

`write` makes it once in a folder; `Estate.commands` run it, and a resumed campaign runs it again. Nothing restarts by
itself, and nothing outlives its supervisord.
"""

import contextlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.free_ports import free_ports
from deployments.embedded import child
from deployments.embedded.files import write_private
from selfheal.clients.supervisor import Supervisor

SETTINGS = Path(__file__).with_name("campaign.toml")
TARGET = Path(__file__).with_name("target.py")
PER_KEEPER = 10
STOP_S = 2
"""How long a target is given to stop by itself; one that overhears TERM takes all of it."""
USER, PASSWORD = "chaos", "chaos"
_CHECKED = {"start_timeout": "8 s"}  # Docker's own check comes once a second, on a machine that is busy
_PACE = {"probe_timeout": "1 s", "start_timeout": "3 s", "healthy_delay": "300 ms"}


@dataclass(frozen=True, kw_only=True)
class Target:
    """One program.

    Attributes:
        name: its own, its component's and its program's.
        keeper: the supervisord that runs it.
        port: where it listens; 0: only its process is watched.
        deaf: it overhears TERM, so that its stop takes `STOP_S`.
        container: Docker runs it, and no keeper.
        extra: settings of its component besides the usual ones.
    """

    name: str
    keeper: str = ""
    port: int = 0
    deaf: bool = False
    container: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Estate:
    """A written estate.

    Attributes:
        folder: with the ledger, the supervisords' logs and `settings.toml`.
        keepers: port of each supervisord, by name.
        targets: by name.
    """

    folder: Path
    keepers: Mapping[str, int]
    targets: Mapping[str, Target]

    @property
    def ledger(self) -> Path:
        """What the targets have written."""
        return self.folder / "ledger"

    @property
    def settings(self) -> Path:
        """Selfheal's."""
        return self.folder / "settings.toml"

    def command(self, keeper: str) -> list[str]:
        """Runs one of the supervisords in the foreground; it dies with its parent, and its targets with it."""
        words = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self.folder / f"{keeper}.conf")]
        return child.wrapped(words, parent=os.getpid())

    def control(self, target: str) -> Supervisor:
        """A client of the target's supervisord, for the person of the campaign; never for what is tested."""
        port = self.keepers[self.targets[target].keeper]
        return Supervisor(url=f"http://127.0.0.1:{port}", username=USER, password=PASSWORD)

    def poison(self, target: str, lives: int) -> None:
        """Its next so many lives are sick; 0 takes that back."""
        (self.folder / "poison" / target).write_text(f"{lives}\n", encoding="ascii")


def write(folder: Path, *, count: int, containers: int = 0, changes: Mapping[str, Any] | None = None) -> Estate:
    """An estate of `count` targets, every other one watched over HTTP and the others by their process.

    Args:
        folder: exists, and the servers' user may enter it.
        count: of supervised programs.
        containers: targets besides them; `containers.start` starts them.
        changes: tables of the settings that are other than in `campaign.toml`.
    """
    names = [f"t{number:02}" for number in range(count)]
    by_name = dict(zip(names[::2], free_ports(len(names[::2])), strict=True))
    targets = [
        Target(name=name, keeper=f"keeper{place // PER_KEEPER}", port=by_name.get(name, 0))
        for place, name in enumerate(names)
    ]
    targets += [Target(name=f"c{number:02}", container=True) for number in range(containers)]
    return write_targets(folder, targets, changes=changes or {})


def write_targets(folder: Path, targets: list[Target], *, changes: Mapping[str, Any]) -> Estate:
    """An estate of these targets."""
    keepers = sorted({one.keeper for one in targets if one.keeper})
    estate = Estate(
        folder=folder,
        keepers=dict(zip(keepers, free_ports(len(keepers)), strict=True)),
        targets={one.name: one for one in targets},
    )
    (folder / "poison").mkdir()
    (folder / "logs").mkdir(exist_ok=True)
    estate.ledger.touch()
    for keeper in keepers:
        (folder / f"{keeper}.conf").write_text(_configuration(estate, keeper), encoding="utf-8")
    write_private(estate.settings, _toml(_settings(estate, changes)))
    kept = {"keepers": dict(estate.keepers), "targets": [vars(one) for one in targets]}
    (folder / "estate.json").write_text(json.dumps(kept), encoding="utf-8")
    return estate


@contextlib.contextmanager
def running(estate: Estate) -> Iterator[None]:
    """Run its supervisords, and every target below them; they are gone afterwards."""
    keepers: list[subprocess.Popen[bytes]] = []
    environment = os.environ | {"TZ": "UTC"}  # their logs have no zone
    try:
        for name in estate.keepers:
            command = estate.command(name)
            keepers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment, start_new_session=True))
        yield
    finally:
        below = [target for one in keepers for target in psutil.Process(one.pid).children(recursive=True)]
        for one in keepers:
            one.kill()
            one.wait()
        for target in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                target.kill()  # a stopped one does not see that its parent has gone
        psutil.wait_procs(below, timeout=10)


def read(folder: Path) -> Estate:
    """The estate that was written there."""
    kept = json.loads((folder / "estate.json").read_text(encoding="utf-8"))
    targets = [Target(**one) for one in kept["targets"]]
    return Estate(folder=folder, keepers=kept["keepers"], targets={one.name: one for one in targets})


def _configuration(estate: Estate, keeper: str) -> str:
    """Supervisord's."""
    folder = estate.folder
    launched = f"{sys.executable} -I -S {child.LAUNCH} -- {sys.executable} -I -S {TARGET} --folder {folder}"
    programs = "".join(
        f"[program:{one.name}]\ncommand={launched} --name {one.name} --port {one.port}{' --deaf' if one.deaf else ''}\n"
        f"autorestart=false\nstartretries=0\nstartsecs=0\nstopwaitsecs={STOP_S}\n"
        f"stdout_logfile={folder}/logs/{one.name}.log\nredirect_stderr=true\n"
        for one in estate.targets.values()
        if one.keeper == keeper
    )
    return (
        f"[supervisord]\nnodaemon=true\nsilent=true\nlogfile={folder}/{keeper}.log\nlogfile_maxbytes=0\n"
        f"pidfile={folder}/{keeper}.pid\nminfds=256\nminprocs=50\nchildlogdir={folder}/logs\n"
        f"[inet_http_server]\nport=127.0.0.1:{estate.keepers[keeper]}\nusername={USER}\npassword={PASSWORD}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n" + programs
    )


def _settings(estate: Estate, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Selfheal's: those of the campaign, with this estate's components."""
    values = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    for table, changed in changes.items():
        values[table] = values.get(table, {}) | changed
    values["healing"]["allow"] = sorted(estate.targets)
    values["supervisors"] = {
        name: {"url": f"http://127.0.0.1:{port}", "username": USER, "password": PASSWORD}
        for name, port in estate.keepers.items()
    }
    values["components"] = {one.name: _component(one) for one in estate.targets.values()}
    return values


def _toml(values: Mapping[str, Any]) -> str:
    """Tables, and tables of tables, of what JSON and TOML write alike."""
    lines = []
    for name, table in values.items():
        nested = {f"{name}.{key}": value for key, value in table.items() if isinstance(value, dict)}
        for title, one in (nested or {name: table}).items():
            lines += [f"[{title}]", *(f"{key} = {json.dumps(value)}" for key, value in one.items()), ""]
    return "\n".join(lines)


def _component(one: Target) -> dict[str, Any]:
    if one.container:
        return {
            "probe": "container",
            "container": one.name,
            "ladder": ["restart-container"],
            **_PACE,
            **_CHECKED,
            **one.extra,
        }
    probe = {"probe": "http", "url": f"http://127.0.0.1:{one.port}/health"} if one.port else {"probe": "process"}
    return {**probe, "supervisor": one.keeper, "program": one.name, "ladder": ["restart-service"], **_PACE, **one.extra}
