"""A program whose memory swells, under a supervisord of its own; and a healer of it that may die at a failpoint.

`python swelling_program.py serve PORT FOLDER` is healthy, and tells its memory: 100 MiB at each start, of 1000.
`POST /gc` gives back all above what FOLDER/floor says. Each start and collection is noted in FOLDER/ledger. `heal
SETTINGS` heals what is raised, once, in a process of its own.
"""

import contextlib
import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

MIB = 1 << 20
FRESH, WHOLE = 100, 1000


@dataclass(frozen=True, kw_only=True)
class Swelling:
    """The running program.

    Attributes:
        folder: of its ledger, and what it obeys.
        port: it answers here.
        supervisor: its table in the settings.
    """

    folder: Path
    port: int
    supervisor: dict[str, str]

    def swells(self, mib: float, *, floor: float) -> None:
        """It uses so much, of which collecting leaves so much."""
        (self.folder / "floor").write_text(str(floor))
        (self.folder / "used").write_text(str(mib))

    def noted(self, what: str) -> int:
        ledger = self.folder / "ledger"
        return ledger.read_text().splitlines().count(what) if ledger.exists() else 0

    def settings(self, **preempt: Any) -> dict[str, Any]:
        """It is sick above 950 MiB, and may be collected and restarted."""
        url = f"http://127.0.0.1:{self.port}"
        return {
            "supervisors": {"own": self.supervisor},
            "healing": {"allow": ["swelling"]},
            "prediction": {"preempt": preempt},
            "components": {
                "swelling": {
                    "probe": "memory",
                    "memory": {"url": f"{url}/memory", "field": "used", "limit_field": "whole", "share": 0.95},
                    "collect": {"call": {"url": f"{url}/gc"}},
                    "supervisor": "own",
                    "program": "swelling",
                    "ladder": ["collect-garbage", "restart-service"],
                    "start_timeout": "3 s",
                    "healthy_delay": "100 ms",
                }
            },
        }


def inline(value: Any) -> str:
    """A value as TOML writes it; tables on one line."""
    if not isinstance(value, dict):
        return json.dumps(value)
    return "{ " + ", ".join(f"{name} = {inline(one)}" for name, one in value.items()) + " }"


@contextlib.contextmanager
def running(folder: Path, ports: tuple[int, int]) -> Iterator[Swelling]:
    """Run it; nothing outlives this."""
    from deployments.embedded import child  # noqa: PLC0415 - not for the program itself

    password, (port, own) = secrets.token_urlsafe(16), ports
    command = shlex.join(child.wrapped([sys.executable, __file__, "serve", str(own), str(folder)]))
    (folder / "supervisord.conf").write_text(
        f"[supervisord]\nnodaemon=true\nsilent=true\nlogfile={folder}/log\npidfile={folder}/pid\n"
        f"childlogdir={folder}\nminfds=64\nminprocs=10\n"
        f"[inet_http_server]\nport=127.0.0.1:{port}\nusername=k\npassword={password}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        f"[program:swelling]\ncommand={command}\nautorestart=false\nstartsecs=0\n"
    )
    start = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(folder / "supervisord.conf")]
    with subprocess.Popen(child.wrapped(start), stdout=subprocess.DEVNULL) as supervisord:
        try:
            supervisor = {"url": f"http://127.0.0.1:{port}", "username": "k", "password": password}
            yield Swelling(folder=folder, port=own, supervisor=supervisor)
        finally:
            supervisord.send_signal(signal.SIGTERM)
            supervisord.wait(timeout=20)


def serve(port: int, folder: Path) -> None:
    """Tell and collect."""
    (folder / "used").write_text(str(FRESH))
    _note(folder, "started")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            used = float((folder / "used").read_text() or FRESH)
            self._answer({"used": int(used * MIB), "whole": WHOLE * MIB})

        def do_POST(self) -> None:
            used, floor = (float((folder / name).read_text()) for name in ("used", "floor"))
            (folder / "used").write_text(str(min(used, floor)))
            _note(folder, "collected")
            self._answer({})

        def log_message(self, *words: Any) -> None:
            """No line per request."""

        def _answer(self, told: dict[str, int]) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


def heal_once(settings: Path) -> None:
    """What is due, by a process that may be told to die on the way."""
    from datetime import timedelta  # noqa: PLC0415 - not for the program

    from selfheal.bootstrap import wire  # noqa: PLC0415 - the same
    from selfheal.protocol.heal import heal  # noqa: PLC0415 - the same
    from selfheal.protocol.plain import plain_steps  # noqa: PLC0415 - the same
    from selfheal.settings.file import parse  # noqa: PLC0415 - the same

    values = json.loads(settings.read_text())
    estate = wire(parse(values, source="the test"), database_url=os.environ["SELFHEAL_DATABASE_URL"])
    for trigger in estate.raised.due(limit=10, pause=timedelta(seconds=1)):
        heal(plain_steps(estate.healer), trigger)


def _note(folder: Path, what: str) -> None:
    with (folder / "ledger").open("a") as ledger:
        ledger.write(f"{what}\n")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        heal_once(Path(sys.argv[2]))
