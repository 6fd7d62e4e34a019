"""Which runs are under way, and in which process: so that no run stays Running for ever whose process has gone.

A killed worker takes its runs along and can say nothing more. The next one that uses the same PREFECT_HOME for the
pool, or one that lives beside it, finds their files; a worker also finds its own runs that have ended without a word.
A run of another host, or whose process or worker lives, is left alone.
"""

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from anyio.abc import TaskStatus

from selfheal.model.attempt import Holder
from selfheal.protocol.holder import holder_of, is_gone

_log = logging.getLogger(__name__)


class Noted(TaskStatus[int]):
    """Told by Prefect which process a run has that is not forked, for the journal and for whoever waits for it."""

    def __init__(self, journal: "Journal", run_id: UUID, then: TaskStatus[int]) -> None:
        """Pass it on as the status of the start."""
        self._journal, self._run_id, self._then = journal, run_id, then

    def started(self, value: Any = None) -> None:
        """The run has this process."""
        self._journal.began(self._run_id, value)
        self._then.started(value)


class Journal:
    """One file per run, in a folder."""

    def __init__(self, folder: Path) -> None:
        """Describe; the folder is made with the first run."""
        self._folder = folder
        self._under_way: set[UUID] = set()

    @contextlib.contextmanager
    def run(self, run_id: UUID) -> Iterator[None]:
        """Note that we look after a run; afterwards somebody has to say that it has `ended`."""
        self._write(run_id, None)
        self._under_way.add(run_id)
        try:
            yield
        finally:
            self._under_way.discard(run_id)

    def began(self, run_id: UUID, pid: int) -> None:
        """Note the process of a run."""
        self._write(run_id, pid)

    def ended(self, run_id: UUID) -> None:
        """The server knows how the run has ended."""
        with self._told_if_it_fails(run_id):
            self._file(run_id).unlink(missing_ok=True)

    def lost(self) -> list[UUID]:
        """Runs that nobody looks after any more and whose process has gone."""
        return [UUID(file.stem) for file in sorted(self._folder.glob("*.json")) if self._is_lost(file)]

    def _write(self, run_id: UUID, pid: int | None) -> None:
        noted = {"worker": _words(os.getpid()), "process": None if pid is None else _words(pid)}
        beside = self._file(run_id).with_suffix(".new")
        with self._told_if_it_fails(run_id):
            self._folder.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(noted), encoding="utf-8")
            beside.replace(self._file(run_id))

    @contextlib.contextmanager
    def _told_if_it_fails(self, run_id: UUID) -> Iterator[None]:
        """A run goes on without its note, on a full disk for example: the note counts only if its worker dies."""
        try:
            yield
        except OSError as error:
            _log.warning("Run %s is not noted in %s: %s", run_id, self._folder, error)

    def _is_lost(self, file: Path) -> bool:
        try:
            if UUID(file.stem) in self._under_way:
                return False
            noted = json.loads(file.read_text(encoding="utf-8"))
            worker, process = Holder(**noted["worker"]), noted["process"]
            orphaned = is_gone(worker) or worker == holder_of(os.getpid())
            return orphaned and (process is None or is_gone(Holder(**process)))
        except FileNotFoundError:  # it has ended meanwhile
            return False
        except (OSError, KeyError, TypeError, ValueError) as error:
            _log.warning("%s cannot be read, remove it: %s", file, error)
            return False

    def _file(self, run_id: UUID) -> Path:
        return self._folder / f"{run_id}.json"


def _words(pid: int) -> Mapping[str, Any]:
    holder = holder_of(pid)
    return {"host": holder.host, "pid": holder.pid, "started": holder.started}
