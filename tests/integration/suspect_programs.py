"""Programs that fail as logs tell it, under a supervisord of their own: one whose heap grows, one that throws.

`python suspect_programs.py heap FOLDER` holds much memory until SIGUSR1; `throws FOLDER` ends by an exception that
nobody catches, unless FOLDER/calm is there. Each notes its starts and collections in FOLDER/ledger.
"""

import contextlib
import os
import secrets
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIB = 1 << 20
HEAP = 120 * MIB
LIMIT_MIB = 90
"""An interpreter alone is below it, one that holds HEAP above."""


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The running supervisord.

    Attributes:
        folder: of its log, the ledger, and what its programs read.
        supervisor: its table in the settings.
    """

    folder: Path
    supervisor: dict[str, str]

    def control(self) -> Any:
        from selfheal.clients.supervisor import Supervisor  # noqa: PLC0415 - not for the programs themselves

        return Supervisor(**self.supervisor)

    def noted(self, what: str) -> int:
        """How often a program has told this of itself."""
        ledger = self.folder / "ledger"
        return ledger.read_text().splitlines().count(what) if ledger.exists() else 0

    def spawns(self, program: str) -> int:
        return (self.folder / "log").read_text().count(f"spawned: '{program}' with pid")


@contextlib.contextmanager
def running(folder: Path, port: int) -> Iterator[Programs]:
    """Run them; nothing restarts by itself, and nothing outlives this."""
    from deployments.embedded import child  # noqa: PLC0415 - not for the programs themselves

    password = secrets.token_urlsafe(16)
    programs = "".join(
        f"[program:{name}]\ncommand={shlex.join(child.wrapped([sys.executable, __file__, name, str(folder)]))}\n"
        f"autorestart=false\nstartsecs=0\nredirect_stderr=true\nstdout_logfile={folder}/{name}.log\n"
        for name in ("heap", "throws")
    )
    (folder / "supervisord.conf").write_text(
        f"[supervisord]\nnodaemon=true\nsilent=true\nlogfile={folder}/log\npidfile={folder}/pid\n"
        f"childlogdir={folder}\nminfds=64\nminprocs=10\n"
        f"[inet_http_server]\nport=127.0.0.1:{port}\nusername=k\npassword={password}\n"
        "[rpcinterface:supervisor]\n"
        f"supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n{programs}"
    )
    start = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(folder / "supervisord.conf")]
    with subprocess.Popen(child.wrapped(start), stdout=subprocess.DEVNULL) as supervisord:
        try:
            supervisor = {"url": f"http://127.0.0.1:{port}", "username": "k", "password": password}
            yield Programs(folder=folder, supervisor=supervisor)
        finally:
            supervisord.send_signal(signal.SIGTERM)
            supervisord.wait(timeout=20)


def heap(folder: Path) -> None:
    """Hold much, until told to collect."""
    held = [bytearray(os.urandom(MIB)) * (HEAP // MIB)]

    def collect(*_: object) -> None:
        held.clear()
        note(folder, "collected")

    signal.signal(signal.SIGUSR1, collect)
    note(folder, "heap")
    while True:
        signal.pause()


def throws(folder: Path) -> None:
    """Run where it is calm; else end as Node does."""
    note(folder, "throws")
    if not (folder / "calm").exists():
        raise RuntimeError("uncaughtException: Cannot read properties of undefined (reading 'id')")
    while True:
        signal.pause()


def note(folder: Path, what: str) -> None:
    with (folder / "ledger").open("a") as ledger:
        ledger.write(f"{what}\n")


if __name__ == "__main__":
    {"heap": heap, "throws": throws}[sys.argv[1]](Path(sys.argv[2]))
