"""All that the prefork worker uses of Prefect beyond its documented interface, in one place.

Nothing else in this package may import a name with an underscore from Prefect, or rely on how it works inside.
`tests/unit/test_prefork_prefect.py` fails first when a release changes one of these, and says what to look at;
`docs/decisions/prefork-worker.md` says what each is for.
"""

import os
import runpy
import sys
from collections.abc import Mapping

from prefect import context as prefect_context
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import DeploymentResponse
from prefect.flows import load_flow_from_flow_run
from prefect.logging.configuration import DEFAULT_LOGGING_SETTINGS_PATH, setup_logging
from prefect.runner._control_channel import ControlChannel
from prefect.runner._flow_run_executor import FlowRunExecutionResult, FlowRunExecutorContext
from prefect.runner._hook_runner import HookRunner
from prefect.runner._process_manager import ProcessHandle, create_isolated_termination_scope
from prefect.settings import get_current_settings, sources
from prefect.utilities.processutils import sanitize_subprocess_env
from prefect.workers.process import ProcessJobConfiguration

__all__ = [
    "ControlChannel",
    "FlowRunExecutionResult",
    "FlowRunExecutorContext",
    "ProcessHandle",
    "create_isolated_termination_scope",
]

ENGINE = "prefect.engine"
"""The module that a process worker runs with `python -m`: our children run it as `__main__` too."""

LAZILY = (
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "anyio._backends._asyncio",
    "anyio.streams.memory",
    "anyio.streams.tls",
    "encodings.idna",
    "rich._emoji_codes",
)
"""What a run imports only when it gets there; imported ahead, it costs each run nothing."""

SETTINGS_IN_FOLDER = (".env", "prefect.toml", "pyproject.toml")
"""Where Prefect looks for settings in the folder that a process starts in."""


def settings_environment() -> dict[str, str]:
    """The settings of this process, as it gives them to what it starts."""
    return get_current_settings().to_environment_variables(exclude_unset=True)


def settings_files() -> list[str]:
    """Where settings stand that are not in the environment."""
    settings = get_current_settings()
    return [str(settings.profiles_path), str(settings.logging.config_path or DEFAULT_LOGGING_SETTINGS_PATH)]


def has_other_settings(folder: str, before: Mapping[str, str]) -> bool:
    """Whether a process that starts in this folder, with the environment as it is now, has other settings than we.

    Args:
        folder: to start in.
        before: our environment when we read them.
    """
    names = {
        name for name in (*before, *os.environ) if name.startswith("PREFECT_") and not name.startswith("PREFECT__")
    }
    if any(before.get(name) != os.environ.get(name) for name in names):
        return True
    return any(os.path.exists(os.path.join(folder, name)) for name in SETTINGS_IN_FOLDER)  # noqa: PTH110, PTH118


def as_in_a_new_process() -> None:
    """Read settings, profile and logging configuration again, from the environment as it is now."""
    sources._file_cache.clear()  # noqa: SLF001
    prefect_context.refresh_global_settings_context()
    setup_logging(incremental=False)


def run_engine() -> None:
    """Run Prefect's own entry for one flow run, whose id is in the environment; leaves by SystemExit or returns."""
    sys.modules.pop(ENGINE, None)
    runpy.run_module(ENGINE, run_name="__main__", alter_sys=True)


async def run_hooks(kind: str, flow_run: str, state: str) -> None:
    """Load the flow as Prefect's runner does, and run its hooks; their errors are in the run's log.

    Args:
        kind: "crashed" or "cancellation".
        flow_run: in JSON.
        state: that it has entered, in JSON.
    """
    hooks = HookRunner(resolve_flow=load_flow_from_flow_run)
    one, entered = FlowRun.model_validate_json(flow_run), State.model_validate_json(state)
    await (hooks.run_crashed_hooks if kind == "crashed" else hooks.run_cancellation_hooks)(one, entered)


def command_is_configured(configuration: ProcessJobConfiguration) -> bool:
    """Whether somebody has said which command is to be run, in the pool, the deployment or the run."""
    return configuration._command_configured  # noqa: SLF001


def configure_command(configuration: ProcessJobConfiguration, command: str) -> None:
    """Have the process worker start a command of ours."""
    configuration.command = command
    configuration._command_configured = True  # noqa: SLF001


def deployment_of(configuration: ProcessJobConfiguration) -> DeploymentResponse | None:
    """The deployment that the run belongs to; None: it belongs to none."""
    found: DeploymentResponse | None = configuration._related_objects.get("deployment")  # noqa: SLF001
    return found


def installs_dependencies(environment: dict[str, str | None]) -> bool:
    """Whether the run is to get its own dependencies from `uv`, which a forked child cannot."""
    said = environment.get("PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES")
    if said is None:
        return bool(get_current_settings().runner.auto_install_dependencies)
    return said.strip().lower() in {"1", "true", "yes", "on", "t", "y"}


def run_environment(
    configured: dict[str, str | None], *, flow_run: FlowRun, control: dict[str, str], entrypoint: str
) -> dict[str, str]:
    """The environment of a run, made as the process worker makes it.

    Args:
        configured: of the job configuration.
        flow_run: the run.
        control: port and token of the runner's control channel; empty: there is none.
        entrypoint: of a flow in a module that needs no pull step; empty: the engine asks the server.
    """
    environment: dict[str, str | None] = {
        **os.environ,
        **settings_environment(),
        **configured,
        "PREFECT__FLOW_RUN_ID": str(flow_run.id),
        "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
        **control,
    }
    if entrypoint:
        environment["PREFECT__FLOW_ENTRYPOINT"] = entrypoint
    return sanitize_subprocess_env(environment)


def control_environment(channel: ControlChannel, flow_run: FlowRun) -> dict[str, str]:
    """Register the run with the channel over which it is told that it is cancelled; empty: there is no channel."""
    try:
        port, token = channel.register(flow_run.id)
    except RuntimeError:
        return {}
    return {"PREFECT__CONTROL_PORT": str(port), "PREFECT__CONTROL_TOKEN": token}
