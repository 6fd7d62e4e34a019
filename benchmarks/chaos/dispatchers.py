"""The campaign's dispatchers: a fixed number of places, each filled again when its process is gone."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos.estate import Estate
from deployments.embedded import child

SOURCE = Path(__file__).resolve().parents[2]


@dataclass(kw_only=True)
class Place:
    """A place for one dispatcher.

    Attributes:
        name: of the place, and of its log.
        task: what its process does: see `dispatcher.run`.
        target: of the task `heal`.
        pid: of its process; 0 while there is none.
        born: when that was made, on the monotonic clock.
        thaw_at: when it is to go on, if it is frozen.
    """

    name: str
    task: str = "watch"
    target: str = ""
    pid: int = 0
    born: float = 0.0
    thaw_at: float | None = None

    def state(self) -> str:
        """The kernel's letter for its process; empty if there is none."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace") if self.pid else ""
        except OSError:
            return ""
        letter = stat.rpartition(")")[2].split()[:1]
        return "" if letter in (["Z"], ["X"]) else "".join(letter)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            if self.pid:
                os.kill(self.pid, number)


class Dispatchers:
    """All of them, from one nursery.

    Args:
        estate: what they watch.
        environment: of their database and of Prefect.
        plain: how many run the plain steps.
        flows: how many run as Prefect's flows.
    """

    def __init__(
        self,
        estate: Estate,
        environment: Mapping[str, str],
        *,
        plain: int = 0,
        flows: int = 0,
    ) -> None:
        tasks = ["watch"] * plain + ["flow"] * flows
        self.places = [Place(name=f"dispatcher{number}", task=task) for number, task in enumerate(tasks)]
        command = [sys.executable, "-m", "benchmarks.chaos.nursery", str(estate.folder), *["--flows"][: min(1, flows)]]
        with (estate.folder / "logs" / "nursery.log").open("ab") as log:
            self._nursery = subprocess.Popen(
                child.wrapped(command, parent=os.getpid()),
                env={**child.base_environment(), **environment, "SELFHEAL_CONFIG": str(estate.settings)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=SOURCE,
                text=True,
                start_new_session=True,
            )
        self._answer()

    def fill(self, place: Place, *, failpoint: str = "", mutants: Sequence[str] = (), database_url: str = "") -> None:
        """Make a process for a place that has none.

        Args:
            place: what it is to do.
            failpoint: where it is to die or to freeze.
            mutants: what is wrong with it.
            database_url: its way to the database, if it is another than that of all.
        """
        environment = {"SELFHEAL_FAILPOINT": failpoint}
        if database_url:
            environment["SELFHEAL_DATABASE_URL"] = database_url
        words = {"name": place.name, "task": place.task, "target": place.target}
        asked = {**words, "environment": environment, "mutants": list(mutants)}
        if self._nursery.stdin is None:
            raise TimeoutError("the nursery takes no orders")
        self._nursery.stdin.write(f"{json.dumps(asked)}\n")
        self._nursery.stdin.flush()
        place.pid, place.born, place.thaw_at = int(self._answer()), time.monotonic(), None

    def place(self, name: str, task: str, target: str = "") -> Place:
        """One place more, still empty."""
        made = Place(name=name, task=task, target=target)
        self.places.append(made)
        return made

    def end(self) -> None:
        """Kill them all; what they hold is left as it is."""
        for place in self.places:
            place.signal(signal.SIGKILL)
        self._nursery.kill()
        self._nursery.wait()
        for pipe in (self._nursery.stdin, self._nursery.stdout):
            if pipe is not None:
                pipe.close()

    def _answer(self) -> str:
        line = self._nursery.stdout.readline() if self._nursery.stdout else ""
        if not line:
            raise TimeoutError("the nursery of the dispatchers has ended; see logs/nursery.log")
        return line.strip()
