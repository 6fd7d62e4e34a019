"""The embedded Prefect server and the stock worker, together under the supervisor."""

import http.client
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from embedded_fixtures import gone, until
from test_supervisor import Running, supervised

from deployments import stackfile
from deployments.embedded import child
from deployments.embedded.prefect_server import client_environment

APPLY = textwrap.dedent("""
    import asyncio, sys
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.workers.process import ProcessWorker

    async def apply(folder):
        template = ProcessWorker.get_default_base_job_template()
        variables = {"working_dir": folder, "env": {"PYTHONPATH": folder}}
        async with get_client() as client:
            await client.create_work_pool(
                WorkPoolCreate(name="pool", type="process", base_job_template=template), overwrite=True
            )
            flow = await client.create_flow_from_name("nap")
            deployment = await client.create_deployment(
                flow, name="nap", entrypoint="napping.nap", path=folder, work_pool_name="pool",
                job_variables=variables, enforce_parameter_schema=False,
            )
            await client.create_flow_run_from_deployment(deployment)

    asyncio.run(apply(*sys.argv[1:]))
""")

FLOW = textwrap.dedent("""
    import os, pathlib, time
    from prefect import flow

    @flow
    def nap():
        pathlib.Path(__file__).with_name("napping.pid").write_text(str(os.getpid()))
        time.sleep(600)
""")


def ask(running: Running, method: str, path: str, body: object = None) -> Any:
    stack = stackfile.read(running.folder / "run" / "stack.json")
    assert stack is not None
    connection = http.client.HTTPConnection("127.0.0.1", stack.ports["prefect.port"], timeout=30)
    try:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status < 300, content
        return json.loads(content) if "json" in (answer.headers["Content-Type"] or "") else content
    finally:
        connection.close()


def start_a_nap(running: Running) -> Callable[[], int | None]:
    """Make pool and deployment, start a run, and return how to find the process that runs it."""
    stack = stackfile.read(running.folder / "run" / "stack.json")
    assert stack is not None
    home = running.folder / "home"
    (home / "napping.py").write_text(FLOW)
    environment = child.base_environment(home=home) | client_environment(
        api_url=f"{stack.urls['prefect']}/api", home=home
    )
    subprocess.run([sys.executable, "-c", APPLY, str(home)], env=environment, check=True, timeout=120)
    note = home / "napping.pid"
    return lambda: int(note.read_text() or 0) or None if note.exists() else None


@pytest.mark.timeout(400)
def test_a_killed_worker_takes_its_flow_runs_along(scratch: Path) -> None:
    """Server and worker come up; the flow run of a kill -9ed worker ends before the next worker starts."""
    with supervised(scratch, "postgres", "prefect", "worker", seconds=200) as running:
        assert b"<html" in ask(running, "GET", "/").lower()
        settings = ask(running, "GET", "/api/admin/settings")["server"]
        assert settings["analytics_enabled"] is False
        assert settings["ephemeral"]["enabled"] is False
        assert set(settings["services"]["db_vacuum"]["enabled"]) >= {"events", "flow_runs"}
        kept = (settings["services"]["db_vacuum"]["retention_period"], settings["events"]["retention_period"])
        assert set(kept) <= {"P14D", 14 * 86400}, kept
        find = start_a_nap(running)
        until(lambda: find() is not None, seconds=120)
        napping, worker = find(), running.pid("worker")
        assert napping is not None
        assert worker in [parent.pid for parent in psutil.Process(napping).parents()]
        os.kill(worker, signal.SIGKILL)
        until(lambda: gone(napping))
        until(lambda: running.is_ready("worker", restarts=1))
        server = running.pid("prefect")
        os.kill(server, signal.SIGKILL)
        until(lambda: running.is_ready("prefect", restarts=1))
        assert ask(running, "GET", "/api/health") is True


@pytest.mark.usefixtures("campaign")
@pytest.mark.timeout(400)
def test_killing_everything_at_once_ends_the_flow_runs(scratch: Path) -> None:
    """A flow run of our worker dies with its worker even when nobody is left to end orphans."""
    with supervised(scratch, "postgres", "prefect", "worker", seconds=200) as running:
        find = start_a_nap(running)
        until(lambda: find() is not None, seconds=120)
        napping = find()
        assert napping is not None
        for pid in (running.supervisor(), running.guardian.pid):
            os.kill(pid, signal.SIGKILL)
        until(lambda: gone(napping))
