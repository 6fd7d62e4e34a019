"""Our side of `reaction`: a component with the watcher beside it, ready for the next fault when the last is settled."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.database import Database
from benchmarks.rounds import until
from deployments.embedded import child
from deployments.embedded.files import write_private
from selfheal.model.errors import Permanent
from selfheal.model.health import HealthStatus
from selfheal.model.page import Slice
from selfheal.model.report import AttemptFilter, HistoryLine
from selfheal.store.engine import open_engine
from selfheal.store.health import HealthHistory
from selfheal.store.reading.attempts import Attempts

SOURCE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Healed:
    """A component that is being watched.

    Attributes:
        component: its name.
        attempts: what was recorded.
        health: what the watcher has seen.
        watcher: its process.
        log: of the watcher.
    """

    component: str
    attempts: Attempts
    health: HealthHistory
    watcher: subprocess.Popen[bytes]
    log: Path

    def await_settled(self, *, attempts: int) -> HistoryLine | None:
        """Wait until so many attempts were made, the last is recorded, and the watcher watches the new process.

        Gives the last attempt.

        Raises:
            Permanent: an attempt did not heal, or the watcher has ended.
        """
        until(lambda: self._settled(attempts), what=f"{attempts} heals are settled and the watcher has swept since")
        lines = self._newest(attempts + 1)
        if len(lines) != attempts or any(line.verification != "HEALED" for line in lines):
            raise Permanent(f"{attempts} heals were expected, recorded are {[line.verification for line in lines]}")
        return lines[0] if lines else None

    def _settled(self, attempts: int) -> bool:
        if self.watcher.poll() is not None:
            raise Permanent(f"the watcher ended: {self.log.read_text(errors='replace')[-500:]}")
        lines = self._newest(attempts + 1)
        if len(lines) < attempts or any(line.completed_at is None for line in lines):
            return False
        return self._swept_since(lines[0].completed_at if lines else None)

    def _newest(self, limit: int) -> Sequence[HistoryLine]:
        return self.attempts.page(Slice(limit=limit), AttemptFilter(component=self.component)).items

    def _swept_since(self, moment: datetime | None) -> bool:
        """Whether a sweep has seen the program well after that moment; a sweep ends by watching the pids it found."""
        return any(
            seen.component == self.component
            and seen.status is HealthStatus.OPERATIONAL
            and (moment is None or seen.checked_at > moment)
            for seen in self.health.latest()
        )


@contextlib.contextmanager
def healed(folder: Path, database: Database, component: str, values: dict[str, Any]) -> Iterator[Healed]:
    """A watcher of its own over these settings, ended afterwards.

    At the default pace, but rounds must not cool down, and need not wait 5 s for the second look: neither lies before
    what is measured.
    """
    settings, log = folder / f"{component}.json", folder / f"{component}.log"
    components = {name: one | {"healthy_delay": "1 s"} for name, one in values["components"].items()}
    healing = {"allow": [component], "cooldown": "1 ms", "flap": "1 ms", "in_10_minutes": 1000, "in_an_hour": 1000}
    write_private(settings, json.dumps(values | {"components": components, "healing": healing}))
    engine = open_engine(database.url)
    watcher = _start(settings, log, database)
    attempts, health = Attempts(engine), HealthHistory(engine)
    try:
        yield Healed(component=component, attempts=attempts, health=health, watcher=watcher, log=log)
    finally:
        watcher.kill()
        watcher.wait()
        engine.dispose()


def _start(settings: Path, log: Path, database: Database) -> subprocess.Popen[bytes]:
    environment = child.base_environment() | {"SELFHEAL_DATABASE_URL": database.url}
    command = [sys.executable, "-m", "benchmarks.watching", str(settings)]
    return child.spawn(command, log=log, environment=environment, folder=SOURCE)
