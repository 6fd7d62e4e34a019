"""The web server as a part of the stack. It is of a layer above this one, hence a command line and nothing else.

It runs as the unprivileged user, with a copy of the settings that holds no secret, and the password of a database role
that may read, and write what people's deeds write.
"""

import http.client
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployments.embedded import child
from deployments.embedded.child import RunAs
from deployments.embedded.ports import HOST
from deployments.part import Part

PROBE_TIMEOUT_SECONDS = 3.0
SETTINGS = "settings.toml"
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never listened on from here
_SOURCES = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class WebServer:
    """One process."""

    folder: Path
    """The data folder's `web`, owned by the server's user; its settings are in it."""
    log: Path
    host: str
    port: int
    url: str
    """Where a person finds it."""
    environment: Mapping[str, str] = field(repr=False)
    """The database and Prefect, as it may know them."""
    open_secret: str = field(default="", repr=False)
    """Of the token by which everybody is let in: only in a demo; empty: nobody is."""
    identity: RunAs | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server."""
        door = ["--open-door"] if self.open_secret else []
        environment = {
            **child.base_environment(home=self.folder),
            "SELFHEAL_CONFIG": str(self.folder / SETTINGS),
            **self.environment,
            **({"SELFHEAL_OPEN_DOOR": self.open_secret} if self.open_secret else {}),
        }
        return child.spawn(
            [sys.executable, "-m", "console.web", "--port", str(self.port), *door],
            log=self.log,
            environment=environment,
            identity=self.identity,
            folder=self.folder,
        )

    def ready(self) -> bool:
        """Say whether it answers; that the database is away is no reason to start it again."""
        return answers(self.host, self.port)


def run_as(user: str, *, folder: Path) -> RunAs | None:
    """How it is run from this process: as `user` when we are root and that user can read our sources.

    Args:
        user: the unprivileged one.
        folder: the data folder.
    """
    readable = Path(__file__).stat().st_mode & stat.S_IROTH
    return child.run_as(user, folder=folder, needs=[_SOURCES]) if readable else None


def part(server: WebServer) -> Part:
    """Return it as a supervised part; it is started once the schema is there."""
    return Part(
        name="web",
        start=server.start,
        ready=server.ready,
        depends_on=frozenset({"postgres"}),
        log=server.log,
        start_timeout_seconds=60.0,
    )


def reached(host: str) -> str:
    """The host by which this machine reaches what listens on `host`."""
    return HOST if host in EVERYWHERE else host


def answers(host: str, port: int) -> bool:
    """Whether a web server that listens there answers, whatever its database does."""
    connection = http.client.HTTPConnection(reached(host), port, timeout=PROBE_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
