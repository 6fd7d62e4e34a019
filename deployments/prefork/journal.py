"""Which runs are under way, and in which process: so that a worker that was killed leaves none Running for ever.

Their processes die with the worker. The next worker that uses the same PREFECT_HOME for the pool, or one that lives
beside, finds the file of a run whose process is gone and says so to the server. A run of another host, or whose process
lives, is left alone.
"""

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from selfheal.model.attempt import Holder
from selfheal.protocol.holder import holder_of, is_gone

_log = logging.getLogger(__name__)


class Journal:
    """One file per run, in a folder."""

    def __init__(self, folder: Path) -> None:
        """Describe; the folder is made with the first run."""
        self._folder = folder

    @contextlib.contextmanager
    def run(self, run_id: UUID, pid: int) -> Iterator[None]:
        """Note that a run is under way: at first in the worker itself, whose process id is given."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.began(run_id, pid)
        try:
            yield
        finally:
            self.forget(run_id)

    def began(self, run_id: UUID, pid: int) -> None:
        """Note the process of a run."""
        holder = holder_of(pid)
        beside = self._file(run_id).with_suffix(".new")
        beside.write_text(json.dumps({"host": holder.host, "pid": holder.pid, "started": holder.started}))
        beside.replace(self._file(run_id))

    def lost(self) -> list[UUID]:
        """Runs whose process is gone."""
        return [UUID(file.stem) for file in sorted(self._folder.glob("*.json")) if _is_lost(file)]

    def forget(self, run_id: UUID) -> None:
        """The run has ended, and the server knows."""
        self._file(run_id).unlink(missing_ok=True)

    def _file(self, run_id: UUID) -> Path:
        return self._folder / f"{run_id}.json"


def _is_lost(file: Path) -> bool:
    try:
        return is_gone(Holder(**json.loads(file.read_text())))
    except FileNotFoundError:  # it has ended meanwhile
        return False
    except (OSError, TypeError, ValueError) as error:
        _log.warning("%s cannot be read and is left: %s", file, error)
        return False
