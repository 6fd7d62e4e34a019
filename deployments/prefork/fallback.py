"""Where fork is not to be had, and which runs cannot be forked: both are then run by Prefect's own process worker."""

import os
import select
import sys
from collections.abc import Mapping

from prefect.workers.process import ProcessJobConfiguration

from deployments import orphans
from deployments.embedded import process_worker
from deployments.prefork import prefect_private
from deployments.prefork.reading import LOADED_ONCE

READ_AT_START = ("PYTHON", "LD_", "MALLOC_", "GLIBC_", "LC_", "LANG", *LOADED_ONCE)
"""Beginnings of variables that an interpreter, or a library when it is loaded, reads once."""
READ_AGAIN = ("PYTHONPATH",)
"""Except for those that a forked child can still follow."""


def unavailable() -> str:
    """Why nothing can be forked from a zygote on this machine; empty: it can. Makes this process a subreaper."""
    if sys.platform != "linux":
        return f"needs Linux, this is {sys.platform}"
    missing = [name for where, name in ((os, "fork"), (os, "pidfd_open"), (select, "poll")) if not hasattr(where, name)]
    if missing:
        return f"needs {missing[0]}, which this Python does not have"
    try:
        os.close(os.pidfd_open(os.getpid()))
        orphans.become_subreaper()
    except OSError as error:
        return f"the kernel refuses what it needs: {error.strerror}"
    return ""


def let_it_die_with_us(configuration: ProcessJobConfiguration) -> None:
    """A run that the process worker starts does not outlive a killed worker either, where the kernel sees to that."""
    own = prefect_private.command_is_configured(configuration)
    if sys.platform == "linux" and not own and not prefect_private.installs_dependencies(configuration.env):
        prefect_private.configure_command(configuration, process_worker.flow_run_command())


def unforkable(environment: Mapping[str, str]) -> str:
    """Why a run with this environment needs an interpreter of its own; empty: it can be forked."""
    names = {name for name in (*environment, *os.environ) if name.startswith(READ_AT_START) and name not in READ_AGAIN}
    other = sorted(name for name in names if environment.get(name) != os.environ.get(name))
    return f"{other[0]} is not the worker's, and is read when an interpreter starts" if other else ""
