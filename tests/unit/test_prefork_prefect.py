"""What the prefork worker relies on inside Prefect: fails first when a release changes it, and says where to look."""

import asyncio
import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import httpx
import pytest

LOOK = """
Prefect has changed what the prefork worker relies on. Read "What it relies on" in docs/decisions/prefork-worker.md,
compare prefect/workers/process.py, prefect/runner/ and prefect/engine.py with deployments/prefork/, and adapt
deployments/prefork/prefect_private.py. Until then runs begin as before with worker = "process" in [prefect]."""

TAKES = {
    "prefect.context:refresh_global_settings_context": (),
    "prefect.engine:handle_engine_signals": ("flow_run_id",),
    "prefect.events.clients:get_events_subscriber": ("filter", "reconnection_attempts"),
    "prefect.flows:load_flow_from_flow_run": ("flow_run",),
    "prefect.logging.configuration:setup_logging": ("incremental",),
    "prefect.runner._control_channel:ControlChannel.get_conclusion": ("self", "flow_run_id"),
    "prefect.runner._control_channel:ControlChannel.register": ("self", "flow_run_id"),
    "prefect.runner._control_channel:ControlChannel.unregister": ("self", "flow_run_id"),
    "prefect.runner._flow_run_executor:FlowRunExecutor.submit": ("self", "task_status"),
    "prefect.runner._flow_run_executor:FlowRunExecutorContext.create_executor": (
        *("self", "flow_run", "starter", "propose_submitting", "hook_runner"),
    ),
    "prefect.runner._hook_runner:HookRunner": ("resolve_flow",),
    "prefect.runner._hook_runner:HookRunner.run_cancellation_hooks": ("self", "flow_run", "state"),
    "prefect.runner._hook_runner:HookRunner.run_crashed_hooks": ("self", "flow_run", "state"),
    "prefect.runner._process_manager:ProcessHandle": ("_process", "termination_scope"),
    "prefect.runner._process_manager:create_isolated_termination_scope": ("pid",),
    "prefect.utilities.processutils:sanitize_subprocess_env": ("env",),
    "prefect.workers.base:BaseWorker._record_work_pool_snapshot": ("self", "work_pool"),
    "prefect.workers.base:BaseWorker._submit_scheduled_flow_runs": ("self", "flow_run_response"),
    "prefect.workers.base:BaseWorker.get_and_submit_flow_runs": ("self",),
    "prefect.workers.base:BaseWorker.setup": ("self",),
    "prefect.workers.base:BaseWorker.sync_with_backend": ("self",),
    "prefect.workers.base:BaseWorker.teardown": ("self", "exc_info"),
    "prefect.workers.process:ProcessWorker.run": ("self", "flow_run", "configuration", "task_status"),
}
"""Each name, and the parameters that we give it."""

SAYS = {
    "prefect.engine": ("PREFECT__FLOW_RUN_ID", "configure_from_env()", 'if __name__ == "__main__":'),
    "prefect._internal.control_listener": ("PREFECT__CONTROL_PORT", "PREFECT__CONTROL_TOKEN"),
    "prefect.flow_engine": ("PREFECT__FLOW_ENTRYPOINT", "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS"),
    "prefect.runner._starter_engine": ("control_channel.register", "sanitize_subprocess_env", "PREFECT__FLOW_RUN_ID"),
    "prefect.workers.process": ("_command_configured", "FlowRunExecutorContext()", "propose_submitting=False"),
    "prefect.workers.base": (
        "self._limiter",
        "workload=self.get_and_submit_flow_runs",
        'id=[f"prefect.work-pool.{self._work_pool.id}"]',
        "self._submitting_flow_run_ids",
        "self._work_pool_name",
        "_related_objects",
    ),
    "prefect.settings.base": ('env_file=".env"', 'toml_file="prefect.toml"', "pyproject_toml_table_header"),
    "prefect.settings.sources": ("_file_cache",),
    "prefect._internal.concurrency.threads": ("register_at_fork",),
    "prefect._internal.concurrency.services": ("register_at_fork",),
}
"""Each module, and words without which it does something else than we know."""


@pytest.mark.parametrize("name", TAKES)
def test_prefect_still_takes_what_we_give_it(name: str) -> None:
    """A name that we use is there and takes our arguments."""
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for step in path.split("."):
        found = getattr(found, step, None)  # type: ignore[assignment]
    assert found is not None, f"{name} is gone. {LOOK}"
    assert set(TAKES[name]) <= set(inspect.signature(found).parameters), f"{name}{inspect.signature(found)}. {LOOK}"  # type: ignore[arg-type]


@pytest.mark.parametrize(("module", "words"), SAYS.items())
def test_prefect_still_works_as_we_know_it(module: str, words: Sequence[str]) -> None:
    """The source of what we step into still says what we have read there."""
    text = inspect.getsource(importlib.import_module(module))
    assert [word for word in words if word not in text] == [], f"{module} is another one. {LOOK}"


def test_nothing_else_of_ours_reaches_into_prefect() -> None:
    """Private names of Prefect's are imported in one file only."""
    package = Path(__file__).parents[2] / "deployments" / "prefork"
    reaching = [
        f"{file.name}: {line}"
        for file in package.glob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith(("from prefect", "import prefect")) and ("._" in line or "import _" in line)
    ]
    assert {line.partition(":")[0] for line in reaching} == {"prefect_private.py"}


def test_prefect_knows_the_worker_type() -> None:
    """`prefect work-pool create` and `prefect worker start` find the type by its entry point."""
    from prefect.workers.base import BaseWorker  # noqa: PLC0415  it costs seconds
    from prefect.workers.process import ProcessWorker  # noqa: PLC0415

    worker = BaseWorker.get_worker_class_from_type("prefork")
    assert worker is not None, "install the project: make setup"
    assert worker.get_default_base_job_template() == ProcessWorker.get_default_base_job_template()


def test_what_fails_beside_a_heartbeat_does_not_end_the_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The server will not have it told that a run has gone, or the worker is short of descriptors: it goes on."""
    from prefect.settings import PREFECT_HOME, temporary_settings  # noqa: PLC0415  it costs seconds
    from prefect.workers.process import ProcessWorker  # noqa: PLC0415

    from deployments.prefork.worker import PreforkWorker  # noqa: PLC0415

    async def beats(_: ProcessWorker) -> None:
        """The server has heard us."""

    told = list[UUID]()

    async def settle(_: PreforkWorker, run_id: UUID) -> None:
        told.append(run_id)
        request = httpx.Request("POST", "http://server/api")
        raise httpx.HTTPStatusError("409 Conflict", request=request, response=httpx.Response(409, request=request))

    monkeypatch.setattr(ProcessWorker, "sync_with_backend", beats)
    monkeypatch.setattr(PreforkWorker, "_settle", settle)
    monkeypatch.setattr("deployments.prefork.journal.Journal.lost", lambda _: [UUID(int=1), UUID(int=2)])
    with temporary_settings({PREFECT_HOME: tmp_path}):
        worker = PreforkWorker(work_pool_name="shop")
    asyncio.run(worker.sync_with_backend())
    assert told == [UUID(int=1), UUID(int=2)]
    assert "409 Conflict" in caplog.text

    def short(_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("deployments.prefork.zygotes.Zygotes.bury", short)
    asyncio.run(worker.sync_with_backend())
    assert "Too many open files" in caplog.text
