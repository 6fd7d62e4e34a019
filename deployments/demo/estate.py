"""Writes the demo estate into a folder and says how to run it and how to watch it.

`selfheal demo` and the tests call `write_estate` once, run `Estate.argv()` as a child process, and give
`Estate.settings()` to Selfheal. Everything listens on loopback, nothing restarts by itself, and nothing
outlives its supervisord: every program is started through `launch.py`.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments.demo import configuration
from deployments.embedded import ports as free_ports
from deployments.embedded.files import write_private
from selfheal.clients.supervisor import Supervisor

SERVERS = ("supervisor", "broker", "backend", "frontend", "consumer", "host-listener")
"""What listens, each on a port of its own."""
USER = "demo"


@dataclass(frozen=True, kw_only=True)
class Estate:
    """A written estate.

    Attributes:
        folder: holds its configuration, logs and ledger.
        ports: by name, as in `SERVERS`.
        password: of the user `demo`, for supervisord and for the broker.
        sleepers: how many `sleeper-N` programs it has besides the six real ones.
        hoarders: the services that grow, besides.
    """

    folder: Path
    ports: Mapping[str, int]
    password: str = field(repr=False)
    sleepers: int = 0
    hoarders: tuple[str, ...] = ()

    @property
    def programs(self) -> tuple[str, ...]:
        """All programs but the sleepers."""
        return (*configuration.REAL, *self.hoarders)

    def argv(self) -> list[str]:
        """The command that runs supervisord in the foreground; it ends the programs when it gets TERM."""
        return configuration.supervisord_argv(self.folder)

    def url(self, server: str) -> str:
        """Where one of the servers is found."""
        scheme = "nats" if server == "broker" else "http"
        return f"{scheme}://127.0.0.1:{self.ports[server]}"

    def control(self) -> Supervisor:
        """A client of the estate's supervisord."""
        return Supervisor(url=self.url("supervisor"), username=USER, password=self.password)

    def settings(self) -> dict[str, Any]:
        """The tables `supervisors` and `components` of Selfheal's settings."""
        return configuration.settings(self, user=USER)

    def toml(self) -> str:
        """The same as text for a settings file; it holds the password."""
        return configuration.toml(self.settings())

    def starts(self, program: str) -> int:
        """How often a program has started, by its own account: it needs some 50 ms before it can tell."""
        try:
            lines = (self.folder / "ledger").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return 0
        return sum(line.split(" ", 1)[0] == program for line in lines)

    def spawns(self, program: str) -> int:
        """How often supervisord has spawned a program, by its log: also those that died before they could tell."""
        log = (self.folder / "logs" / "supervisord.log").read_text(encoding="utf-8")
        return log.count(f"spawned: '{program}' with pid ")


def write_estate(
    folder: Path,
    *,
    ports: Mapping[str, int] | None = None,
    owner: tuple[int, int] | None = None,
    sleepers: int = 0,
    hoarders: tuple[str, ...] = (),
) -> Estate:
    """Write the estate's configuration; call it before supervisord starts.

    Args:
        folder: made when it is missing.
        ports: by name; those left out are free ones, kept for the next time.
        owner: user and group that supervisord runs as, when we are root and it is not.
        sleepers: how many trivial programs to add.
        hoarders: which of the services that grow to add.

    Raises:
        Permanent: a port is taken, or the folder cannot be written.
    """
    folder = folder.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    servers = (*SERVERS, *hoarders)
    wanted = {f"demo.{name}": (ports or {}).get(name) for name in servers}
    settled = free_ports.settle(folder / "ports.json", wanted=wanted)
    estate = Estate(
        folder=folder,
        ports={name: settled[f"demo.{name}"] for name in servers},
        password=secrets.token_urlsafe(24),
        sleepers=sleepers,
        hoarders=hoarders,
    )
    (folder / "logs").mkdir(mode=0o700, exist_ok=True)
    write_private(folder / "supervisord.conf", configuration.supervisord_conf(estate, user=USER))
    write_private(folder / "broker.conf", configuration.broker_conf(estate, user=USER))
    if owner is not None:
        _give_away(folder, owner)
    return estate


def _give_away(folder: Path, owner: tuple[int, int]) -> None:
    """Make the folder and all that is in it the servers' user's; links are not followed."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *owner, follow_symlinks=False)
