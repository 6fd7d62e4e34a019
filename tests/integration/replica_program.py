"""Workers that share one load, under a supervisord of their own, and the program that changes their number.

`serve PORT FOLDER INDEX` is one worker; the first tells on PORT what each uses: the load of FOLDER/load, shared by
those that run. `count URL` prints how many run; `run URL FOLDER NUMBER` starts or stops them, one by one, until so many
run, and notes itself in FOLDER/ledger. A word in FOLDER/trouble makes it go wrong: see `run`.
"""

import contextlib
import json
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

MIB = 1 << 20
MOST, WHOLE = 4, 1000


@dataclass(frozen=True, kw_only=True)
class Workers:
    """The running set.

    Attributes:
        folder: of its ledger, and what it obeys.
        port: the first worker answers here.
        supervisor: its table in the settings.
        url: of its supervisor, as the program takes it.
    """

    folder: Path
    port: int
    supervisor: dict[str, str]
    url: str

    def begin(self, number: int, *, load: float, trouble: str = "") -> None:
        """So many run and share so much, and the first answers; nothing is noted yet."""
        from estate_fixtures import until  # noqa: PLC0415 - not for the program itself

        (self.folder / "trouble").write_text("")
        (self.folder / "load").write_text(str(load))
        run(self.url, self.folder, number)
        (self.folder / "ledger").write_text("")
        (self.folder / "trouble").write_text(trouble)
        until("the workers live", lambda: self._live(number))

    def _live(self, number: int) -> bool:
        """Started is not yet alive: each says so by a file of its own, the first by its port."""
        names = {one.name for one in self.folder.glob("live-*")}
        with contextlib.closing(socket.socket()) as asking:
            answers = asking.connect_ex(("127.0.0.1", self.port)) == 0
        return names == {f"live-{index}" for index in range(number)} and answers == (number > 0)

    @property
    def number(self) -> int:
        return len(_running(self.url))

    @property
    def ledger(self) -> list[str]:
        return (self.folder / "ledger").read_text().split()

    def settings(self, **component: Any) -> dict[str, Any]:
        """It is sick above 950 MiB, and may only be scaled."""
        address = f"http://127.0.0.1:{self.port}"
        program = [sys.executable, __file__]
        scale = {
            "max": 3,
            "count": [*program, "count", self.url],
            "command": [*program, "run", self.url, str(self.folder), "{replicas}"],
            "timeout": "20 s",
        }
        return {
            "supervisors": {"own": self.supervisor},
            "healing": {"allow": ["workers"]},
            "actions": {"scale": {"mode": "auto"}},
            "prediction": {"preempt": {"mode": "auto"}},
            "components": {
                "workers": {
                    "probe": "memory",
                    "memory": {"url": f"{address}/memory", "field": "used", "limit_field": "whole", "share": 0.95},
                    "supervisor": "own",
                    "program": "workers:0",
                    "ladder": ["scale"],
                    "scale": scale,
                    "start_timeout": "3 s",
                    "healthy_delay": "100 ms",
                }
                | component
            },
        }


@contextlib.contextmanager
def running(folder: Path, ports: tuple[int, int]) -> Iterator[Workers]:
    """Run its supervisord; nothing outlives this."""
    from deployments.embedded import child  # noqa: PLC0415 - not for the program itself

    password, (port, own) = secrets.token_urlsafe(16), ports
    # % is supervisord's own: the worker's number in its set
    command = shlex.join([sys.executable, __file__, "serve", str(own), str(folder)]) + " %(process_num)d"
    (folder / "supervisord.conf").write_text(
        f"[supervisord]\nnodaemon=true\nsilent=true\nlogfile={folder}/log\npidfile={folder}/pid\n"
        f"childlogdir={folder}\nminfds=64\nminprocs=10\n"
        f"[inet_http_server]\nport=127.0.0.1:{port}\nusername=k\npassword={password}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        f"[program:workers]\ncommand={command}\nnumprocs={MOST}\nprocess_name=%(process_num)d\n"
        "autostart=false\nautorestart=false\nstartsecs=0\n"
    )
    start = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(folder / "supervisord.conf")]
    with subprocess.Popen(child.wrapped(start), stdout=subprocess.DEVNULL) as supervisord:
        try:
            supervisor = {"url": f"http://127.0.0.1:{port}", "username": "k", "password": password}
            url = f"http://k:{password}@127.0.0.1:{port}/RPC2"
            yield Workers(folder=folder, port=own, supervisor=supervisor, url=url)
        finally:
            supervisord.send_signal(signal.SIGTERM)
            supervisord.wait(timeout=20)


def serve(port: int, folder: Path, index: int) -> None:
    """One worker: a file says that it lives; the first tells what each uses."""
    live = folder / f"live-{index}"
    live.touch()

    def end(*_: object) -> None:
        live.unlink(missing_ok=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = max(1, len(list(folder.glob("live-*"))))
            used = float((folder / "load").read_text()) / number
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"used": int(used * MIB), "whole": WHOLE * MIB}).encode())

        def log_message(self, *words: Any) -> None:
            """No line per request."""

    if index == 0:
        HTTPServer(("127.0.0.1", port), Handler).serve_forever()
    while True:
        signal.pause()


def run(url: str, folder: Path, number: int) -> None:
    """Start or stop workers until so many run.

    In trouble: `fails` does nothing and says so, `lies` does nothing and says nothing, `slow` does it and never ends.
    """
    with (folder / "ledger").open("a") as ledger:
        ledger.write(f"{number}\n")
    trouble = (folder / "trouble").read_text()
    if trouble == "fails":
        sys.exit("no room for one more")
    if trouble == "lies":
        return
    runs = _running(url)
    with xmlrpc.client.ServerProxy(url) as server:
        for index in range(MOST):
            if index < number and index not in runs:
                server.supervisor.startProcess(f"workers:{index}")
            if index >= number and index in runs:
                server.supervisor.stopProcess(f"workers:{index}")
    while trouble == "slow":
        time.sleep(60)


def _running(url: str) -> set[int]:
    with xmlrpc.client.ServerProxy(url) as server:
        told: Any = server.supervisor.getAllProcessInfo()
    return {int(one["name"]) for one in told if one["statename"] in {"RUNNING", "STARTING"}}


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1] == "count":
        sys.stdout.write(f"{len(_running(sys.argv[2]))}\n")
    else:
        run(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
