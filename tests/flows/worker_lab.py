"""One worker of one kind against the session's Prefect server, with the flows of `worker_flows`.

`test_workers.py` asks it to run flows, and kills, stops and restarts the worker, its zygote and its children.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
from embedded_fixtures import gone
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling
from prefect_fixtures import Server

from deployments.embedded import child
from deployments.embedded.prefect_server import client_environment

FLOWS = Path(__file__).with_name("worker_flows")
AT_ONCE = 24
"""Flow runs at the same time: more than any case wants."""
PATIENCE_S = 240.0
_CODE = re.compile(r"status code: (-?\d+)")


class Lab:
    """The worker and what the cases need of it.

    Attributes:
        kind: worker type as Prefect knows it.
        folder: of its own: flows, notes, the worker's log.
        server: that it polls.
        services: where the servers are that flows ask, by name.
        pool: that it serves.
        api_url: where it finds the server.
        looks_every_s: between two looks for runs.
    """

    def __init__(
        self, kind: str, folder: Path, server: Server, *, pool: str = "", api_url: str = "", looks_every_s: float = 0.5
    ) -> None:
        self.kind, self.folder, self.server = kind, folder, server
        self.pool, self.api_url, self.looks_every_s = pool or f"lab-{kind}", api_url or server.url, looks_every_s
        self.flows = folder / "flows"
        self.services: dict[str, Any] = {}
        self._numbers = itertools.count(1)
        self._deployments: dict[tuple[str, str], UUID] = {}
        for name in ("home", "tmp", "notes", "work"):
            (folder / name).mkdir()
        shutil.copytree(FLOWS, self.flows)
        self._worker: subprocess.Popen[bytes] | None = None
        self.name = ""

    @property
    def log(self) -> Path:
        """What the worker and its children write."""
        return self.folder / "worker.log"

    @property
    def worker(self) -> subprocess.Popen[bytes]:
        """The process; another one after a restart."""
        assert self._worker is not None
        return self._worker

    def start(self) -> None:
        """Start a worker, and wait until the server has seen it; its pool is made with it."""
        self.name = f"{self.kind}-{next(self._numbers)}"
        command = [sys.executable, "-m", "prefect", "worker", "start", "--name", self.name]
        command += ["--pool", self.pool, "--type", self.kind, "--limit", str(AT_ONCE)]
        self._worker = child.spawn(command, log=self.log, environment=self._environment(), folder=self.folder / "work")
        self.until("the worker is seen", self._seen)

    def _environment(self) -> dict[str, str]:
        home = self.folder / "home"
        return {
            **child.base_environment(home=home),
            **client_environment(api_url=self.api_url, home=home),
            "TMPDIR": str(self.folder / "tmp"),
            "PYTHONPATH": str(self.flows),
            "PREFORK_MODULES": "lab_imports,lab_sets",
            "PREFECT_WORKER_QUERY_SECONDS": str(self.looks_every_s),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }

    def _seen(self) -> bool:
        assert self.worker.poll() is None, f"the worker ended with {self.worker.returncode}: {self.said()[-2000:]}"
        answer = httpx.post(f"{self.server.url}/work_pools/{self.pool}/workers/filter", json={}, trust_env=False)
        return answer.is_success and any(one["name"] == self.name for one in answer.json())

    def zygote(self) -> int:
        """The process that runs are forked from."""
        below = psutil.Process(self.worker.pid).children()
        found = [one.pid for one in below if one.name() == "prefork-zygote"]
        assert len(found) == 1, found
        return found[0]

    def close(self) -> None:
        """End the worker and all below it, and take its pool away: the server would still change its status later."""
        if self._worker is None:
            return
        below = psutil.Process(self.worker.pid).children(recursive=True) if self.worker.poll() is None else []
        for one in (self.worker, *below):
            kill(one.pid)
        self.worker.wait()
        psutil.wait_procs(below, timeout=20)
        with contextlib.suppress(ObjectNotFound):  # it ended before it had made one
            self.server.client.delete_work_pool(self.pool)

    def said(self) -> str:
        """The worker's output up to now, and that of its children."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def note(self) -> Path:
        """Where another run may write."""
        return self.folder / "notes" / f"{next(self._numbers)}.json"

    def run(
        self,
        entrypoint: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        deployment: str = "lab",
        **options: Any,
    ) -> UUID:
        """Create a run of a flow; gives its id at once.

        Args:
            entrypoint: module and function, or file and function with the option `path`.
            parameters: of the flow.
            env: of this run only, from the job variables.
            deployment: its name.
            options: of the deployment; they count when it is made, for its first run.
        """
        key = (entrypoint, deployment)
        client = self.server.client
        if key not in self._deployments:
            flow_id = client.create_flow_from_name(re.split(r"[.:]", entrypoint)[-1].replace("_", "-"))
            wanted = {"entrypoint": entrypoint, "work_pool_name": self.pool, "enforce_parameter_schema": False}
            name = f"{deployment}-{self.pool}"
            self._deployments[key] = client.create_deployment(flow_id, name, **(wanted | options))
        made = client.create_flow_run_from_deployment(
            self._deployments[key],
            parameters=dict(parameters or {}),
            job_variables={"env": dict(env)} if env else None,
        )
        return made.id

    def read(self, run: UUID) -> FlowRun:
        """The run as the server knows it now."""
        return self.server.client.read_flow_run(run)

    def state(self, run: UUID) -> State[Any]:
        """Its state now."""
        state = self.read(run).state
        assert state is not None
        return state

    def ended(self, run: UUID) -> State[Any]:
        """Its final state, as soon as it has one."""
        self.until(f"run {run} ends", lambda: self.state(run).is_final())
        return self.state(run)

    def cancel(self, run: UUID) -> None:
        """Ask for its cancellation as the UI does."""
        self.server.client.set_flow_run_state(run, Cancelling())

    def logged(self, run: UUID) -> list[str]:
        """The run's log lines at the API."""
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]))
        return [line.message for line in self.server.client.read_logs(wanted)]

    def told(self, note: Path) -> dict[str, Any]:
        """What a run has written, as soon as it has."""
        self.until(f"a run writes {note.name}", note.exists)
        found: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        return found

    def until(self, what: str, condition: Callable[[], bool], *, seconds: float = PATIENCE_S) -> None:
        """Wait for a condition, and say what the worker said if it does not come true."""
        ends = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > ends:
                raise AssertionError(f"{what}: not within {seconds:g} s; the worker said: {self.said()[-3000:]}")
            time.sleep(0.05)


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process that may have ended."""
    if not gone(pid):
        os.kill(pid, number)


def described(state: State[Any]) -> str:
    """A final state as the table tells it: its name, and the exit code where it names one."""
    code = _CODE.search(state.message or "")
    return state.name + (f", exit code {code[1]}" if code else "")
