"""What is seen of each acceptance case under Prefect's process worker and under ours: the one table of both.

`docs/decisions/prefork-worker.md` shows the same; `test_workers.py` compares the two. Each end is awaited for
`worker_lab.PATIENCE_S`, which is wide: how soon it comes is for `python -m benchmarks runstart`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from worker_blows import CASES

_HEADING = "| case | what is done | process worker | prefork worker |\n| --- | --- | --- | --- |\n"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is seen of a case.

    Attributes:
        process: under the stock worker; empty: the case is ours only.
        prefork: under ours.
    """

    process: str
    prefork: str

    def of(self, kind: str) -> str:
        """What is seen under a kind of worker."""
        return self.process if kind == "process" else self.prefork


def _both(seen: str) -> Row:
    return Row(process=seen, prefork=seen)


_WHOLE = "print and logger at the API, stdout and stderr in the worker's output"
_ENDED = "its process has ended"
_STOPPED = f"{_ENDED}; exit code of the worker 0"
TABLE: Mapping[str, Row] = {
    "success": _both("Completed"),
    "success-async": _both("Completed"),
    "failure": _both("Failed"),
    "failure-async": _both("Failed"),
    "import-error": _both("Crashed, exit code 1"),
    "missing-flow": _both("Crashed, exit code 1"),
    "os-exit": _both("Crashed, exit code 3; on_crashed called"),
    "segfault": _both("Crashed, exit code -11; on_crashed called"),
    "sys-exit-three": _both("Crashed"),
    "sys-exit-zero": _both("Crashed"),
    "timeout": _both("TimedOut"),
    "timeout-async": _both("TimedOut"),
    "fork-and-threads": _both("Completed: squares [0, 0, 1, 1, 4, 9]"),
    "tasks-at-once": _both("Completed: doubles [0, 2, 4]"),
    "numpy-and-scikit-learn": _both("Completed: slope 2, trace 200"),
    "psycopg-in-a-run": _both("Completed: answer [42]"),
    "nats-in-a-run": _both('Completed: answer "hear me"'),
    "nats-in-an-async-run": _both('Completed: answer "hear me"'),
    "docker-in-a-run": _both("Completed: answer true"),
    "logs": _both(f"Completed; {_WHOLE}"),
    "twenty-at-once": _both("Completed in 20 processes"),
    "file-entrypoint": _both("Completed: before"),
    "secret-of-a-run": _both("not seen; a folder for each run, which is taken away"),
    "variable-set-at-import": _both('Completed: token "of the file"'),
    "variable-read-at-import": _both("Completed: none, Completed: production"),
    "settings-of-a-run": _both("Completed"),
    "edited-data": _both("first, second"),
    "edited-flow": _both("before, edited, again"),
    "pool-limit": _both("Completed; one after the other"),
    "deployment-limit": _both("Completed; while it ran: Cancelled; after it: Completed"),
    "cancel-while-pending": _both("Cancelled; the flow has not run"),
    "kill-child-while-pending": _both("Crashed, exit code -9"),
    "cancel-while-scheduled": _both("Cancelled"),
    "cancel-while-running": _both("Cancelled; on_cancellation called"),
    "cancel-while-running-async": _both("Cancelled; on_cancellation called"),
    "kill-child": _both("Crashed, exit code -9; on_crashed called"),
    "terminate-child": _both("Crashed; on_crashed called"),
    "kill-zygote": Row(process="", prefork="Completed; the next run Completed"),
    "kill-worker": Row(process="Running; its process lives on", prefork=f"Crashed; {_ENDED}"),
    "stop-worker-sigterm": Row(process=f"Running; {_STOPPED}", prefork=f"Crashed; {_STOPPED}"),
    "stop-worker-sigint": Row(process=f"Running; {_STOPPED}", prefork=f"Crashed; {_STOPPED}"),
}


def page() -> str:
    """The table as the documents show it."""
    return _HEADING + "".join(
        f"| {name} | {(CASES[name].__doc__ or '').strip()} | {row.process or '-'} | {_told(row)} |\n"
        for name, row in TABLE.items()
    )


def _told(row: Row) -> str:
    return "the same" if row.prefork == row.process else row.prefork
