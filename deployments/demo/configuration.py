"""The texts of the demo estate: supervisord's and the broker's configuration, and Selfheal's settings for it.

Only `estate` calls this.
"""

import json
import shlex
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.demo.hoarder import COLLECTS
from deployments.embedded.child import LAUNCH

if TYPE_CHECKING:
    from deployments.demo.estate import Estate

SOURCE = Path(__file__).resolve().parents[2]
STOP_WAIT_SECONDS = 3
HOARDERS = ("leaky", "stubborn", "spare", "slow", "near")
"""Services that grow until they are restarted, and one that only lives near its limit."""
REAL = ("broker", "backend", "frontend", "consumer", "host-listener", "orchestrator")

_SUPERVISORD = """\
[supervisord]
nodaemon=true
silent=true
umask=077
minfds=256
minprocs=50
logfile={folder}/logs/supervisord.log
logfile_maxbytes=0
pidfile={folder}/supervisord.pid
childlogdir={folder}/logs
directory={folder}

[inet_http_server]
port=127.0.0.1:{port}
username={user}
password={password}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

_PROGRAM = """
[program:{name}]
command={command}
environment={environment}
autostart=true
autorestart=false
startretries=0
startsecs={startsecs}
stopsignal=TERM
stopwaitsecs={stopwait}
priority={priority}
redirect_stderr=true
stdout_logfile={folder}/logs/{name}.log
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=1
"""


def supervisord_argv(folder: Path) -> list[str]:
    """Supervisord in the foreground."""
    runner = Path(__file__).with_name("supervise.py")
    return [sys.executable, "-I", str(runner), "-n", "-c", str(folder / "supervisord.conf")]


def supervisord_conf(estate: "Estate", *, user: str) -> str:
    """All programs; none is restarted but by us, not even one that dies while it starts."""
    head = _SUPERVISORD.format(
        folder=_escaped(estate.folder),
        port=estate.ports["supervisor"],
        user=user,
        password=_escaped(estate.password),
    )
    names = (*REAL, *estate.hoarders, *(f"sleeper-{number}" for number in range(estate.sleepers)))
    return head + "".join(_program(estate, name, user) for name in names)


def broker_conf(estate: "Estate", *, user: str) -> str:
    """A broker that asks for user and password."""
    login = f"user: {json.dumps(user)}, password: {json.dumps(estate.password)}"
    return f'listen: "127.0.0.1:{estate.ports["broker"]}"\nauthorization {{ {login} }}\n'


def settings(estate: "Estate", *, user: str) -> dict[str, Any]:
    """The estate as Selfheal's settings describe it."""
    login = {"username": user, "password": estate.password}
    components = {
        "backend": _component("backend", probe="http", url=f"{estate.url('backend')}/health"),
        "frontend": _component("frontend", probe="http", url=f"{estate.url('frontend')}/"),
        "consumer": _component("consumer", probe="http", url=f"{estate.url('consumer')}/health"),
        "broker": _component("broker", "restore-nats-connection", probe="nats", url=estate.url("broker"), **login),
        "host-listener": _component("host-listener", probe="process"),
        "orchestrator": _component("orchestrator", probe="process"),
    }
    sleepers = {f"sleeper-{n}": _component(f"sleeper-{n}", probe="process") for n in range(estate.sleepers)}
    return {
        "supervisors": {"demo": {"url": estate.url("supervisor"), **login}},
        "components": components | sleepers | {name: _hoarder(estate, name) for name in estate.hoarders},
    }


def toml(tables: dict[str, Any]) -> str:
    """Tables of strings, numbers and lists of strings, whose JSON is TOML too."""
    return "\n".join(
        line for kind, named in tables.items() for name in named for line in _table(f"{kind}.{name}", named[name])
    )


def _table(name: str, values: dict[str, Any]) -> list[str]:
    """A table, and behind it those within."""
    plain = [f"{key} = {json.dumps(value)}" for key, value in values.items() if not isinstance(value, dict)]
    within = [
        line for key, value in values.items() if isinstance(value, dict) for line in _table(f"{name}.{key}", value)
    ]
    return [f"[{name}]", *plain, "", *within]


def _hoarder(estate: "Estate", name: str) -> dict[str, Any]:
    """One that grows: of `slow` the answers are watched, of the others the memory, which may be collected first."""
    if name == "slow":
        return _component(name, probe="http", url=f"{estate.url(name)}/health") | {"probe_timeout": "4 s"}
    memory = {"url": f"{estate.url(name)}/memory", "field": "used", "limit_field": "limit", "share": 1.0}
    collect = {"call": {"url": f"{estate.url(name)}/collect"}}
    found = _component(name, probe="memory")
    found |= {"ladder": ["collect-garbage", "restart-service"], "start_timeout": "15 s"}
    return found | {"memory": memory, "collect": collect}


def _component(program: str, action: str = "restart-service", **probe: str) -> dict[str, Any]:
    timings = {"probe_timeout": "2 s", "start_timeout": "60 s", "healthy_delay": "5 s"}
    return {**probe, "supervisor": "demo", "program": program, "ladder": [action], **timings}


def _program(estate: "Estate", name: str, user: str) -> str:
    environment = {"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    if name == "consumer":
        environment |= {"BROKER_USER": user, "BROKER_PASSWORD": estate.password}
    return _PROGRAM.format(
        name=name,
        command=_command(estate, name),
        environment=",".join(f'{key}="{_escaped(value)}"' for key, value in environment.items()),
        folder=_escaped(estate.folder),
        startsecs=0 if name.startswith("sleeper") else 1,
        stopwait=STOP_WAIT_SECONDS,
        priority=100 if name == "broker" else 200,
    )


def _command(estate: "Estate", name: str) -> str:
    """The program through `launch.py`: it dies with supervisord, whose pid `supervise` tells."""
    module = "sleeper" if name.startswith("sleeper") else "hoarder" if name in HOARDERS else name.replace("-", "_")
    without_site = () if name == "consumer" else ("-S",)  # only the consumer needs an installed package
    words = [sys.executable, "-P", "-s", *without_site, "-m", f"deployments.demo.{module}"]
    words += ["--name", name, "--ledger", str(estate.folder / "ledger"), *_arguments(estate, name)]
    launch = shlex.join([sys.executable, "-I", "-S", str(LAUNCH), "--parent"])
    return f"{_escaped(launch)} %(ENV_SUPERVISORD_PID)s -- {_escaped(shlex.join(words))}"


def _arguments(estate: "Estate", name: str) -> list[str]:
    if name == "broker":
        server = Path(sysconfig.get_path("scripts")) / "nats-server"
        return ["--", str(server), str(estate.folder / "broker.conf")]
    port = ["--port", str(estate.ports[name])] if name in estate.ports else []
    if name == "consumer":
        return [*port, "--", estate.url("broker")]
    return [*port, "--", COLLECTS] if name in HOARDERS and name != "stubborn" else port


def _escaped(value: object) -> str:
    """`%` begins an expansion in supervisord's configuration."""
    return str(value).replace("%", "%%")
