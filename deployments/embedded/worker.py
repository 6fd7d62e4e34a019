"""Prefect's worker as a part of the stack: ours, or the stock process worker, by its type's name.

The lead of the stack (`deployments`) appends `part(...)` to the servers of `stack`. Flow runs are children of the
worker: when it is killed they come to the supervisor, which ends them before it starts the next worker; both types make
them die with the worker even when the supervisor is killed at the same moment.
"""

import base64
import http.client
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from deployments.embedded import child
from deployments.embedded.child import RunAs
from deployments.embedded.prefect_server import PROBE_TIMEOUT_SECONDS, client_environment
from deployments.part import Part, nothing

HEARTBEAT_SECONDS = 10
MISSED_HEARTBEATS = 3


@dataclass(kw_only=True)
class Worker:
    """One worker that polls one pool; not frozen, since it remembers when it was last started."""

    name: str
    pool: str
    kind: str = "prefork"
    """Worker type as Prefect knows it."""
    limit: int
    """Flow runs at the same time."""
    queues: tuple[str, ...] = ()
    """Queues of the pool; none means all."""
    query_seconds: float = 5.0
    """Between two looks for runs, of which each costs about 0.03 CPU-s. Ours also looks when a run is announced; under
    the stock worker a run waits for the next look."""
    api_url: str
    home: Path
    """PREFECT_HOME of the worker and its flow runs."""
    log: Path
    working_folder: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the flow runs need besides; may hold secrets."""
    identity: RunAs | None = None
    start_key: str = field(default="", init=False)
    """Another one for each start: runs that are begun at a start are begun once."""
    _started_at: float = field(default=0.0, init=False)
    _seen: bool = field(default=False, init=False)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the worker; its pool must exist."""
        command = [sys.executable, "-m", "deployments.embedded.process_worker", "worker", "start"]
        command += ["--name", self.name, "--pool", self.pool, "--type", self.kind, "--limit", str(self.limit)]
        for queue in self.queues:
            command += ["--work-queue", queue]
        temporary = self.home / "tmp"
        temporary.mkdir(exist_ok=True)
        environment = {
            **child.base_environment(home=self.home),
            **client_environment(api_url=self.api_url, home=self.home),
            "TMPDIR": str(temporary),  # Prefect's runner_storage in a shared one belongs to whoever came first
            "PREFECT_WORKER_QUERY_SECONDS": str(self.query_seconds),
            "PREFECT_WORKER_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
            **self.environment,
        }
        self._started_at, self._seen = time.time(), False
        self.start_key = uuid.uuid4().hex
        return child.spawn(
            command,
            log=self.log,
            environment=environment,
            identity=self.identity,
            folder=self.working_folder,
        )

    def ready(self) -> bool:
        """Say whether this start of the worker has sent a heartbeat lately.

        While the server is away nothing can be said against a worker that was seen: it may be in the middle
        of a heal.
        """
        try:
            last = self._last_heartbeat()
        except (OSError, http.client.HTTPException, ValueError):
            return self._seen
        fresh = time.time() - last <= HEARTBEAT_SECONDS * MISSED_HEARTBEATS
        self._seen = self._seen or last >= self._started_at
        return self._seen and fresh

    def _last_heartbeat(self) -> float:
        """Ask the server for the worker's last heartbeat; 0 when it has never seen the worker."""
        address = urlsplit(self.api_url)
        connection = http.client.HTTPConnection(address.netloc, timeout=PROBE_TIMEOUT_SECONDS)
        try:
            path = f"{address.path}/work_pools/{quote(self.pool)}/workers/filter"
            connection.request("POST", path, "{}", self._headers())  # it knows no filter by name
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise http.client.HTTPException(answer.reason)
            beats = [entry["last_heartbeat_time"] for entry in json.load(answer) if entry["name"] == self.name]
        finally:
            connection.close()
        return max((datetime.fromisoformat(beat).timestamp() for beat in beats if beat), default=0.0)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        secret = self.environment.get("PREFECT_API_AUTH_STRING")
        if secret:
            headers["Authorization"] = f"Basic {base64.b64encode(secret.encode()).decode()}"
        return headers


def part(
    worker: Worker,
    *,
    depends_on: frozenset[str] = frozenset({"prefect"}),
    on_ready: Callable[[], None] = nothing,
) -> Part:
    """Return the worker as a supervised part.

    A frozen worker is replaced after `MISSED_HEARTBEATS` and six probes (90 s): slower than a server, since
    the first probes after an outage of the server see an old heartbeat of a worker that is well.
    """
    return Part(
        name="worker",
        start=worker.start,
        ready=worker.ready,
        on_ready=on_ready,
        depends_on=depends_on,
        log=worker.log,
        stop_timeout_seconds=15.0,
        probe_every_seconds=float(HEARTBEAT_SECONDS),
    )
