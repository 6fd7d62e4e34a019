"""Prefect's own command line for our worker; of the process worker, with one default of ours: a run dies with it.

The worker of the embedded stack is started as `python -m deployments.embedded.process_worker worker start ...`.
The default belongs to this worker and not to the pool or the deployments: a worker that somebody starts elsewhere
with `prefect worker start` uses its own interpreter and knows nothing of our paths. A configured command also
spares the worker its second interpreter per run (1.5 CPU-s, not 2.5). The worker type `prefork` needs no such default.
"""

import shlex
import sys
from typing import Any

from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from deployments.embedded import child


class DyingWithTheWorker(ProcessJobConfiguration):
    """A run's process gets the parent-death signal before Prefect's engine starts in it."""

    def prepare_for_flow_run(self, *args: Any, **kwargs: Any) -> None:
        """Fill in the command unless somebody has set one."""
        self.command = self.command or flow_run_command()
        super().prepare_for_flow_run(*args, **kwargs)


def flow_run_command() -> str:
    """Prefect's engine behind our launcher."""
    return shlex.join(child.wrapped([sys.executable, "-m", "prefect.engine"]))


if __name__ == "__main__":
    from prefect.cli import app

    import deployments.prefork.worker  # noqa: F401  the type is known also where the package is not installed

    ProcessWorker.job_configuration = DyingWithTheWorker
    app()
