"""How a run's process is started, and its hooks: in place of what starts Python in Prefect's process worker."""

import os
import signal

import anyio
import anyio.abc
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging.loggers import flow_run_logger

from deployments.prefork import prefect_private
from deployments.prefork.forked import Forked
from deployments.prefork.journal import Journal
from deployments.prefork.prefect_private import ControlChannel, ProcessHandle, create_isolated_termination_scope
from deployments.prefork.reading import differs
from deployments.prefork.request import Request
from deployments.prefork.started import NoZygoteError, Zygote
from deployments.prefork.zygotes import Zygotes

OWN_INTERPRETER = "This run begins as a new interpreter: %s is not the worker's, and was read by what is imported ahead"
END_SECONDS = 10.0
"""Patience with a run that was told to end because its worker stops."""


class Run:
    """Starts the process of one flow run, and later its hooks, with the same folder and environment.

    `start` is what Prefect calls a process starter, the other two methods are its hook runner.
    """

    def __init__(  # noqa: PLR0913 - each says where or how the run is to live
        self,
        *,
        zygotes: Zygotes,
        journal: Journal,
        environment: dict[str, str | None],
        folder: str,
        entrypoint: str,
        streams: bool,
        control: ControlChannel,
    ) -> None:
        """Describe; nothing is started.

        Args:
            zygotes: to fork from.
            journal: of runs under way.
            environment: of the job configuration.
            folder: to work in.
            entrypoint: of a flow in a module that can be imported ahead; else empty.
            streams: whether its output is to be seen in the worker's.
            control: Prefect's channel to the run.
        """
        self._zygotes, self._journal = zygotes, journal
        self._configured, self._folder = environment, folder
        self._module, self._entrypoint = entrypoint.rpartition(".")[0], entrypoint
        self._streams, self._control = streams, control
        self.concluded = False
        """Whether the engine has said that it has told the server how the run ended."""

    async def start(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Start the process, tell its handle, and wait until it has ended."""
        control = prefect_private.control_environment(self._control, flow_run)
        try:
            child = await self._fork(flow_run, control=control, kind="run", hook={})
        except BaseException:
            self._control.unregister(flow_run.id)
            raise
        try:
            self._journal.began(flow_run.id, child.pid)
            task_status.started(ProcessHandle(child, termination_scope=create_isolated_termination_scope(child.pid)))  # type: ignore[arg-type]
            await child.wait()
            self.concluded = self._control.get_conclusion(flow_run.id) is not None
        finally:
            if child.returncode is None:
                await _end(child)

    async def run_crashed_hooks(self, flow_run: FlowRun, state: State) -> None:
        """Run the flow's hooks for a crash."""
        if state.is_crashed():
            await self._hooks("crashed", flow_run, state)

    async def run_cancellation_hooks(self, flow_run: FlowRun, state: State) -> None:
        """Run the flow's hooks for a cancellation.

        Not for a flow that has never begun and that only pull steps find: the hooks would need them again, and the run
        would be Cancelling for as long as they take; cut short was the first try of them.
        """
        if not state.is_cancelling():
            return
        if flow_run.start_time is None and not self._entrypoint:
            flow_run_logger(flow_run).info("The flow has not begun: its on_cancellation hooks are not run")
            return
        await self._hooks("cancellation", flow_run, state)

    async def _hooks(self, kind: str, flow_run: FlowRun, state: State) -> None:
        """In a child of their own: the flow's code is never imported by the worker."""
        hook = {"kind": kind, "flow_run": flow_run.model_dump_json(), "state": state.model_dump_json()}
        try:
            child = await self._fork(flow_run, control={}, kind="hook", hook=hook)
            code = await child.wait()
            failed = f"exit code {code}" if code else ""
        except NoZygoteError as error:
            failed = str(error)
        if failed:
            flow_run_logger(flow_run).warning("The on_%s hooks could not be run: %s", kind, failed)

    async def _fork(self, flow_run: FlowRun, *, control: dict[str, str], kind: str, hook: dict[str, str]) -> Forked:
        environment = prefect_private.run_environment(
            self._configured, flow_run=flow_run, control=control, entrypoint=self._entrypoint
        )

        def request(zygote: Zygote) -> Request:
            other = differs(zygote.ready.variables, run=environment, zygote=zygote.environment)
            if other and kind == "run":
                flow_run_logger(flow_run).info(OWN_INTERPRETER, other)
            return Request(
                kind="hook" if kind == "hook" else "run",
                environment=environment,
                folder=self._folder,
                title=flow_run.name,
                anew=bool(other) and kind == "run",
                preloaded=bool(self._module) and self._module in zygote.ready.modules and not other,
                hook=hook,
            )

        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            output, errors = (1, 2) if self._streams else (nowhere, nowhere)
            return await self._zygotes.fork(request, module=self._module, output=output, errors=errors)
        finally:
            os.close(nowhere)


async def _end(child: Forked) -> None:
    """Tell it to end, as Prefect's worker does when it stops, and kill it if it does not."""
    with anyio.CancelScope(shield=True):
        child.end(signal.SIGTERM)
        with anyio.move_on_after(END_SECONDS):
            await child.wait()
        child.end(signal.SIGKILL)
        await child.wait()
