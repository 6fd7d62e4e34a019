"""Prefect's stock process worker as a part of the stack.

`stack.embedded_parts` makes a supervised part of it. Its flow runs are children of its own: when the worker
is killed they come to the supervisor, which ends them before it starts the next worker; `flow_run_command`
makes them die with the worker even when the supervisor is killed at the same moment.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployments.embedded import child
from deployments.embedded.child import RunAs
from deployments.embedded.prefect_server import client_environment


@dataclass(frozen=True, kw_only=True)
class Worker:
    """One worker that polls one pool."""

    name: str
    pool: str
    kind: str = "process"
    """Worker type as Prefect knows it."""
    limit: int
    """Flow runs at the same time."""
    queues: tuple[str, ...] = ()
    """Queues of the pool; none means all."""
    query_seconds: float = 2.0
    """Between two looks for scheduled runs: each look costs worker and server about 15 ms of CPU time."""
    api_url: str
    home: Path
    """PREFECT_HOME of the worker and its flow runs."""
    log: Path
    working_folder: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the flow runs need besides; may hold secrets."""
    identity: RunAs | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Start the worker; its pool must exist."""
        command = [sys.executable, "-m", "prefect", "worker", "start", "--no-create-pool-if-not-found"]
        command += ["--name", self.name, "--pool", self.pool, "--type", self.kind, "--limit", str(self.limit)]
        for queue in self.queues:
            command += ["--work-queue", queue]
        environment = {
            **child.base_environment(home=self.home),
            **client_environment(api_url=self.api_url, home=self.home),
            "PREFECT_WORKER_QUERY_SECONDS": str(self.query_seconds),
            **self.environment,
        }
        return child.spawn(
            command,
            log=self.log,
            environment=environment,
            identity=self.identity,
            folder=self.working_folder,
        )


def flow_run_command() -> str:
    """Return the job variable `command` of the pool: Prefect's engine, dying with its worker."""
    launch = [sys.executable, "-I", "-S", os.fspath(child.LAUNCH), "--death-signal", "KILL", "--"]
    return shlex.join([*launch, sys.executable, "-m", "prefect.engine"])
