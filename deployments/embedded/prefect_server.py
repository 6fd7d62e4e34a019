"""The embedded Prefect server; and the environment of everything that talks to it.

`stack.embedded_parts` makes a supervised part of it. The child runs what `prefect server start --background`
runs (one uvicorn with the services in it), without the command line's own start in front.
"""

import http.client
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from deployments.embedded import child
from deployments.embedded.child import RunAs
from deployments.embedded.ports import HOST

PROBE_TIMEOUT_SECONDS = 3.0

SERVER_ENVIRONMENT = {
    "PREFECT__SERVER_FINAL": "1",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",  # it calls an outside host
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}

CLIENT_ENVIRONMENT = {
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # without our server a client must fail, not start its own
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_CLI_PROMPT": "false",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True, kw_only=True)
class PrefectServer:
    """One server process: API, UI, scheduler and the other services; on any Postgres."""

    folder: Path
    """The data folder's `prefect`: its PREFECT_HOME, owned by the server's user."""
    log: Path
    port: int
    database_url: str = field(repr=False)
    """SQLAlchemy's, with the driver that Prefect wants; the password is in it."""
    identity: RunAs | None = None
    keep: timedelta = timedelta(days=14)
    """Its own vacuum forgets runs, logs, artifacts and events that are older."""
    extra_environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def api_url(self) -> str:
        """Where clients find the API."""
        return f"http://{HOST}:{self.port}/api"

    @property
    def ui_url(self) -> str:
        """Where a person finds the UI."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server; it migrates its database before it listens."""
        command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
        command += ["--host", HOST, "--port", str(self.port), "--timeout-keep-alive", "5", "--no-access-log"]
        return child.spawn(
            command,
            log=self.log,
            environment=self._environment(),
            identity=self.identity,
            folder=self.folder,
        )

    def ready(self) -> bool:
        """Say whether the API answers that it is healthy."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PROBE_TIMEOUT_SECONDS)
        try:  # the standard library: a client of httpx costs 20 ms of CPU time, and this runs all day
            connection.request("GET", "/api/health")
            answer = connection.getresponse()
            return answer.status == http.client.OK and json.load(answer) is True
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()

    def _environment(self) -> dict[str, str]:
        """Return the server's environment; the only place where the database's password goes."""
        return {
            **child.base_environment(home=self.folder),
            **CLIENT_ENVIRONMENT,
            **SERVER_ENVIRONMENT,
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",  # runs are not among its defaults
            "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": f"{self.keep.total_seconds():.0f}",
            "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"PT{self.keep.total_seconds():.0f}S",  # this one takes no number
            "PREFECT_HOME": str(self.folder),
            "PREFECT_UI_STATIC_DIRECTORY": str(self.folder / "ui"),  # else it writes into the installed package
            "PREFECT_API_URL": self.api_url,
            "PREFECT_API_DATABASE_CONNECTION_URL": self.database_url,
            **self.extra_environment,
        }


def client_environment(*, api_url: str, home: Path) -> dict[str, str]:
    """Return what a worker, a flow run or our own client needs to talk to the server; no secret is in it.

    Args:
        api_url: of the server.
        home: PREFECT_HOME of the client, a folder of ours.
    """
    return {"PREFECT_API_URL": api_url, "PREFECT_HOME": str(home), **CLIENT_ENVIRONMENT}
