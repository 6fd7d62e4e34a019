"""The folder that keeps copies of a file, what is known of the last good one, and the lock of our processes.

`clients.request_file` and `clients.good_copies` call this. Each content is kept once, under its time and its hash. What
the file was when it was last read whole stands in `last-good.json`, which is replaced as a whole: it is there for all
processes of this machine, after each restart, and while the database is away.
"""

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from selfheal.clients.whole_file import in_our_words, read_whole
from selfheal.model.errors import Permanent, Transient
from selfheal.model.file_change import LastGood
from selfheal.ports import Clock

DAYS = timedelta(days=30)
"""So long the newest copy of each day is kept, whatever comes after it."""
_PAUSE_S = 0.02
_TIME = "%Y%m%dT%H%M%S.%fZ"
_SHORT = 16
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class Copies:
    """The folder.

    Args:
        folder: made when it is needed first, for its owner alone.
        keep: so many copies are kept, the newest, besides the newest of each day.
        clock: time and waiting.
        what: is copied, for a person.
        setting: names the folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: int,
        clock: Clock,
        what: str = "the request file",
        setting: str = "workflows.backups",
    ) -> None:
        self.folder = folder
        self._what, self._setting = what, setting
        self._keep = keep
        self._clock = clock
        self._threads = threading.Lock()

    @contextmanager
    def alone(self, *, patience: timedelta) -> Iterator[None]:
        """Alone among our own processes and threads. `Transient`: another one was at it for all that time."""
        end = self._clock.monotonic() + patience.total_seconds()
        with self._only_thread(patience) as alone:
            while alone:
                with self._only_process() as free:
                    if free:
                        yield
                        return
                if self._clock.monotonic() >= end:
                    break
                self._clock.wait(_PAUSE_S)
        raise Transient(f"another process of ours is writing {self._what}", hint="try again shortly")

    @contextmanager
    def alone_if_free(self) -> Iterator[bool]:
        """The same without waiting; whether it is so."""
        with self._only_thread(timedelta(0)) as alone:
            if not alone:
                yield False
                return
            with self._only_process() as free:
                yield free

    @contextmanager
    def _only_thread(self, patience: timedelta) -> Iterator[bool]:
        """One thread of a process at a time asks for the lock: the others wait without asking again and again."""
        taken = self._threads.acquire(timeout=patience.total_seconds())
        try:
            yield taken
        finally:
            if taken:
                self._threads.release()

    @contextmanager
    def _only_process(self) -> Iterator[bool]:
        with self._refused():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _taken(file):
                yield False
                return
            try:
                yield True
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)  # also where a fork has inherited it
        finally:
            os.close(file)

    def keep(self, data: bytes, sha256: str) -> Path:
        """Keep a copy of these bytes; the one that there is, if there is one. Once this returns it is on the disk."""
        found = self._named(sha256)
        if found is not None:
            with self._refused():
                os.utime(found)  # it is of now, too
            return found
        path = self.folder / f"{self._clock.now().strftime(_TIME)}-{sha256[:_SHORT]}.md"
        self._write(path, data)
        return path

    def content(self, sha256: str) -> bytes:
        """The bytes with this hash.

        Raises:
            Permanent: there is no such copy, or it is damaged.
            Transient: it cannot be read.
        """
        found = self._named(sha256)
        if found is None:
            raise Permanent(f"no copy {sha256[:_SHORT]} is in {self.folder}", hint="look at its other copies by hand")
        data = read_whole(found).data
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Permanent(f"the copy {found} is damaged", hint="look at the other copies beside it by hand")
        return data

    def last_good(self) -> LastGood | None:
        """What the file was when it was last read whole; None: it never was. `Transient`: it cannot be told."""
        path = self.folder / "last-good.json"
        if not os.path.lexists(path):
            return None
        try:
            values = json.loads(read_whole(path).data)
            return LastGood(**values | {"seen_at": datetime.fromisoformat(values["seen_at"])})
        except (ValueError, TypeError, KeyError) as error:
            raise Transient(
                f"{path} is damaged: {error}", hint="say that the file is whole: `selfheal workflows accept`"
            ) from error

    def note(self, last: LastGood, data: bytes) -> None:
        """From now on this is what the file was; its bytes are kept."""
        self.keep(data, last.sha256)
        values = asdict(last) | {"seen_at": last.seen_at.isoformat()}
        self._write(self.folder / "last-good.json", json.dumps(values).encode())

    def prune(self) -> None:
        """Remove the copies that are too many; never the last good one, or the newest of one of the last days."""
        last = self.last_good()
        stays = "none" if last is None else last.sha256[:_SHORT]
        day_before, oldest = None, self._clock.now() - DAYS
        with self._refused():
            for one in self.folder.glob(".*.new"):  # a killed process left it: nobody else is here
                one.unlink(missing_ok=True)
            if len(self._all()) <= self._keep:
                return
            times = {path: datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in self._all()}
            for number, (path, at) in enumerate(sorted(times.items(), key=lambda one: (one[1], one[0]), reverse=True)):
                newest_of_day = at.date() != day_before and at >= oldest
                day_before = at.date()
                if number >= self._keep and not newest_of_day and not path.stem.endswith(f"-{stays}"):
                    path.unlink(missing_ok=True)

    def _all(self) -> list[Path]:
        with self._refused():
            return [one for one in self.folder.iterdir() if one.suffix == ".md"] if self.folder.is_dir() else []

    def _named(self, sha256: str) -> Path | None:
        return next((one for one in self._all() if one.stem.endswith(f"-{sha256[:_SHORT]}")), None)

    def _write(self, path: Path, data: bytes) -> None:
        """Whole or not at all, whatever happens."""
        new = self.folder / f".{path.name}.{os.getpid()}.new"
        with self._refused():
            try:
                with os.fdopen(os.open(new, _NEW, 0o600), "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(path)
            finally:
                new.unlink(missing_ok=True)
            sync_folder(self.folder)

    @contextmanager
    def _refused(self) -> Iterator[None]:
        said = f"no copy of {self._what} can be kept in {self.folder}"
        with in_our_words(said, hint=f"see {self._setting}"):
            yield


def sync_folder(folder: Path) -> None:
    """What was named or renamed in this folder is on the disk when this returns."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
