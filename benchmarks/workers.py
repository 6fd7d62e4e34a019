"""Prefect workers beside each other at one Prefect server, and the flows that are run under them."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.rounds import until
from deployments.embedded import child, datafolder, stack
from deployments.embedded.prefect_server import client_environment

_PORTS = (stack.POSTGRES_PORT, stack.NATS_PORT, stack.PREFECT_PORT)
_READY_S = 180.0
LIMIT = 20
"""Flow runs at the same time."""
LOOK_S = "0.5"
"""Seconds between two looks for runs, of every worker: so short that the worker is measured, not the wait."""
FLOWS = """
import json, os, time
from pathlib import Path
from prefect import flow

@flow
def begins(note: str) -> None:
    tell(note, time.time())

@flow
def naps(note: str) -> None:
    tell(note, time.time())
    time.sleep(600)

def tell(note: str, began: float) -> None:
    Path(note + ".new").write_text(json.dumps({"began": began, "pid": os.getpid()}))
    Path(note + ".new").rename(note)
"""
"""Two flows, of which the first line tells when it was reached and in which process."""


@dataclass(kw_only=True)
class UnderWorker:
    """One worker with its pool; not frozen, since it numbers its runs.

    Attributes:
        kind: worker type as Prefect knows it.
        pid: of the worker's process.
        api: of the server.
        folder: for the notes of the runs.
    """

    kind: str
    pid: int
    pool: str
    api: httpx.Client
    folder: Path
    _deployments: dict[str, str] = field(default_factory=dict)
    _number: int = 0

    def begin(self, entrypoint: str) -> "Begun":
        """Ask for a run as `run_deployment` does."""
        deployment = self._deployments.get(entrypoint) or self._deploy(entrypoint)
        self._number += 1
        note = self.folder / f"{self.pool}-{self._number}.json"
        body = {"parameters": {"note": str(note)}, "state": {"type": "SCHEDULED"}}
        asked_at = time.time()
        made = self.ask("POST", f"/deployments/{deployment}/create_flow_run", body)
        return Begun(run=made["id"], note=note, asked_at=asked_at, under=self)

    def _deploy(self, entrypoint: str) -> str:
        flow = self.ask("POST", "/flows/", {"name": entrypoint.rpartition(".")[2]})
        body = {"name": f"{entrypoint}-{self.pool}", "flow_id": flow["id"], "entrypoint": entrypoint}
        body |= {"work_pool_name": self.pool, "enforce_parameter_schema": False}
        self._deployments[entrypoint] = str(self.ask("POST", "/deployments/", body)["id"])
        return self._deployments[entrypoint]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API."""
        answer = self.api.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()

    def zygote(self) -> psutil.Process:
        """The process that the runs are forked from, as soon as there is one."""
        found: list[psutil.Process] = []

        def there() -> bool:
            found[:] = [one for one in psutil.Process(self.pid).children() if one.name() == "prefork-zygote"]
            return len(found) == 1

        until(there, what="there is one zygote", seconds=_READY_S)
        return found[0]


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A run that was asked for.

    Attributes:
        run: its id.
        note: where it tells when its code was reached.
        asked_at: seconds of the epoch.
        under: the worker.
    """

    run: str
    note: Path
    asked_at: float
    under: UnderWorker

    def told(self) -> dict[str, Any]:
        """What its first line told, as soon as it has."""
        until(self.note.exists, what=f"the flow of a run under {self.under.kind} begins", seconds=_READY_S)
        return dict(json.loads(self.note.read_text(encoding="utf-8")))

    def state(self) -> str:
        """The type of its state now."""
        return str(self.under.ask("GET", f"/flow_runs/{self.run}")["state"]["type"])

    def taken_at(self) -> float:
        """When the worker has taken it, in seconds of the epoch: before that it waits for the worker's next look."""
        states = self.under.ask("GET", f"/flow_run_states/?flow_run_id={self.run}")
        taken = min(one["timestamp"] for one in states if one["type"] == "PENDING")
        return datetime.fromisoformat(taken).timestamp()

    def ended(self) -> None:
        """Wait until the server knows that it has completed, and its process is gone."""
        pid = int(self.told()["pid"])
        until(lambda: self.state() == "COMPLETED", what="a run completes", seconds=_READY_S)
        until(lambda: not psutil.pid_exists(pid), what="its process ends", seconds=_READY_S)


@contextlib.contextmanager
def prefect_server(folder: Path) -> Iterator[str]:
    """A Prefect server on a Postgres, as `selfheal up` runs them; gives the URL of its API."""
    with datafolder.open_folder(folder, wanted_ports=dict.fromkeys(_PORTS)) as opened, contextlib.ExitStack() as ends:
        servers = stack.servers(opened, identity=child.run_as("nobody", folder=opened.path))
        for part in stack.parts(servers):
            if part.start is None or part.name == "nats":
                continue
            process = part.start()
            ends.callback(process.wait, timeout=60)
            ends.callback(process.send_signal, part.stop_signal)
            until(part.ready, what=f"{part.name} answers", seconds=_READY_S)
            part.on_ready()
        yield f"{servers.urls()['prefect']}/api"


@contextlib.contextmanager
def under_worker(
    kind: str, name: str, *, api_url: str, folder: Path, launch: Sequence[str] = ("-m", "prefect")
) -> Iterator[UnderWorker]:
    """A worker of a kind with a pool of its own; ready once the server has seen it.

    Args:
        kind: worker type as Prefect knows it.
        name: of the pool and the worker.
        api_url: of the server.
        folder: that holds `flows`, from which modules are imported.
        launch: what Python is told to begin with.
    """
    home = folder / name
    (home / "tmp").mkdir(parents=True)
    environment = {
        **child.base_environment(home=home),
        **client_environment(api_url=api_url, home=home),
        "TMPDIR": str(home / "tmp"),
        "PYTHONPATH": os.pathsep.join([str(folder / "flows"), str(Path(__file__).parents[1])]),
        "PREFECT_WORKER_QUERY_SECONDS": LOOK_S,
    }
    command = [sys.executable, *launch, "worker", "start", "--pool", name, "--name", name, "--type", kind]
    command += ["--limit", str(LIMIT)]
    process = child.spawn(command, log=home / "worker.log", environment=environment, folder=home)
    with httpx.Client(base_url=api_url, timeout=60, trust_env=False) as api:
        under = UnderWorker(kind=kind, pid=process.pid, pool=name, api=api, folder=folder)
        try:
            until(lambda: _seen(under), what=f"the server sees the {kind} worker", seconds=_READY_S)
            yield under
        finally:
            below = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.wait()
            for one in below:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(below, timeout=20)


def _seen(under: UnderWorker) -> bool:
    answer = under.api.post(f"/work_pools/{under.pool}/workers/filter", json={})
    return answer.is_success and bool(answer.json())
