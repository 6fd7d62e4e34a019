"""The worker type `prefork`: Prefect's process worker, except that a run's process is forked and not started anew.

Prefect finds it by the entry point `prefect.collections` (pyproject.toml), so that `prefect work-pool create --type
prefork` and `prefect worker start --type prefork` know it. States, cancellation, hooks, limits and exit codes are
handled by Prefect's own code (`FlowRunExecutor`); ours is how a process comes to be (`starter`, `zygotes`), that a run
begins when it is announced (`announced`), and that none stays Running after its worker was killed (`journal`).
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
import httpx
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkPool
from prefect.client.schemas.responses import DeploymentResponse, WorkerFlowRunResponse
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Crashed
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from deployments.prefork import fallback, prefect_private
from deployments.prefork.announced import Announcements
from deployments.prefork.journal import Journal, Noted
from deployments.prefork.options import Options
from deployments.prefork.prefect_private import FlowRunExecutionResult, FlowRunExecutorContext
from deployments.prefork.slots import within_slots
from deployments.prefork.started import NoZygoteError
from deployments.prefork.starter import Run
from deployments.prefork.zygotes import Zygotes

PAGE = 200
UNDER_WAY = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)


class PreforkWorker(ProcessWorker):
    """A process worker whose runs begin at once."""

    type = "prefork"
    job_configuration = ProcessJobConfiguration
    _display_name = "Prefork"
    _description = (
        "Execute flow runs as processes forked from one that has already imported Prefect and the flows: a run begins "
        "at once instead of after an interpreter's start. Needs Linux; elsewhere it works like the process worker."
    )
    _documentation_url = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what every worker takes; the rest is in `options`."""
        super().__init__(*args, **kwargs)
        self._options = Options.of()
        self._unavailable = ""
        self._journal = Journal(get_current_settings().home / "prefork" / self._work_pool_name)
        self._zygotes = Zygotes(modules=self._modules, most_runs=self._options.runs, log=self._logger)
        self._looking = asyncio.Lock()
        self._announcements = Announcements(look=self.get_and_submit_flow_runs, log=self._logger)

    async def setup(self) -> None:
        """Begin as every worker does, and start the zygote."""
        self._unavailable = fallback.unavailable()
        await super().setup()
        if self._unavailable:
            self._logger.warning("Runs are not forked but started as by the process worker: %s", self._unavailable)
        else:
            self._zygotes.begin()

    async def teardown(self, *exc_info: Any) -> None:
        """End as every worker does; the zygote last, since hooks may need it."""
        try:
            await self._announcements.end()
            await super().teardown(*exc_info)
        finally:
            await self._zygotes.end()

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Look for due runs; one look at a time, so that none is answered by what was true before another."""
        async with self._looking:
            found: list[FlowRun] = await super().get_and_submit_flow_runs()
            return found

    async def sync_with_backend(self) -> None:
        """Beside each heartbeat, tell the server of runs that have ended without a word, and collect who has ended."""
        await super().sync_with_backend()
        if self._work_pool is not None:
            await self._announcements.hear(self._work_pool.id)
        try:
            self._zygotes.bury()
            lost = self._journal.lost()
        except OSError as error:  # too many open files, for example: that must not end the worker either
            self._logger.warning("It cannot be told which runs have gone without a word: %s", error)
            return
        for run_id in lost:
            try:
                await self._settle(run_id)
            except httpx.HTTPStatusError as error:  # one that the server refuses must not end the worker
                self._logger.warning("Run %s has gone without a word, and cannot be told: %s", run_id, error)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Run a flow run in a forked process, or, where that cannot be, as the process worker does."""
        waits = task_status or anyio.TASK_STATUS_IGNORED
        with self._journal.run(flow_run.id):
            why = self._unavailable or _unforkable(configuration) or await self._zygotes.refusal()
            if why:
                self.get_flow_run_logger(flow_run).info("This run is not forked: %s", why)
                fallback.let_it_die_with_us(configuration)
                return await super().run(flow_run, configuration, Noted(self._journal, flow_run.id, waits))
            return await self._run_forked(flow_run, configuration, waits)

    async def _run_forked(
        self, flow_run: FlowRun, configuration: ProcessJobConfiguration, task_status: anyio.abc.TaskStatus[int]
    ) -> ProcessWorkerResult:
        """The same as in `ProcessWorker.run`, with another starter and other hooks."""
        with contextlib.ExitStack() as stack:
            folder = _folder(stack, configuration)
            async with FlowRunExecutorContext() as context:
                run = Run(
                    zygotes=self._zygotes,
                    journal=self._journal,
                    environment=configuration.env,
                    folder=folder,
                    entrypoint=_entrypoint(prefect_private.deployment_of(configuration)),
                    streams=configuration.stream_output,
                    control=context.control_channel,
                )
                executor = context.create_executor(flow_run, run, propose_submitting=False, hook_runner=run)
                results: list[FlowRunExecutionResult | None] = []

                async def execute(*, task_status: anyio.abc.TaskStatus[Any]) -> None:
                    results.append(await executor.submit(task_status=task_status))

                async with anyio.create_task_group() as group:
                    handle = await group.start(execute)
                    task_status.started(handle.pid)
        if run.concluded:
            self._journal.ended(flow_run.id)
        result = results[0]
        if result is None or result.status_code is None:
            raise NoZygoteError("the flow run's process could not be started")
        return ProcessWorkerResult(status_code=result.status_code, identifier=str(result.handle.pid))

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Leave the last slot to the queue that has one of its own; a worker with one slot has none to leave."""
        queue = self._options.reserved_queue
        if queue and self._limiter is not None and self._limiter.total_tokens > 1:
            flow_run_response = within_slots(
                [one for one in flow_run_response if one.flow_run.id not in self._submitting_flow_run_ids],
                queue_of=lambda one: one.flow_run.work_queue_name,
                reserved=queue,
                free=int(self._limiter.available_tokens),
            )
        return await super()._submit_scheduled_flow_runs(flow_run_response)

    def _record_work_pool_snapshot(self, work_pool: WorkPool) -> None:
        """Serve a pool of type `process` as well, which is made of the same: no warning is due."""
        if work_pool.type == ProcessWorker.type:
            work_pool = work_pool.model_copy(update={"type": self.type})
        super()._record_work_pool_snapshot(work_pool)

    async def _modules(self) -> Sequence[str]:
        """What is imported ahead: the modules of the pool's flows, and what the options name."""
        pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[self._work_pool_name]))
        try:
            found = await self.client.read_deployments(work_pool_filter=pool, limit=PAGE)
        except httpx.HTTPError as error:
            self._logger.warning("Modules of flows are imported ahead once they have run: %s", error)
            found = []
        entrypoints = [_entrypoint(one) for one in found]
        return [*self._options.modules, *(one.rpartition(".")[0] for one in entrypoints if one)]

    async def _settle(self, run_id: UUID) -> None:
        """Say that a run has crashed whose process has gone, unless the server knows of its end."""
        with contextlib.suppress(ObjectNotFound):
            flow_run = await self.client.read_flow_run(run_id)
            if run_id not in self._journal.lost():  # begun again while we asked
                return
            if flow_run.state is not None and flow_run.state.type in UNDER_WAY:
                crashed: State[None] = Crashed(message="Its process has gone without a word.")
                await self.client.set_flow_run_state(run_id, crashed, force=True)
                self._logger.warning("Run %s has crashed: its process has gone without a word", run_id)
        self._journal.ended(run_id)


def _folder(stack: contextlib.ExitStack, configuration: ProcessJobConfiguration) -> str:
    """Where the run works: the configured folder, or one of its own that is removed afterwards."""
    own = configuration.working_dir or stack.enter_context(tempfile.TemporaryDirectory(suffix="prefect"))
    return os.path.realpath(own)


def _entrypoint(deployment: DeploymentResponse | None) -> str:
    """Entrypoint of a flow in a module that needs no pull step; empty: what it needs is told only when it runs."""
    if deployment is None or deployment.pull_steps or not deployment.entrypoint or ":" in deployment.entrypoint:
        return ""
    return deployment.entrypoint


def _unforkable(configuration: ProcessJobConfiguration) -> str:
    """Why a run needs an interpreter of its own; empty: it does not."""
    if prefect_private.command_is_configured(configuration):
        return "it has a command of its own"
    if prefect_private.installs_dependencies(configuration.env):
        return "its dependencies are installed for it"
    return fallback.unforkable({name: value for name, value in configuration.env.items() if value is not None})
